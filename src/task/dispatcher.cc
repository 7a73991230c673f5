#include "task/dispatcher.h"

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// A worker that had nothing to do for so long ends.
constexpr std::chrono::seconds kLongestIdle{5};
// Between attempts to produce a dead letter.
constexpr milliseconds kFirstBurialBackoff{1'000};
constexpr milliseconds kLongestBurialBackoff{60'000};

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

std::chrono::duration<double> Age(const delivery::Record& record, base::WallTime now) {
  const auto age = now.time_since_epoch() - *record.timestamp;
  return std::max(std::chrono::duration<double>(age), std::chrono::duration<double>(0));
}

milliseconds BurialBackoff(int failures) {
  return std::min(kFirstBurialBackoff * (1 << std::min(failures, 10)), kLongestBurialBackoff);
}

}  // namespace

Dispatcher::Dispatcher(TaskIdentity identity, const delivery::Policy& policy, Endpoint& endpoint,
                       DeadLetterQueue* dead_letters, const base::Clock& clock,
                       metrics::ConnectorMetrics& metrics, std::function<void()> wake_poller)
    : identity_(std::move(identity)),
      policy_(policy),
      endpoint_(endpoint),
      dead_letters_(dead_letters),
      clock_(clock),
      metrics_(metrics),
      wake_poller_(std::move(wake_poller)),
      lanes_(policy) {}

Dispatcher::~Dispatcher() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    lanes_.Halt();
    Wake(idle_.size());
  }
  workers_.clear();
  // Only now, when nobody makes new ones.
  if (dead_letters_ != nullptr) dead_letters_->Abandon();
}

std::optional<base::MonotonicTime> Dispatcher::Kick() {
  std::unique_lock lock(mutex_);
  const base::MonotonicTime now = clock_.Read().monotonic;
  const WorkerCount::Advice advice =
      worker_count_.Advise(now, lanes_.Ready(now), workers_.size() - idle_.size(),
                           static_cast<size_t>(policy_.max_in_flight));
  Wake(advice.more);
  if (workers_ended_) Reap(lock);
  return advice.again;
}

void Dispatcher::Wake(size_t count) {
  for (; count > 0; --count) {
    if (!idle_.empty()) {
      Worker* worker = idle_.back();
      idle_.pop_back();
      worker->signalled = true;
      worker->wake.notify_one();
      continue;
    }
    Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
    try {
      worker.thread = std::jthread([this, &worker] { Work(worker); });
    } catch (const std::system_error&) {
      workers_.pop_back();
      if (workers_.empty()) throw;  // nobody is there to deliver
      return;                       // those that are there take it
    }
  }
}

// Joins without the lock, which a thread holds until its very end.
void Dispatcher::Reap(std::unique_lock<std::mutex>& lock) {
  workers_ended_ = false;
  std::vector<std::unique_ptr<Worker>> ended;
  const auto first = std::partition(workers_.begin(), workers_.end(),
                                    [](const auto& worker) { return !worker->ended; });
  std::move(first, workers_.end(), std::back_inserter(ended));
  workers_.erase(first, workers_.end());
  lock.unlock();
  ended.clear();
  lock.lock();
}

void Dispatcher::WatchInFlight(bool watch) {
  const std::lock_guard lock(mutex_);
  watch_in_flight_ = watch;
}

std::optional<StopPoint> Dispatcher::stop_point() {
  const std::lock_guard lock(mutex_);
  return stop_point_;
}

void Dispatcher::Work(Worker& self) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (Lanes::JobPtr job = lanes_.Take(clock_.Read().monotonic)) {
      worker_count_.Taken();
      Process(lock, std::move(job));
      continue;
    }
    if (ending_ || !AwaitSignal(lock, self)) return;
  }
}

// False when there was nothing to do for long: the worker ends.
bool Dispatcher::AwaitSignal(std::unique_lock<std::mutex>& lock, Worker& self) {
  idle_.push_back(&self);
  if (self.wake.wait_for(lock, kLongestIdle, [&self] { return self.signalled; })) {
    self.signalled = false;
    return true;
  }
  std::erase(idle_, &self);
  self.ended = true;
  workers_ended_ = true;
  return false;
}

// Entered and left with the lock held; the attempt itself is made without it.
void Dispatcher::Process(std::unique_lock<std::mutex>& lock, Lanes::JobPtr job) {
  lock.unlock();
  if (job->dead) {  // its production failed before
    Bury(std::move(job));
    lock.lock();
    return;
  }
  delivery::Reply reply = delivery::Aborted{};
  delivery::Decision decision = delivery::Abandon{};
  try {
    decision = Attempt(*job, reply);
    if (std::holds_alternative<delivery::Deliver>(decision)) {
      const base::Now now = clock_.Read();
      const auto age =
          job->record.timestamp ? std::optional(Age(job->record, now.wall)) : std::nullopt;
      metrics_.Delivered(job->record.topic_partition.topic, now.monotonic - job->read_at, age);
    }
  } catch (const std::exception& error) {
    decision = delivery::Stop{std::string("unexpected error: ") + error.what()};
  }
  const auto* drop = std::get_if<delivery::Drop>(&decision);
  if (drop != nullptr && drop->reason != delivery::DropReason::kTombstone &&
      dead_letters_ != nullptr) {
    const auto* http = std::get_if<delivery::HttpReply>(&reply);
    job->dead =
        DeadLetterCause{drop->reason, http != nullptr ? std::optional(http->status) : std::nullopt,
                        delivery::Describe(reply), job->progress.attempts};
    Bury(std::move(job));
    lock.lock();
    return;
  }

  // Said before it is done: whatever is committed as dropped has its line in the log already.
  const bool settled = std::holds_alternative<delivery::Deliver>(decision) ||
                       std::holds_alternative<delivery::Abandon>(decision);
  if (!settled && With([&](Lanes& lanes) { return lanes.Current(*job); })) {
    Report(*job, decision, job->progress.attempts == 0 ? "not sent" : delivery::Describe(reply));
  }
  lock.lock();
  Settle(std::move(job), decision);
}

