#include "task/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// Between attempts to produce a dead letter.
constexpr milliseconds kFirstDeadLetterBackoff{1'000};
constexpr milliseconds kLongestDeadLetterBackoff{60'000};
// After so many permanent refusals of its dead letter a record stops the connector. More than one,
// because the topic may just have been changed.
constexpr int kMaxRefusals = 3;
// How often to look for slow attempts while the poll thread reads nothing.
constexpr milliseconds kSlowCheckInterval{100};

// The policy of the settings, which it keeps alive.
std::shared_ptr<const delivery::Policy> PolicyOf(
    const std::shared_ptr<const DeliverySettings>& settings) {
  return {settings, &settings->policy};
}

milliseconds DeadLetterBackoff(int failures) {
  return std::min(kFirstDeadLetterBackoff * (1 << std::min(failures, 10)),
                  kLongestDeadLetterBackoff);
}

}  // namespace

Dispatcher::Dispatcher(const TaskIdentity& identity,
                       std::shared_ptr<const DeliverySettings> settings, Endpoint& endpoint,
                       const base::Clock& clock, metrics::ConnectorMetrics& metrics,
                       std::function<void()> wake_poller)
    : endpoint_(endpoint),
      clock_(clock),
      metrics_(metrics),
      report_(identity, clock, metrics),
      wake_poller_(std::move(wake_poller)),
      settings_(std::move(settings)),
      lanes_(PolicyOf(settings_)),
      thread_([this] { Run(); }) {}

Dispatcher::~Dispatcher() {
  Send([this](Lanes& lanes) {
    ending_ = true;
    lanes.StopTaking();
  });
  thread_.join();
  // Only after the thread has ended, which produces them.
  if (settings_->dead_letters) settings_->dead_letters->Abandon();
  HandleDeadLetterResults();
}

void Dispatcher::Send(std::function<void()> event, size_t bytes) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  pending_bytes_ += bytes;
  WakeIfWaiting();
}

void Dispatcher::Send(std::function<void(Lanes&)> event) {
  Send([this, event = std::move(event)] { event(lanes_); }, 0);
}

// With the lock held, after something was put into the mailbox.
void Dispatcher::WakeIfWaiting() {
  if (std::exchange(waiting_, false)) endpoint_.Wake();
}

void Dispatcher::Add(Records records, const base::Now& now,
                     std::function<void(const Position&)> on_started_over) {
  size_t bytes = 0;
  for (const delivery::Record& record : records) bytes += record.Bytes() + sizeof(Job);
  auto add = [this, records = std::move(records), now, bytes,
              on_started_over = std::move(on_started_over)]() mutable {
    Position at;
    for (delivery::Record& record : records) {
      at.topic_partition = record.topic_partition;
      at.offset = record.offset;
      const Lanes::AddResult result = lanes_.Add(std::move(record), now);
      if (result == Lanes::AddResult::kStartedOver) on_started_over(at);
    }
    added_bytes_ += bytes;
  };
  Send(std::move(add), bytes);
}

void Dispatcher::Reconfigure(std::shared_ptr<const DeliverySettings> settings) {
  Send([this, settings = std::move(settings)]() mutable { ApplySettings(std::move(settings)); }, 0);
}

void Dispatcher::WakePollerOnFinish(bool always) {
  Send([this, always](Lanes&) { wake_poller_on_finish_ = always; });
}

size_t Dispatcher::WantedBytes() {
  const std::lock_guard lock(mutex_);
  const size_t wanted = demand_.Wanted(pending_bytes_);
  poller_has_enough_ = wanted == 0;
  return wanted;
}

std::optional<Partitions> Dispatcher::TakePausedPartitions() {
  const std::lock_guard lock(mutex_);
  return std::exchange(paused_partitions_, std::nullopt);
}

Dispatcher::Held Dispatcher::held() {
  const std::lock_guard lock(mutex_);
  return held_;
}

std::optional<StopPoint> Dispatcher::stop_point() {
  const std::lock_guard lock(mutex_);
  return stop_point_;
}

std::string Dispatcher::dead_letter_problem() {
  const std::lock_guard lock(mutex_);
  return dead_letter_problem_ ? dead_letter_problem_->second : std::string();
}

