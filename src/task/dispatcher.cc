#include "task/dispatcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "task/due_time.h"

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// Between attempts to produce a dead letter.
constexpr milliseconds kFirstBurialBackoff{1'000};
constexpr milliseconds kLongestBurialBackoff{60'000};
// So often a dead letter is refused for good before its record stops the connector. More than once,
// because the topic may just have been changed.
constexpr int kMaxRefusals = 3;

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

std::optional<int> StatusOf(const delivery::Reply& reply) {
  const auto* http = std::get_if<delivery::HttpReply>(&reply);
  return http != nullptr ? std::optional(http->status) : std::nullopt;
}

// The policy as a part of the settings that it keeps alive.
std::shared_ptr<const delivery::Policy> PolicyOf(
    const std::shared_ptr<const DeliverySettings>& settings) {
  return {settings, &settings->policy};
}

milliseconds BurialBackoff(int failures) {
  return std::min(kFirstBurialBackoff * (1 << std::min(failures, 10)), kLongestBurialBackoff);
}

}  // namespace

Dispatcher::Dispatcher(TaskIdentity identity, std::shared_ptr<const DeliverySettings> settings,
                       Endpoint& endpoint, const base::Clock& clock,
                       metrics::ConnectorMetrics& metrics, std::function<void()> wake_poller)
    : identity_(std::move(identity)),
      endpoint_(endpoint),
      clock_(clock),
      metrics_(metrics),
      wake_poller_(std::move(wake_poller)),
      settings_(std::move(settings)),
      lanes_(PolicyOf(settings_)),
      thread_([this] { Run(); }) {}

Dispatcher::~Dispatcher() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    lanes_.Halt();
  }
  endpoint_.Wake();
  thread_.join();
  // Only now, when nobody makes new ones.
  if (settings_->dead_letters) settings_->dead_letters->Abandon();
}

void Dispatcher::Reconfigure(std::shared_ptr<const DeliverySettings> settings) {
  const std::lock_guard lock(mutex_);
  new_settings_ = std::move(settings);
  if (!waiting_) return;
  waiting_.reset();
  endpoint_.Wake();
}

void Dispatcher::WatchInFlight(bool watch) {
  const std::lock_guard lock(mutex_);
  watch_in_flight_ = watch;
}

std::optional<StopPoint> Dispatcher::stop_point() {
  const std::lock_guard lock(mutex_);
  return stop_point_;
}

std::string Dispatcher::dead_letter_problem() {
  const std::lock_guard lock(mutex_);
  if (dead_letter_problem_ && !lanes_.IsAssigned(dead_letter_problem_->first)) {
    dead_letter_problem_.reset();  // another member's now
  }
  return dead_letter_problem_ ? dead_letter_problem_->second : std::string();
}

// Nothing in here fails but memory itself, which ends the process as anything else may.
void Dispatcher::Run() {
  endpoint_.Use(settings_->route.destination);
  MakeSlots();
  while (Trade()) {
    for (const Endpoint::Slot slot : outdated_) endpoint_.Cancel(slot);
    outdated_.clear();
    const size_t room = Room();
    for (Lanes::JobPtr& job : taken_) Begin(std::move(job));
    // Settled without an attempt, or on its way to the dead letter queue: there is room for others,
    // of which nobody would tell a thread that is taken to have none.
    const bool room_left = room - Room() < taken_.size();
    taken_.clear();
    if (room_left) continue;
    endpoint_.Wait(wait_until_, ended_);
    for (Endpoint::Ended& ended : ended_) Conclude(std::move(ended));
  }
}

void Dispatcher::MakeSlots() {
  const auto wanted = static_cast<size_t>(settings_->policy.max_in_flight);
  for (Endpoint::Slot slot = wanted; slot > attempts_.size(); --slot) {
    free_slots_.push_back(slot - 1);
  }
  attempts_.resize(std::max(attempts_.size(), wanted));
}

