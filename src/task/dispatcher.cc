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

std::optional<int> StatusOf(const delivery::Reply& reply) {
  const auto* http = std::get_if<delivery::HttpReply>(&reply);
  return http != nullptr ? std::optional(http->status) : std::nullopt;
}

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
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    lanes_.StopTaking();
  }
  endpoint_.Wake();
  thread_.join();
  // Only after the thread has ended, which produces them.
  if (settings_->dead_letters) settings_->dead_letters->Abandon();
}

void Dispatcher::Reconfigure(std::shared_ptr<const DeliverySettings> settings) {
  const std::lock_guard lock(mutex_);
  new_settings_ = std::move(settings);
  if (!waiting_) return;
  waiting_.reset();
  endpoint_.Wake();
}

void Dispatcher::WakePollerOnFinish(bool always) {
  const std::lock_guard lock(mutex_);
  wake_poller_on_finish_ = always;
}

std::optional<StopPoint> Dispatcher::stop_point() {
  const std::lock_guard lock(mutex_);
  return stop_point_;
}

std::string Dispatcher::dead_letter_problem() {
  const std::lock_guard lock(mutex_);
  if (dead_letter_problem_ && !lanes_.IsAssigned(dead_letter_problem_->first)) {
    dead_letter_problem_.reset();  // the record is another member's now
  }
  return dead_letter_problem_ ? dead_letter_problem_->second : std::string();
}

// Throws nothing but std::bad_alloc, which may end the process.
void Dispatcher::Run() {
  endpoint_.Use(settings_->route.destination);
  AddSlots();
  while (SyncWithLanes()) {
    for (const Endpoint::Slot slot : slots_to_cancel_) endpoint_.Cancel(slot);
    slots_to_cancel_.clear();
    const size_t free_before = FreeSlots();
    for (JobPtr& job : taken_) BeginAttempt(std::move(job));
    // Some jobs needed no slot: they were decided without an attempt, or went to the dead letter
    // queue. Nobody would wake this thread for the slots that are left.
    const bool slots_left = free_before - FreeSlots() < taken_.size();
    taken_.clear();
    if (slots_left) continue;
    endpoint_.Wait(wait_until_, ended_);
    for (Endpoint::Ended& ended : ended_) OnAttemptDone(std::move(ended));
  }
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
  // Without the lock, because OnDeadLetterDone is called for each of its records.
  if (before->dead_letters && before->dead_letters != settings_->dead_letters) {
    before->dead_letters->Abandon();
  }
  for (Attempt& attempt : attempts_) {
    attempt.settings_changed = true;
    if (attempt.job)
      delivery::AdaptProgress(attempt.job->progress, before->policy, settings_->policy);
  }
  const std::lock_guard lock(mutex_);
  dead_letter_problem_.reset();
  lanes_.Reconfigure(PolicyOf(settings_), clock_.Read());
}

// Gives decided jobs back to the lanes, applies new settings and takes jobs that are ready. False
// when the dispatcher ends and no attempt is in flight.
bool Dispatcher::SyncWithLanes() {
  std::unique_lock lock(mutex_);
  waiting_.reset();
  for (auto& [job, decision] : decided_) FinishJob(std::move(job), decision);
  decided_.clear();
  while (new_settings_ && !ending_) {
    auto settings = std::exchange(new_settings_, nullptr);
    lock.unlock();
    ApplySettings(std::move(settings));
    lock.lock();
  }
  if (ending_ && free_slots_.size() == attempts_.size()) return false;
  if (lanes_.TakeFencedInFlight()) {
    for (Endpoint::Slot slot = 0; slot < attempts_.size(); ++slot) {
      const JobPtr& job = attempts_[slot].job;
      if (job && lanes_.IsFenced(*job)) slots_to_cancel_.push_back(slot);
    }
  }
  const base::MonotonicTime now = clock_.Monotonic();
  const size_t free_slots = FreeSlots();
  while (taken_.size() < free_slots) {
    JobPtr job = lanes_.Take(now);
    if (!job) break;
    taken_.push_back(std::move(job));
  }
  const bool has_free_slot = taken_.size() < free_slots;
  wait_until_ = has_free_slot ? lanes_.NextDue() : std::nullopt;
  waiting_ = Waiting{has_free_slot, wait_until_};
  return true;
}

// With the lock held. Ends the delivery thread's wait if there is something to do.
void Dispatcher::WakeIfReady() {
  if (!waiting_) return;
  const auto due = lanes_.NextDue();
  const bool ready = lanes_.HasReady() || (due && (!waiting_->until || *due < *waiting_->until));
  if (!lanes_.HasFencedInFlight() && !(ready && waiting_->has_free_slot)) return;
  waiting_.reset();
  endpoint_.Wake();
}

void Dispatcher::BeginAttempt(JobPtr job) {
  if (job->dead_letter) return SendToDeadLetterQueue(std::move(job));  // again, after a failure
  if (auto decision = delivery::DecideBeforeAttempt(settings_->policy, job->record)) {
    return OnDecision(std::move(job), std::move(*decision), delivery::Aborted{});
  }
  const Endpoint::Slot slot = free_slots_.back();
  free_slots_.pop_back();
  Attempt& attempt = attempts_[slot];
  attempt.job = std::move(job);
  attempt.start = clock_.Monotonic();
  attempt.settings_changed = false;
  metrics_.AddInFlight(1);
  request::Request request = settings_->route.builder->Build(attempt.job->record);
  attempt.headers_left_out = request.headers_left_out;
  endpoint_.Begin(slot, std::move(request));
}