// Throws nothing but std::bad_alloc, which may end the process.
void Dispatcher::Run() {
  endpoint_.Use(settings_->route.destination);
  AddSlots();
  for (;;) {
    // First, because the attempts that have ended may be fenced by an event.
    HandleEvents();
    HandleDeadLetterResults();
    for (Endpoint::Ended& ended : ended_) OnAttemptDone(std::move(ended));
    ended_.clear();
    if (ending_ && free_slots_.size() == attempts_.size()) return;
    CancelFenced();
    const base::MonotonicTime now = clock_.Monotonic();
    while (FreeSlots() > 0) {
      JobPtr job = lanes_.Take(now);
      if (!job) break;
      BeginAttempt(std::move(job));
    }
    if (Publish()) endpoint_.Wait(wait_until_, ended_);
  }
}

void Dispatcher::HandleEvents() {
  std::vector<std::function<void()>> events;
  {
    const std::lock_guard lock(mutex_);
    waiting_ = false;
    events.swap(events_);
  }
  for (const std::function<void()>& event : events) event();
}

void Dispatcher::HandleDeadLetterResults() {
  std::vector<DeadLetterResult> results;
  {
    const std::lock_guard lock(mutex_);
    results.swap(dead_letter_results_);
  }
  for (DeadLetterResult& result : results) OnDeadLetterDone(std::move(result.job), result.failure);
}

void Dispatcher::CancelFenced() {
  if (!lanes_.TakeFencedInFlight()) return;
  for (Endpoint::Slot slot = 0; slot < attempts_.size(); ++slot) {
    const JobPtr& job = attempts_[slot].job;
    if (job && lanes_.IsFenced(*job)) endpoint_.Cancel(slot);
  }
}

// Publishes what the poll thread reads, and wakes it if it should look at that. False when the
// mailbox has something new.
bool Dispatcher::Publish() {
  const base::MonotonicTime now = clock_.Monotonic();
  const MemoryLimits::Demand demand = lanes_.UpdateDemand(now);
  std::optional<Partitions> paused;
  if (lanes_.HasFlowChanges()) {
    lanes_.TakeFlowChanges();
    paused = lanes_.PausedPartitions();
  }
  bool wake_poller = std::exchange(poller_needed_, false) || paused;
  wait_until_ = FreeSlots() > 0 ? lanes_.NextDue() : std::nullopt;
  // What is queued behind a slow attempt does not count as available.
  if (demand.bytes == 0 && lanes_.in_flight() > 0) {
    wait_until_ =
        std::min(wait_until_.value_or(base::MonotonicTime::max()), now + kSlowCheckInterval);
  }
  bool waiting = false;
  {
    const std::lock_guard lock(mutex_);
    pending_bytes_ -= std::exchange(added_bytes_, 0);
    demand_ = demand;
    if (poller_has_enough_ && demand.Wanted(pending_bytes_) > 0) {
      poller_has_enough_ = false;
      wake_poller = true;
    }
    if (paused) paused_partitions_ = std::move(paused);
    held_ = {static_cast<long>(lanes_.records()), static_cast<long>(lanes_.bytes()),
             static_cast<long>(lanes_.waiting_retry())};
    if (dead_letter_problem_ && !lanes_.IsAssigned(dead_letter_problem_->first)) {
      dead_letter_problem_.reset();  // the record is another member's now
      wake_poller = true;
    }
    waiting = waiting_ = events_.empty() && dead_letter_results_.empty();
  }
  if (wake_poller) wake_poller_();
  return waiting;
}

void Dispatcher::AddSlots() {
  const auto wanted = static_cast<size_t>(settings_->policy.max_in_flight);
  for (Endpoint::Slot slot = wanted; slot > attempts_.size(); --slot) {
    free_slots_.push_back(slot - 1);
  }
  attempts_.resize(std::max(attempts_.size(), wanted));
}

// How many attempts may begin now. Fewer than free_slots_ after max.in.flight was lowered.
size_t Dispatcher::FreeSlots() const {
  const size_t in_use = attempts_.size() - free_slots_.size();
  const auto limit = static_cast<size_t>(settings_->policy.max_in_flight);
  return limit > in_use ? limit - in_use : 0;
}