size_t Dispatcher::Room() const {
  const size_t in_use = attempts_.size() - free_slots_.size();
  const auto limit = static_cast<size_t>(settings_->policy.max_in_flight);
  return limit > in_use ? limit - in_use : 0;
}

// An attempt in flight ends where it began, but the new policy decides what follows it.
void Dispatcher::Adopt(std::shared_ptr<const DeliverySettings> settings) {
  const auto before = std::exchange(settings_, std::move(settings));
  endpoint_.Use(settings_->route.destination);
  MakeSlots();
  // Without the lock: what was handed to it comes back before this returns.
  if (before->dead_letters && before->dead_letters != settings_->dead_letters) {
    before->dead_letters->Abandon();
  }
  for (Attempt& attempt : attempts_) {
    attempt.outdated = true;
    if (attempt.job) delivery::AdaptProgress(attempt.job->progress, before->policy, settings_->policy);
  }
  const std::lock_guard lock(mutex_);
  dead_letter_problem_.reset();
  lanes_.Reconfigure(PolicyOf(settings_), clock_.Read());
}

// Gives back what is settled and takes what is ready. False when all is over.
bool Dispatcher::Trade() {
  std::unique_lock lock(mutex_);
  waiting_.reset();
  for (auto& [job, decision] : settled_) Settle(std::move(job), decision);
  settled_.clear();
  while (new_settings_ && !ending_) {
    auto settings = std::exchange(new_settings_, nullptr);
    lock.unlock();
    Adopt(std::move(settings));
    lock.lock();
  }
  if (ending_ && free_slots_.size() == attempts_.size()) return false;
  if (lanes_.TakeOutdated()) {
    for (Endpoint::Slot slot = 0; slot < attempts_.size(); ++slot) {
      const Lanes::JobPtr& job = attempts_[slot].job;
      if (job && !lanes_.Current(*job)) outdated_.push_back(slot);
    }
  }
  const base::MonotonicTime now = clock_.Read().monotonic;
  const size_t room = Room();
  while (taken_.size() < room) {
    Lanes::JobPtr job = lanes_.Take(now);
    if (!job) break;
    taken_.push_back(std::move(job));
  }
  const bool has_slot = taken_.size() < room;
  wait_until_ = has_slot ? lanes_.NextDue() : std::nullopt;
  waiting_ = Waiting{has_slot, wait_until_};
  return true;
}

// With the lock held: ends the delivery thread's wait if there is something to do.
void Dispatcher::Rouse() {
  if (!waiting_) return;
  const auto due = lanes_.NextDue();
  const bool ready = lanes_.HasReady() || (due && (!waiting_->until || *due < *waiting_->until));
  if (!lanes_.Outdated() && !(ready && waiting_->has_slot)) return;
  waiting_.reset();
  endpoint_.Wake();
}

void Dispatcher::Begin(Lanes::JobPtr job) {
  if (job->dead) return Bury(std::move(job));  // its production failed before
  if (auto decision = delivery::DecideBeforeAttempt(settings_->policy, job->record)) {
    return Dispose(std::move(job), std::move(*decision), delivery::Aborted{});
  }
  const Endpoint::Slot slot = free_slots_.back();
  free_slots_.pop_back();
  Attempt& attempt = attempts_[slot];
  attempt.job = std::move(job);
  attempt.start = clock_.Read().monotonic;
  attempt.outdated = false;
  metrics_.AddInFlight(1);
  request::Request request = settings_->route.builder->Build(attempt.job->record);
  attempt.headers_left_out = request.headers_left_out;
  endpoint_.Begin(slot, std::move(request));
}

void Dispatcher::Conclude(Endpoint::Ended ended) {
  Attempt& attempt = attempts_[ended.slot];
  Lanes::JobPtr job = std::move(attempt.job);
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
  if (!attempt.outdated && settings_->policy.indicator == delivery::IndicatorRule::kRequired &&
      delivery::LacksIndicator(reply)) {
    metrics_.LackedIndicator();
    if (settings_->on_missing_indicator) settings_->on_missing_indicator();
  }
  delivery::Decision decision =
      delivery::DecideAfterAttempt(settings_->policy, reply, job->progress);
  const bool gives_up = std::holds_alternative<delivery::Stop>(decision) ||
                        std::holds_alternative<delivery::Drop>(decision);
  // Not before the new settings have had their attempt.
  if (gives_up && attempt.outdated) {
    decision = delivery::Retry{delivery::ErrorReason::kStatus, milliseconds(0)};
  }
  Dispose(std::move(job), std::move(decision), reply);
}