void Dispatcher::OnAttemptDone(Endpoint::Ended ended) {
  Attempt& attempt = attempts_[ended.slot];
  JobPtr job = std::move(attempt.job);
  free_slots_.push_back(ended.slot);
  metrics_.AddInFlight(-1);
  const base::Now now = clock_.Read();
  const delivery::Reply reply = delivery::ParseOutcome(std::move(ended.outcome), now.wall);
  if (ended.resent) metrics_.Resent();
  if (!std::holds_alternative<delivery::Aborted>(reply)) {
    metrics_.Requested(reply, now.monotonic - attempt.start);
    if (job->progress.attempts == 0 && attempt.headers_left_out > 0) {
      metrics_.HeadersLeftOut(attempt.headers_left_out);
    }
  }
  if (!attempt.settings_changed &&
      settings_->policy.indicator == delivery::IndicatorRule::kRequired &&
      delivery::LacksIndicator(reply)) {
    metrics_.LackedIndicator();
    if (settings_->on_missing_indicator) settings_->on_missing_indicator();
  }
  delivery::Decision decision =
      delivery::DecideAfterAttempt(settings_->policy, reply, job->progress);
  const bool gives_up = std::holds_alternative<delivery::Stop>(decision) ||
                        std::holds_alternative<delivery::Drop>(decision);
  // The record is not given up before an attempt under the new settings.
  if (gives_up && attempt.settings_changed) {
    decision = delivery::Retry{delivery::Interpret(reply, settings_->policy.indicator).reason,
                               milliseconds(0)};
  }
  OnDecision(std::move(job), std::move(decision), reply);
}

// Reports the decision and queues it for the lanes. A record that would be dropped goes to the dead
// letter queue first.
void Dispatcher::OnDecision(JobPtr job, delivery::Decision decision, const delivery::Reply& reply) {
  const auto* drop = std::get_if<delivery::Drop>(&decision);
  const bool needs_dead_letter = drop != nullptr && settings_->dead_letters &&
                                 drop->reason != delivery::DropReason::kTombstone;
  if (needs_dead_letter) {
    job->dead_letter = DeadLetterCause{drop->reason, StatusOf(reply), delivery::Describe(reply),
                                       job->progress.attempts};
    return SendToDeadLetterQueue(std::move(job));
  }
  const bool is_reported = !std::holds_alternative<delivery::Deliver>(decision) &&
                           !std::holds_alternative<delivery::Abandon>(decision);
  if (is_reported && !IsFenced(*job)) {
    // Reported before the lanes know of it: a record that is committed as dropped has been logged.
    const bool was_sent = job->progress.attempts > 0;
    report_.Decided(*job, decision, StatusOf(reply),
                    was_sent ? std::optional(delivery::Describe(reply)) : std::nullopt);
  }
  decided_.push_back({std::move(job), std::move(decision)});
}

bool Dispatcher::IsFenced(const Job& job) {
  const std::lock_guard lock(mutex_);
  return lanes_.IsFenced(job);
}

// With the lock held, so that nothing fences the job before its delivery is counted.
void Dispatcher::FinishJob(JobPtr job, const delivery::Decision& decision) {
  const auto* stop = std::get_if<delivery::Stop>(&decision);
  const bool fenced = lanes_.IsFenced(*job);
  if (stop != nullptr && !stop_point_ && !fenced) {
    stop_point_ = StopPoint{job->record.topic_partition, job->record.offset, job->progress.attempts,
                            stop->why};
  }
  if (std::holds_alternative<delivery::Deliver>(decision) && !fenced) report_.Delivered(*job);
  lanes_.ApplyDecision(std::move(job), decision, clock_.Monotonic());
  const bool poller_needed = stop != nullptr || std::holds_alternative<delivery::Retry>(decision);
  if (poller_needed || wake_poller_on_finish_ || lanes_.HasFlowChanges() ||
      lanes_.WantsMoreAgain()) {
    wake_poller_();
  }
}

// Without the lock. Until the broker has answered, the record's lane is in flight, but the record
// takes no slot.
void Dispatcher::SendToDeadLetterQueue(JobPtr job) {
  // A std::function must be copyable; it is called once.
  Job* const handed_over = job.release();
  settings_->dead_letters->Produce(
      handed_over->record, *handed_over->dead_letter,
      [this, handed_over](const std::optional<DeadLetterFailure>& failure) {
        OnDeadLetterDone(JobPtr(handed_over), failure);
      });
}

// Any thread.
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
  if (!IsFenced(*job)) {
    if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
      report_.DeadLetterFailed(*job, failure->text, retry->delay);
    } else {
      report_.Decided(*job, decision, job->dead_letter->http_status, job->dead_letter->answer);
    }
  }
  const std::lock_guard lock(mutex_);
  const base::TopicPartition& partition = job->record.topic_partition;
  if (!lanes_.IsFenced(*job) && std::holds_alternative<delivery::Retry>(decision)) {
    dead_letter_problem_.emplace(
        partition, fmt::format("{}[{}]@{} waits for its dead letter: {}", partition.topic,
                               partition.partition, job->record.offset, failure->text));
  } else if (dead_letter_problem_ && dead_letter_problem_->first == partition) {
    dead_letter_problem_.reset();
  }
  FinishJob(std::move(job), decision);
  WakeIfReady();
}

}  // namespace khs::task
