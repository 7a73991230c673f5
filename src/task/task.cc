#include "task/task.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "task/loop.h"

namespace khs::task {
namespace {

// Before a consumer that broke is made anew.
constexpr std::chrono::milliseconds kFirstBackoff{1'000};
constexpr std::chrono::milliseconds kLongestBackoff{60'000};

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

}  // namespace

Task::Task(TaskIdentity identity, TaskTerms terms, std::unique_ptr<Endpoint> endpoint,
           const base::Clock& clock, metrics::ConnectorMetrics& metrics,
           std::function<void()> on_change)
    : identity_(std::move(identity)),
      terms_(std::move(terms)),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      metrics_(metrics),
      on_change_(std::move(on_change)),
      thread_([this] { Run(); }) {}

Task::~Task() { RequestStop(std::chrono::milliseconds(0)); }

void Task::RequestStop(std::chrono::milliseconds grace) {
  const StopRequest request{clock_.Read().monotonic + grace, grace};
  const std::lock_guard lock(mutex_);
  if (stop_request_ && stop_request_->deadline <= request.deadline) return;
  stop_request_ = request;
  stop_requested_.notify_all();
  if (source_ != nullptr) source_->Wake();
}

void Task::Reconfigure(TaskTerms terms) {
  const std::lock_guard lock(mutex_);
  new_terms_ = std::move(terms);
  if (source_ != nullptr) source_->Wake();
}

// On the poll thread. False when nothing has changed.
bool Task::AdoptTerms() {
  const std::lock_guard lock(mutex_);
  if (!new_terms_) return false;
  terms_ = *std::exchange(new_terms_, std::nullopt);
  return true;
}

TaskStatus Task::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

std::optional<Task::StopRequest> Task::stop_request() const {
  const std::lock_guard lock(mutex_);
  return stop_request_;
}

void Task::SetStatus(const std::function<void(TaskStatus&)>& change) {
  bool changed = false;
  {
    const std::lock_guard lock(mutex_);
    const TaskStatus before = status_;
    change(status_);
    changed = status_ != before;
  }
  if (changed) on_change_();
}

// The source that RequestStop wakes, for as long as this object lives.
class Task::Announced {
 public:
  Announced(Task& task, RecordSource* source) : task_(task) { Set(source); }
  ~Announced() { Set(nullptr); }
  Announced(const Announced&) = delete;
  Announced& operator=(const Announced&) = delete;

 private:
  void Set(RecordSource* source) {
    const std::lock_guard lock(task_.mutex_);
    task_.source_ = source;
  }

  Task& task_;
};

void Task::Run() {
  std::chrono::milliseconds backoff = kFirstBackoff;
  while (true) {
    LoopEnd end;
    bool worked = false;
    AdoptTerms();
    try {
      const std::unique_ptr<RecordSource> source = terms_.make_source();
      // Whoever wakes it must find it alive, however this block is left.
      const Announced announced(*this, source.get());
      Loop loop(*this, *source);
      end = loop.Run();
      worked = status().state == TaskState::kRunning;
    } catch (const std::exception& error) {
      SetStatus([&](TaskStatus& status) {
        status.state = TaskState::kFailed;
        status.trace = error.what();
      });
      return;
    }
    if (end.cause == LoopEnd::Cause::kRequested) {
      SetStatus([](TaskStatus& status) { status.state = TaskState::kEnded; });
      return;
    }
    if (end.cause == LoopEnd::Cause::kStrategy) {
      SetStatus([&](TaskStatus& status) {
        status.state = TaskState::kFailed;
        status.by_strategy = true;
        status.trace = end.trace;
      });
      return;
    }
    backoff = worked ? kFirstBackoff : std::min(backoff * 2, kLongestBackoff);
    Log().Error("the Kafka consumer broke and is made anew", {{"connector", identity_.connector},
                                                              {"task", identity_.id},
                                                              {"error", end.trace},
                                                              {"retry_in_ms", backoff.count()}});
    SetStatus([](TaskStatus& status) { status.state = TaskState::kJoining; });
    std::unique_lock lock(mutex_);
    if (stop_requested_.wait_for(lock, backoff, [this] { return stop_request_.has_value(); })) {
      lock.unlock();
      SetStatus([](TaskStatus& status) { status.state = TaskState::kEnded; });
      return;
    }
  }
}

}  // namespace khs::task