// Says what was decided, and hands it over.
void Dispatcher::Dispose(Lanes::JobPtr job, delivery::Decision decision,
                         const delivery::Reply& reply) {
  const auto* drop = std::get_if<delivery::Drop>(&decision);
  if (drop != nullptr && drop->reason != delivery::DropReason::kTombstone &&
      settings_->dead_letters) {
    job->dead = DeadLetterCause{drop->reason, StatusOf(reply), delivery::Describe(reply),
                                job->progress.attempts};
    return Bury(std::move(job));
  }
  const bool told = !std::holds_alternative<delivery::Deliver>(decision) &&
                    !std::holds_alternative<delivery::Abandon>(decision);
  if (told && Current(*job)) {
    // Said before it is done: whatever is committed as dropped has its line in the log already.
    const bool sent = job->progress.attempts > 0;
    Report(*job, decision, StatusOf(reply),
           sent ? std::optional(delivery::Describe(reply)) : std::nullopt);
  }
  settled_.emplace_back(std::move(job), std::move(decision));
}

bool Dispatcher::Current(const Lanes::Job& job) {
  const std::lock_guard lock(mutex_);
  return lanes_.Current(job);
}

// With the lock held, under which nothing fences the record: one that comes too late does not
// count.
void Dispatcher::CountDelivered(const Lanes::Job& job) {
  const base::Now now = clock_.Read();
  const auto age =
      job.record.timestamp ? std::optional(Age(*job.record.timestamp, now.wall)) : std::nullopt;
  metrics_.Delivered(job.record.topic_partition.topic, now.monotonic - job.read_at, age);
}

// With the lock held.
void Dispatcher::Settle(Lanes::JobPtr job, const delivery::Decision& decision) {
  const auto* stop = std::get_if<delivery::Stop>(&decision);
  if (stop != nullptr && !stop_point_ && lanes_.Current(*job)) {
    stop_point_ = StopPoint{job->record.topic_partition, job->record.offset, job->progress.attempts,
                            stop->why};
  }
  if (std::holds_alternative<delivery::Deliver>(decision) && lanes_.Current(*job)) {
    CountDelivered(*job);
  }
  lanes_.Finish(std::move(job), decision, clock_.Read().monotonic);
  const bool poller_needed = stop != nullptr || std::holds_alternative<delivery::Retry>(decision);
  if (poller_needed || watch_in_flight_ || lanes_.FlowPending() || lanes_.RunsLow()) {
    wake_poller_();
  }
}

// Without the lock. The record is out of the lanes until the broker has answered, and takes no slot
// meanwhile.
void Dispatcher::Bury(Lanes::JobPtr job) {
  // A std::function must be copyable, and what it calls is called once.
  Lanes::Job* const handed_over = job.release();
  settings_->dead_letters->Produce(
      handed_over->record, *handed_over->dead,
      [this, handed_over](const std::optional<DeadLetterFailure>& failure) {
        Buried(Lanes::JobPtr(handed_over), failure);
      });
}