delivery::Decision Dispatcher::Attempt(Lanes::Job& job, delivery::Reply& reply) {
  if (const auto decision = delivery::DecideBeforeAttempt(policy_, job.record)) return *decision;
  const base::MonotonicTime start = clock_.Read().monotonic;
  metrics_.AddInFlight(1);
  SendResult result = endpoint_.Send(job.record, job.fenced());
  metrics_.AddInFlight(-1);
  reply = std::move(result.reply);
  if (!std::holds_alternative<delivery::Aborted>(reply)) {
    metrics_.Requested(reply, clock_.Read().monotonic - start);
    if (job.progress.attempts == 0 && result.headers_left_out > 0) {
      metrics_.HeadersLeftOut(result.headers_left_out);
    }
  }
  return delivery::DecideAfterAttempt(policy_, reply, job.progress);
}

// With the lock held.
void Dispatcher::Settle(Lanes::JobPtr job, const delivery::Decision& decision) {
  const auto* stop = std::get_if<delivery::Stop>(&decision);
  if (stop != nullptr && !stop_point_ && lanes_.Current(*job)) {
    stop_point_ = StopPoint{job->record.topic_partition, job->record.offset, job->progress.attempts,
                            stop->why};
  }
  lanes_.Finish(std::move(job), decision, clock_.Read().monotonic);
  const bool poller_needed = stop != nullptr || std::holds_alternative<delivery::Retry>(decision);
  if (poller_needed || watch_in_flight_ || lanes_.FlowPending() || lanes_.RunsLow()) {
    wake_poller_();
  }
}

// Without the lock. The record is out of the lanes until the broker has answered, which takes no
// worker's time.
void Dispatcher::Bury(Lanes::JobPtr job) {
  // A std::function must be copyable, and what it calls is called once.
  Lanes::Job* const handed_over = job.release();
  dead_letters_->Produce(handed_over->record, *handed_over->dead,
                         [this, handed_over](const std::optional<std::string>& error) {
                           Buried(Lanes::JobPtr(handed_over), error);
                         });
}

void Dispatcher::Buried(Lanes::JobPtr job, const std::optional<std::string>& error) {
  delivery::Decision decision = delivery::Drop{job->dead->reason};
  metrics_.DeadLetter(!error);
  if (error) {
    const milliseconds delay = BurialBackoff(job->dead_failures++);
    decision = delivery::Retry{delivery::ErrorReason::kIo, delay};
  }
  if (With([&](Lanes& lanes) { return lanes.Current(*job); })) {
    if (error) {
      metrics_.AttemptFailed();
      Log().Error("dead letter queue does not take the record; it waits",
                  {{"connector", identity_.connector},
                   {"task", identity_.id},
                   {"topic", job->record.topic_partition.topic},
                   {"partition", job->record.topic_partition.partition},
                   {"offset", job->record.offset},
                   {"error", *error},
                   {"retry_in_ms", std::get<delivery::Retry>(decision).delay.count()}});
    } else {
      Report(*job, decision, job->dead->answer);
    }
  }
  const std::lock_guard lock(mutex_);
  Settle(std::move(job), decision);
  wake_poller_();  // the lane may be ready, and no worker has an eye on it
}

void Dispatcher::Report(const Lanes::Job& job, const delivery::Decision& decision,
                        const std::string& answer) {
  const auto log = [&](base::LogLevel level, std::string_view message, std::string_view reason,
                       const base::LogField& timing) {
    Log().Log(level, message,
              {{"connector", identity_.connector},
               {"task", identity_.id},
               {"topic", job.record.topic_partition.topic},
               {"partition", job.record.topic_partition.partition},
               {"offset", job.record.offset},
               {"attempts", job.progress.attempts},
               {"reason", reason},
               {"answer", answer},
               timing});
  };
  const auto since_read = clock_.Read().monotonic - job.read_at;
  const base::LogField age("since_read_ms",
                           std::chrono::duration_cast<milliseconds>(since_read).count());
  if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
    metrics_.Retried(retry->reason);
    metrics_.AttemptFailed();
    log(base::LogLevel::kInfo, "record will be retried", delivery::Label(retry->reason),
        {"retry_in_ms", retry->delay.count()});
  } else if (const auto* drop = std::get_if<delivery::Drop>(&decision)) {
    metrics_.Dropped(drop->reason, since_read);
    const bool wanted = drop->reason == delivery::DropReason::kTombstone;
    if (!wanted) metrics_.AttemptFailed();
    log(wanted ? base::LogLevel::kDebug : base::LogLevel::kWarn, "record dropped",
        delivery::Label(drop->reason), age);
  } else if (const auto* stop = std::get_if<delivery::Stop>(&decision)) {
    metrics_.AttemptFailed();
    log(base::LogLevel::kError, "record stops the connector", stop->why, age);
  }
}

}  // namespace khs::task