// Attempts in flight end where they began, but the new policy decides what follows them.
void Dispatcher::ApplySettings(std::shared_ptr<const DeliverySettings> settings) {
  const auto before = std::exchange(settings_, std::move(settings));
  endpoint_.Use(settings_->route.destination);
  AddSlots();
  if (before->dead_letters && before->dead_letters != settings_->dead_letters) {
    before->dead_letters->Abandon();
    HandleDeadLetterResults();
  }
  for (Attempt& attempt : attempts_) {
    attempt.settings_changed = true;
    if (attempt.job)
      delivery::AdaptProgress(attempt.job->progress, before->policy, settings_->policy);
  }
  lanes_.Reconfigure(PolicyOf(settings_), clock_.Read());
  const std::lock_guard lock(mutex_);
  dead_letter_problem_.reset();
}

void Dispatcher::BeginAttempt(JobPtr job) {
  if (job->dead_letter) return SendToDeadLetterQueue(std::move(job));  // again, after a failure
  if (auto decision = delivery::DecideBeforeAttempt(settings_->policy, job->record)) {
    return OnDecision(std::move(job), std::move(*decision), {});
  }
  const base::Now now = clock_.Read();
  const base::MonotonicTime delivery_time = lanes_.DeliveryTime(now.monotonic);
  if (const auto last = std::move(job->last_reply)) {
    auto decision =
        delivery::DecideBeforeRetry(settings_->policy, *last, job->progress, delivery_time);
    if (decision) return OnDecision(std::move(job), std::move(*decision), CauseOf(*last));
  }
  auto request = settings_->route.builder->Build(job->record, now.wall);
  if (!request) {
    auto decision = delivery::DecideAfterFault(settings_->policy, request.error());
    return OnDecision(std::move(job), std::move(decision), {{}, std::move(request.error().text)});
  }
  if (!job->progress.first_attempt) job->progress.first_attempt = delivery_time;
  const Endpoint::Slot slot = free_slots_.back();
  free_slots_.pop_back();
  Attempt& attempt = attempts_[slot];
  attempt.job = std::move(job);
  attempt.start = now.monotonic;
  attempt.settings_changed = false;
  metrics_.AddInFlight(1);
  attempt.headers_left_out = request->headers_left_out;
  endpoint_.Begin(slot, std::move(*request));
}

Dispatcher::Cause Dispatcher::CauseOf(const delivery::Reply& reply) {
  const auto* http = std::get_if<delivery::HttpReply>(&reply);
  return {http != nullptr ? std::optional(http->status) : std::nullopt, delivery::Describe(reply)};
}

void Dispatcher::OnAttemptDone(Endpoint::Ended ended) {
  Attempt& attempt = attempts_[ended.slot];
  JobPtr job = std::move(attempt.job);
  free_slots_.push_back(ended.slot);
  metrics_.AddInFlight(-1);
  const base::Now now = clock_.Read();
  const delivery::Reply reply =
      delivery::ParseOutcome(std::move(ended.outcome), now.wall, settings_->excerpt);
  const auto& [opened, failed, stale] = ended.connections;
  metrics_.Connected(opened, failed, stale);
  if (!std::holds_alternative<delivery::Aborted>(reply)) {
    metrics_.Requested(reply, now.monotonic - attempt.start);
    if (job->progress.attempts == 0 && attempt.headers_left_out > 0) {
      metrics_.HeadersLeftOut(attempt.headers_left_out);
    }
  }
  if (!attempt.settings_changed && delivery::LacksIndicator(reply, settings_->policy)) {
    metrics_.LackedIndicator();
    if (settings_->on_missing_indicator) settings_->on_missing_indicator();
  }
  delivery::Decision decision = delivery::DecideAfterAttempt(
      settings_->policy, reply, job->progress, lanes_.DeliveryTime(now.monotonic),
      std::generate_canonical<double, 32>(random_));
  const bool gives_up = std::holds_alternative<delivery::Stop>(decision) ||
                        std::holds_alternative<delivery::Drop>(decision);
  // The record is not given up before an attempt under the new settings.
  if (gives_up && attempt.settings_changed) {
    decision =
        delivery::Retry{delivery::Interpret(reply, settings_->policy).reason, milliseconds(0)};
  } else if (std::holds_alternative<delivery::Retry>(decision) && !attempt.settings_changed) {
    job->last_reply = std::make_unique<const delivery::Reply>(reply);
  }
  Cause cause;
  const bool is_delivered = std::holds_alternative<delivery::Deliver>(decision);
  if (job->progress.attempts > 0 && !is_delivered) {
    cause = CauseOf(reply);
  }
  OnDecision(std::move(job), std::move(decision), cause);
}