// Any thread.
void Dispatcher::Buried(Lanes::JobPtr job, const std::optional<DeadLetterFailure>& failure) {
  delivery::Decision decision = delivery::Drop{job->dead->reason};
  if (failure) {
    decision = delivery::Retry{delivery::ErrorReason::kIo, BurialBackoff(job->dead_failures++)};
    if (failure->permanent && ++job->dead_refusals >= kMaxRefusals) {
      decision = delivery::Stop{fmt::format("its dead letter was refused {} times: {}",
                                            job->dead_refusals, failure->text),
                                "dead_letter"};
    }
  }
  metrics_.DeadLetter(!failure);
  if (Current(*job)) {
    if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
      ReportDeadLetterFailure(*job, failure->text, retry->delay);
    } else {
      Report(*job, decision, job->dead->http_status, job->dead->answer);
    }
  }
  const std::lock_guard lock(mutex_);
  const base::TopicPartition& partition = job->record.topic_partition;
  if (lanes_.Current(*job) && std::holds_alternative<delivery::Retry>(decision)) {
    dead_letter_problem_.emplace(
        partition, fmt::format("{}[{}]@{} waits for its dead letter: {}", partition.topic,
                               partition.partition, job->record.offset, failure->text));
  } else if (dead_letter_problem_ && dead_letter_problem_->first == partition) {
    dead_letter_problem_.reset();
  }
  Settle(std::move(job), decision);
  Rouse();
}

void Dispatcher::ReportDeadLetterFailure(const Lanes::Job& job, const std::string& error,
                                         milliseconds delay) {
  metrics_.AttemptFailed();
  Log().Error("dead letter queue write failed, will retry",
              {{"connector", identity_.connector},
               {"task", identity_.id},
               {"topic", job.record.topic_partition.topic},
               {"partition", job.record.topic_partition.partition},
               {"offset", job.record.offset},
               {"attempt", job.dead->attempts},
               {"status", job.dead->http_status},
               {"reason", delivery::Label(job.dead->reason)},
               {"error", error},
               {"retry_in_ms", delay.count()}});
}

void Dispatcher::Report(const Lanes::Job& job, const delivery::Decision& decision,
                        std::optional<int> status, const std::optional<std::string>& error) {
  const auto* retry = std::get_if<delivery::Retry>(&decision);
  const auto* drop = std::get_if<delivery::Drop>(&decision);
  const auto* stop = std::get_if<delivery::Stop>(&decision);
  const auto log = [&](base::LogLevel level, std::string_view message, std::string_view reason,
                       const std::optional<std::string>& text, const base::LogField& timing) {
    if (!Log().Writes(level)) return;
    // One retry may be of very many; a record that is given up has a line of its own.
    const auto write = retry != nullptr ? &base::Logger::Log : &base::Logger::LogEach;
    const auto attempts = drop != nullptr ? std::optional(job.progress.attempts) : std::nullopt;
    std::optional<std::string> outcome;
    if (drop != nullptr) outcome = job.dead ? "dead_letter" : "dropped";
    (Log().*write)(level, message,
                   {{"connector", identity_.connector},
                    {"task", identity_.id},
                    {"topic", job.record.topic_partition.topic},
                    {"partition", job.record.topic_partition.partition},
                    {"offset", job.record.offset},
                    {"attempt", job.progress.attempts},
                    {"attempts", attempts},
                    {"status", status},
                    {"reason", reason},
                    {"outcome", outcome},
                    {"error", text},
                    timing});
  };
  const auto since_read = clock_.Read().monotonic - job.read_at;
  const base::LogField age("since_read_ms",
                           std::chrono::duration_cast<milliseconds>(since_read).count());
  if (retry != nullptr) {
    metrics_.Retried(retry->reason);
    metrics_.AttemptFailed();
    log(base::LogLevel::kInfo, "record will be retried", delivery::Label(retry->reason), error,
        {"retry_in_ms", retry->delay.count()});
  } else if (drop != nullptr) {
    metrics_.Dropped(job.record.topic_partition.topic, drop->reason, since_read);
    const bool wanted = drop->reason == delivery::DropReason::kTombstone;
    if (!wanted) metrics_.AttemptFailed();
    log(wanted ? base::LogLevel::kDebug : base::LogLevel::kWarn, "record dropped",
        delivery::Label(drop->reason), error, age);
  } else if (stop != nullptr) {
    metrics_.AttemptFailed();
    log(base::LogLevel::kError, "record stops the connector", stop->reason, stop->why, age);
  }
}

}  // namespace khs::task
