#include "task/dispatcher.h"

#include <exception>
#include <system_error>
#include <utility>

#include "base/log.h"

namespace khs::task {
namespace {

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

std::chrono::duration<double> Age(const delivery::Record& record, base::WallTime now) {
  const auto age = now.time_since_epoch() - *record.timestamp;
  return std::max(std::chrono::duration<double>(age), std::chrono::duration<double>(0));
}

}  // namespace

Dispatcher::Dispatcher(TaskIdentity identity, const delivery::Policy& policy, Endpoint& endpoint,
                       const base::Clock& clock, metrics::ConnectorMetrics& metrics,
                       std::function<void()> wake_poller)
    : identity_(std::move(identity)),
      policy_(policy),
      endpoint_(endpoint),
      clock_(clock),
      metrics_(metrics),
      wake_poller_(std::move(wake_poller)),
      lanes_(policy) {}

Dispatcher::~Dispatcher() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    lanes_.Halt();
    for (Worker* worker : idle_) {
      worker->signalled = true;
      worker->wake.notify_one();
    }
    idle_.clear();
  }
  workers_.clear();
}

void Dispatcher::Kick() {
  const std::lock_guard lock(mutex_);
  const size_t ready = lanes_.Ready(clock_.Read().monotonic);
  while (waking_ < ready) {
    if (!idle_.empty()) {
      Worker* worker = idle_.back();
      idle_.pop_back();
      worker->signalled = true;
      worker->wake.notify_one();
    } else if (workers_.size() < static_cast<size_t>(policy_.max_in_flight)) {
      Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
      worker.signalled = true;
      try {
        worker.thread = std::jthread([this, &worker] { Work(worker); });
      } catch (const std::system_error&) {
        workers_.pop_back();
        if (workers_.empty()) throw;  // nobody is there to deliver
        return;                       // those that are there take it
      }
    } else {
      return;  // whoever finishes first takes it
    }
    ++waking_;
  }
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
    if (self.signalled) {
      self.signalled = false;
      if (waking_ > 0) --waking_;
    }
    if (Lanes::JobPtr job = lanes_.Take(clock_.Read().monotonic)) {
      Process(lock, std::move(job));
      continue;
    }
    if (ending_) return;
    idle_.push_back(&self);
    self.wake.wait(lock, [&self] { return self.signalled; });
  }
}

// Entered and left with the lock held; the attempt itself is made without it.
void Dispatcher::Process(std::unique_lock<std::mutex>& lock, Lanes::JobPtr job) {
  lock.unlock();
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

  lock.lock();
  // Said before it is done: whatever is committed as dropped has its line in the log already.
  const bool settled = std::holds_alternative<delivery::Deliver>(decision) ||
                       std::holds_alternative<delivery::Abandon>(decision);
  if (!settled && lanes_.Current(*job)) {
    lock.unlock();
    Report(*job, decision, reply);
    lock.lock();
  }
  const auto* stop = std::get_if<delivery::Stop>(&decision);
  if (stop != nullptr && !stop_point_ && lanes_.Current(*job)) {
    stop_point_ = StopPoint{job->record.topic_partition, job->record.offset, job->progress.attempts,
                            stop->why};
  }
  lanes_.Finish(std::move(job), decision, clock_.Read().monotonic);
  const bool poller_needed = stop != nullptr || std::holds_alternative<delivery::Retry>(decision);
  if (poller_needed || watch_in_flight_ || lanes_.FlowPending()) wake_poller_();
}

delivery::Decision Dispatcher::Attempt(Lanes::Job& job, delivery::Reply& reply) {
  if (const auto decision = delivery::DecideBeforeAttempt(policy_, job.record)) return *decision;
  const base::MonotonicTime start = clock_.Read().monotonic;
  metrics_.AddInFlight(1);
  SendResult result = endpoint_.Send(job.record);
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

void Dispatcher::Report(const Lanes::Job& job, const delivery::Decision& decision,
                        const delivery::Reply& reply) {
  const base::TopicPartition& from = job.record.topic_partition;
  const auto log = [&](base::LogLevel level, std::string_view message, std::string_view reason,
                       std::string_view answer, int64_t retry_in_ms) {
    if (retry_in_ms >= 0) {
      Log().Log(level, message,
                {{"connector", identity_.connector},
                 {"task", identity_.id},
                 {"topic", from.topic},
                 {"partition", from.partition},
                 {"offset", job.record.offset},
                 {"attempt", job.progress.attempts},
                 {"reason", reason},
                 {"answer", answer},
                 {"retry_in_ms", retry_in_ms}});
    } else {
      Log().Log(level, message,
                {{"connector", identity_.connector},
                 {"task", identity_.id},
                 {"topic", from.topic},
                 {"partition", from.partition},
                 {"offset", job.record.offset},
                 {"attempts", job.progress.attempts},
                 {"reason", reason},
                 {"answer", answer}});
    }
  };
  const std::string answer =
      job.progress.attempts == 0 ? std::string("not sent") : delivery::Describe(reply);
  if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
    metrics_.Retried(retry->reason);
    metrics_.AttemptFailed();
    log(base::LogLevel::kInfo, "record will be retried", delivery::Label(retry->reason), answer,
        retry->delay.count());
  } else if (const auto* drop = std::get_if<delivery::Drop>(&decision)) {
    metrics_.Dropped(drop->reason, clock_.Read().monotonic - job.read_at);
    const bool wanted = drop->reason == delivery::DropReason::kTombstone;
    if (!wanted) metrics_.AttemptFailed();
    log(wanted ? base::LogLevel::kDebug : base::LogLevel::kWarn, "record dropped",
        delivery::Label(drop->reason), answer, -1);
  } else if (const auto* stop = std::get_if<delivery::Stop>(&decision)) {
    metrics_.AttemptFailed();
    log(base::LogLevel::kError, "record stops the connector", stop->why, answer, -1);
  }
}

}  // namespace khs::task
