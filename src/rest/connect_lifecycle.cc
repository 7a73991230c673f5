#include <charconv>
#include <optional>

#include "rest/connect_answers.h"
#include "rest/connect_handlers.h"
#include "rest/request_target.h"

namespace khs::rest {
namespace {

using connect::TargetState;

// Parses the task id as Java parses an int.
std::optional<int> TaskOf(const Call& call) {
  std::string_view text = call.segments.at(1);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  int id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return id;
}

std::string TaskName(const std::string& connector, int id) {
  return connector + '-' + std::to_string(id);
}

Response ChangeTargetState(const Call& call, TargetState state, int status) {
  const auto done = call.api.worker.SetTargetState(call.name(), state);
  return done ? Empty(status)
              : ErrorOf(done.error(), call.name(), "Unknown connector " + call.name());
}

}  // namespace

Response GetStatus(const Call& call) {
  const auto status = call.api.worker.Status(call.name());
  if (!status) return Error(404, "No status found for connector " + call.name());
  JsonText text;
  WriteStatus(text, *status, call.api.worker_id);
  return Json(200, std::move(text));
}

Response GetTaskStatus(const Call& call) {
  const auto id = TaskOf(call);
  if (!id) return HttpError(404);
  const auto status = call.api.worker.Status(call.name());
  if (status) {
    for (const connect::TaskStatus& task : status->tasks) {
      if (task.id != *id) continue;
      JsonText text;
      WriteTaskStatus(text, task, call.api.worker_id);
      return Json(200, std::move(text));
    }
  }
  return Error(404, "No status found for task " + TaskName(call.name(), *id));
}

Response RestartConnector(const Call& call) {
  const Query query(call.request.query);
  const bool include_tasks = query.IsTrue("includeTasks");
  const bool only_failed = query.IsTrue("onlyFailed");
  const bool is_plain = !include_tasks && !only_failed;
  // A plain restart also restarts failed tasks: that is what callers expect of a failed connector.
  const auto status = is_plain ? call.api.worker.Restart(call.name(), true, true)
                               : call.api.worker.Restart(call.name(), include_tasks, only_failed);
  if (!status) {
    return ErrorOf(status.error(), call.name(), "Unknown connector: " + call.name());
  }
  if (is_plain) return Empty(204);
  JsonText text;
  WriteStatus(text, *status, call.api.worker_id);
  return Json(202, std::move(text));
}

Response RestartTask(const Call& call) {
  const auto id = TaskOf(call);
  if (!id) return HttpError(404);
  const auto done = call.api.worker.RestartTask(call.name(), *id);
  if (done) return Empty(204);
  if (done.error().kind == connect::CallError::Kind::kNoSuchTask) {
    return Error(404, "Unknown task: " + TaskName(call.name(), *id));
  }
  return ErrorOf(done.error(), call.name(), "Unknown connector: " + call.name());
}

Response PauseConnector(const Call& call) {
  return ChangeTargetState(call, TargetState::kPaused, 202);
}

Response ResumeConnector(const Call& call) {
  return ChangeTargetState(call, TargetState::kStarted, 202);
}

Response StopConnector(const Call& call) {
  return ChangeTargetState(call, TargetState::kStopped, 204);
}

Response GetTopics(const Call& call) {
  JsonText text;
  text.BeginObject().Key(call.name()).BeginObject().Key("topics");
  WriteStrings(text, call.api.worker.ActiveTopics(call.name()));
  text.EndObject().EndObject();
  return Json(200, std::move(text));
}

Response ResetTopics(const Call& call) {
  call.api.worker.ResetActiveTopics(call.name());
  return Empty(202);
}

}  // namespace khs::rest
