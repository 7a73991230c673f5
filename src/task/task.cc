#include "task/task.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/threads.h"
#include "task/loop.h"

namespace khs::task {
namespace {

// Before a failed consumer is recreated.
constexpr std::chrono::milliseconds kFirstBackoff{1'000};
constexpr std::chrono::milliseconds kLongestBackoff{60'000};

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

}  // namespace

Task::Task(TaskIdentity identity, TaskSettings settings, std::unique_ptr<Endpoint> endpoint,
           const base::Clock& clock, metrics::ConnectorMetrics& metrics,
           std::function<void()> on_change, bool paused)
    : identity_(std::move(identity)),
      settings_(std::move(settings)),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      metrics_(metrics),
      on_change_(std::move(on_change)),
      status_{paused ? TaskState::kPaused : TaskState::kJoining},
      paused_(paused),
      thread_([this] { Run(); }) {}

Task::~Task() { RequestStop(std::chrono::milliseconds(0)); }

void Task::RequestStop(std::chrono::milliseconds grace) {
  const StopRequest request{clock_.Monotonic() + grace, grace};
  const std::lock_guard lock(mutex_);
  if (stop_request_ && stop_request_->deadline <= request.deadline) return;
  stop_request_ = request;
  requested_.notify_all();
  if (source_ != nullptr) source_->Wake();
}

void Task::Reconfigure(TaskSettings settings) {
  bool overtaken = false;
  {
    const std::lock_guard lock(mutex_);
    if (new_settings_ && !settings.credentials) settings.credentials = new_settings_->credentials;
    new_settings_ = std::move(settings);
    overtaken = status_.by_strategy && !std::exchange(status_.overtaken, true);
    if (source_ != nullptr) source_->Wake();
  }
  if (overtaken) on_change_();
}

void Task::SetPaused(bool paused) {
  const std::lock_guard lock(mutex_);
  paused_ = paused;
  requested_.notify_all();
  if (source_ != nullptr) source_->Wake();
}

bool Task::paused() const {
  const std::lock_guard lock(mutex_);
  return paused_;
}

// On the poll thread. Returns the previous settings if there are new ones.
std::optional<TaskSettings> Task::TakeNewSettings() {
  const std::lock_guard lock(mutex_);
  if (!new_settings_) return std::nullopt;
  return std::exchange(settings_, *std::exchange(new_settings_, std::nullopt));
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

// Registers the source that other threads wake, as long as this object lives.
class Task::RegisteredSource {
 public:
  RegisteredSource(Task& task, RecordSource* source) : task_(task) { Set(source); }
  ~RegisteredSource() { Set(nullptr); }
  RegisteredSource(const RegisteredSource&) = delete;
  RegisteredSource& operator=(const RegisteredSource&) = delete;

 private:
  void Set(RecordSource* source) {
    const std::lock_guard lock(task_.mutex_);
    task_.source_ = source;
  }

  Task& task_;
};

// Makes a consumer and runs it until it ends. An exception from making it is a fault like any
// other.
LoopEnd Task::RunSource() {
  TakeNewSettings();
  try {
    const std::unique_ptr<RecordSource> source = settings_.make_source();
    const RegisteredSource registered(*this, source.get());
    return Loop(*this, *source).Run();
  } catch (const std::exception& error) {
    return {LoopEnd::Cause::kCannotStart, base::Describe(error)};
  }
}

// Waits without a consumer. False when a stop was requested meanwhile.
bool Task::BackOff(std::chrono::milliseconds delay) {
  const auto until = std::chrono::steady_clock::now() + delay;
  while (true) {
    const bool paused = this->paused();
    SetStatus([paused](TaskStatus& status) {
      status.state = paused ? TaskState::kPaused : TaskState::kJoining;
    });
    std::unique_lock lock(mutex_);
    const auto requested = [&] { return stop_request_.has_value() || paused_ != paused; };
    if (!requested_.wait_until(lock, until, requested)) return true;
    if (stop_request_) return false;
  }
}

void Task::Run() {
  std::chrono::milliseconds backoff = kFirstBackoff;
  bool has_worked = false;
  LoopEnd end;
  while (true) {
    const base::MonotonicTime start = clock_.Monotonic();
    end = RunSource();
    has_worked = has_worked || end.had_joined;
    const bool obsolete = end.cause == LoopEnd::Cause::kSourceObsolete;
    const bool recreate = obsolete || end.cause == LoopEnd::Cause::kSourceFault ||
                          (end.cause == LoopEnd::Cause::kCannotStart && has_worked);
    if (!recreate) break;
    if (clock_.Monotonic() - start >= kLongestBackoff) backoff = kFirstBackoff;
    const std::chrono::milliseconds wait = obsolete ? std::chrono::milliseconds(0) : backoff;
    Log().Error("consumer failed, recreating", {{"connector", identity_.connector},
                                                {"task", identity_.id},
                                                {"error", end.trace},
                                                {"retry_in_ms", wait.count()}});
    if (!BackOff(wait)) {
      end = {LoopEnd::Cause::kRequested, {}};
      break;
    }
    if (!obsolete) backoff = std::min(backoff * 2, kLongestBackoff);
  }
  // Release the dead letter queue now; destruction may block.
  settings_.delivery.reset();
  SetStatus([&](TaskStatus& status) {
    const bool requested = end.cause == LoopEnd::Cause::kRequested;
    status.state = requested ? TaskState::kEnded : TaskState::kFailed;
    status.by_strategy = end.cause == LoopEnd::Cause::kStrategy;
    status.overtaken = status.overtaken || new_settings_.has_value();
    if (!requested) status.trace = end.trace;
  });
}

}  // namespace khs::task