// Reports the decision and applies it to the lanes. A record that would be dropped goes to the dead
// letter queue first.
void Dispatcher::OnDecision(JobPtr job, delivery::Decision decision, const Cause& cause) {
  const auto* drop = std::get_if<delivery::Drop>(&decision);
  const bool needs_dead_letter = drop != nullptr && settings_->dead_letters &&
                                 drop->reason != delivery::DropReason::kTombstone;
  if (needs_dead_letter) {
    job->dead_letter = DeadLetterCause{drop->reason, cause.http_status, cause.text.value_or(""),
                                       job->progress.attempts};
    return SendToDeadLetterQueue(std::move(job));
  }
  const bool is_reported = !std::holds_alternative<delivery::Deliver>(decision) &&
                           !std::holds_alternative<delivery::Abandon>(decision);
  if (is_reported && !lanes_.IsFenced(*job)) {
    // Reported before the lanes know of it: a record that is committed as dropped has been logged.
    report_.Decided(*job, decision, cause.http_status, cause.text);
  }
  FinishJob(std::move(job), decision);
}

void Dispatcher::FinishJob(JobPtr job, const delivery::Decision& decision) {
  const auto* stop = std::get_if<delivery::Stop>(&decision);
  const bool fenced = lanes_.IsFenced(*job);
  if (stop != nullptr && !fenced) {
    const std::lock_guard lock(mutex_);
    if (!stop_point_) {
      stop_point_ = StopPoint{job->record.topic_partition, job->record.offset,
                              job->progress.attempts, stop->why};
    }
  }
  if (std::holds_alternative<delivery::Deliver>(decision) && !fenced) report_.Delivered(*job);
  lanes_.ApplyDecision(std::move(job), decision, clock_.Monotonic());
  if (stop != nullptr || std::holds_alternative<delivery::Retry>(decision) ||
      wake_poller_on_finish_) {
    poller_needed_ = true;
  }
}

// Until the broker has answered, the record's lane is in flight, but the record takes no slot.
void Dispatcher::SendToDeadLetterQueue(JobPtr job) {
  // A std::function must be copyable; it is called once.
  Job* const handed_over = job.release();
  settings_->dead_letters->Produce(
      handed_over->record, *handed_over->dead_letter,
      [this, handed_over](std::optional<DeadLetterFailure> failure) {
        const std::lock_guard lock(mutex_);
        dead_letter_results_.push_back({JobPtr(handed_over), std::move(failure)});
        WakeIfWaiting();
      });
}

void Dispatcher::OnDeadLetterDone(JobPtr job, const std::optional<DeadLetterFailure>& failure) {
  delivery::Decision decision = delivery::Drop{job->dead_letter->reason};
  if (failure) {
    decision =
        delivery::Retry{delivery::ErrorReason::kIo, DeadLetterBackoff(job->dead_letter_failures++)};
    if (failure->permanent && ++job->dead_letter_refusals >= kMaxRefusals) {
      decision = delivery::Stop{fmt::format("its dead letter was refused {} times: {}",
                                            job->dead_letter_refusals, failure->text),
                                "dead_letter"};
    }
  }
  metrics_.DeadLetter(!failure);
  if (!lanes_.IsFenced(*job)) {
    if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
      report_.DeadLetterFailed(*job, failure->text, retry->delay);
    } else {
      report_.Decided(*job, decision, job->dead_letter->http_status, job->dead_letter->answer);
    }
  }
  const base::TopicPartition& partition = job->record.topic_partition;
  std::unique_lock lock(mutex_);
  if (!lanes_.IsFenced(*job) && std::holds_alternative<delivery::Retry>(decision)) {
    dead_letter_problem_.emplace(
        partition, fmt::format("{}[{}]@{} waits for its dead letter: {}", partition.topic,
                               partition.partition, job->record.offset, failure->text));
  } else if (dead_letter_problem_ && dead_letter_problem_->first == partition) {
    dead_letter_problem_.reset();
  }
  lock.unlock();
  FinishJob(std::move(job), decision);
  poller_needed_ = true;
}

}  // namespace khs::task
