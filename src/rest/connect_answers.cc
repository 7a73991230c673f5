#include "rest/connect_answers.h"

#include <fmt/format.h>

#include <chrono>

#include "config/definitions.h"
#include "config/foreign_connector.h"
#include "config/text.h"

namespace khs::rest {
namespace {

using connect::CallError;
using connect::RunState;

void WriteState(JsonText& text, RunState state, const std::string& trace,
                const std::string& worker_id) {
  text.Key("state").String(connect::Name(state)).Key("worker_id").String(worker_id);
  if (!trace.empty()) text.Key("trace").String(trace);
}

// As the log writes it.
std::string FormatTime(base::WallTime time) {
  namespace chrono = std::chrono;
  const auto now = chrono::floor<chrono::milliseconds>(time);
  const auto day = chrono::floor<chrono::days>(now);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(now - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

void WriteErrors(JsonText& text, const connect::RecordErrors& errors) {
  text.Key("errors").BeginObject();
  text.Key("retries").Number(static_cast<std::int64_t>(errors.retries));
  text.Key("dropped").Number(static_cast<std::int64_t>(errors.dropped));
  text.Key("last").BeginObject().Key("time").String(FormatTime(errors.last->time));
  text.Key("topic").String(errors.last->topic);
  text.Key("partition").Number(errors.last->partition).Key("offset").Number(errors.last->offset);
  text.Key("attempts").Number(errors.last->attempts);
  if (errors.last->http_status) text.Key("status").Number(*errors.last->http_status);
  text.Key("reason").String(errors.last->reason).Key("outcome").String(errors.last->outcome);
  text.Key("error").String(errors.last->text).EndObject().EndObject();
}

std::string ValueOr(std::string message, std::string fallback) {
  return message.empty() ? std::move(fallback) : std::move(message);
}

}  // namespace

Response Json(int status, JsonText text) { return {status, "application/json", text.Take(), {}}; }

Response Empty(int status) { return {status, {}, {}, {}}; }

Response BadBody(const config::Problems& problems) {
  std::string message;
  for (const config::Problem& problem : problems) {
    if (!message.empty()) message += '\n';
    if (!problem.key.empty()) message += problem.key + ": ";
    message += fmt::format("{} (line {}, column {})", problem.message, problem.position.line,
                           problem.position.column);
  }
  return Error(400, message);
}

std::optional<Response> UnknownClass(std::string_view java_class,
                                     const std::vector<std::string>& advice) {
  std::string names;
  for (const std::string_view name : config::kConnectorClasses) {
    if (config::Trim(java_class) == name) return std::nullopt;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  std::string text = fmt::format(
      "Failed to find any class that implements Connector and which name matches {}, available "
      "connectors are: {}",
      java_class, names);
  if (const auto kind = config::KindOfClass(java_class)) {
    text +=
        fmt::format("; kafka-http-sink convert converts a definition of {}", config::NameOf(*kind));
  }
  for (const std::string& line : advice) text += '\n' + line;
  return Error(400, text);
}

Response InvalidConfig(const std::vector<std::string>& messages) {
  std::string text =
      fmt::format("Connector configuration is invalid and contains the following {} error(s):",
                  messages.size());
  for (const std::string& message : messages) text += '\n' + message;
  text +=
      "\nYou can also find the above list of errors at the endpoint "
      "`/connector-plugins/{connectorType}/config/validate`";
  return Error(400, text);
}

Response ErrorOf(const CallError& error, const std::string& name, std::string_view not_found) {
  switch (error.kind) {
    case CallError::Kind::kNotFound:
      return Error(404, not_found);
    case CallError::Kind::kNoSuchTask:
      return Error(404, ValueOr(error.message, "Unknown task of connector " + name));
    case CallError::Kind::kExists:
      return Error(409, "Connector " + name + " already exists");
    case CallError::Kind::kInvalid:
      if (error.problems.empty()) {
        return Error(400, ValueOr(error.message, "The request is invalid"));
      }
      return InvalidConfig(error.problems);
    case CallError::Kind::kTooMany:
      return Error(403, ValueOr(error.message, "There are too many connectors"));
    case CallError::Kind::kFileDefined:
      return Error(403, ValueOr(error.message, "Connector " + name + " is defined by a file"));
    case CallError::Kind::kNotStopped:
      return Error(400, fmt::format("Connectors must be in the STOPPED state before their offsets "
                                    "can be modified. This can be done for the specified connector "
                                    "by issuing a 'PUT' request to the '/connectors/{}/stop' "
                                    "endpoint",
                                    name));
    case CallError::Kind::kStillActive:
      return Error(
          500, ValueOr(error.message, "The consumer group of connector " + name + " is active"));
    case CallError::Kind::kCannotStore:
      return Error(500, ValueOr(error.message, "Connector " + name + " could not be stored"));
    case CallError::Kind::kFailed:
      return Error(500, ValueOr(error.message, "The broker refuses the call"));
    case CallError::Kind::kUnavailable:
      return Error(503, ValueOr(error.message, "Currently unavailable; try again"));
  }
  return HttpError(500);
}

std::string NotFoundText(const std::string& name) { return "Connector " + name + " not found"; }

void WriteConfig(JsonText& text, const connect::ConfigMap& config) {
  text.BeginObject();
  for (const auto& [key, value] : config) text.Key(key).String(value);
  text.EndObject();
}

void WriteStrings(JsonText& text, const std::vector<std::string>& strings) {
  text.BeginArray();
  for (const std::string& string : strings) text.String(string);
  text.EndArray();
}

void WriteInfo(JsonText& text, const connect::ConnectorInfo& info) {
  text.BeginObject().Key("name").String(info.name).Key("config");
  WriteConfig(text, info.config);
  text.Key("tasks").BeginArray();
  for (const int task : info.tasks) {
    text.BeginObject().Key("connector").String(info.name).Key("task").Number(task).EndObject();
  }
  text.EndArray().Key("type").String("sink").EndObject();
}

void WriteTaskStatus(JsonText& text, const connect::TaskStatus& task,
                     const std::string& worker_id) {
  text.BeginObject().Key("id").Number(task.id);
  WriteState(text, task.state, task.trace, worker_id);
  text.EndObject();
}

void WriteStatus(JsonText& text, const connect::ConnectorStatus& status,
                 const std::string& worker_id) {
  text.BeginObject().Key("name").String(status.name).Key("connector").BeginObject();
  WriteState(text, status.state, status.trace, worker_id);
  text.EndObject().Key("tasks").BeginArray();
  for (const connect::TaskStatus& task : status.tasks) WriteTaskStatus(text, task, worker_id);
  text.EndArray().Key("type").String("sink");
  // Fields that Kafka Connect doesn't have come last.
  text.Key("origin").String(status.origin);
  if (!status.file.empty()) text.Key("file").String(status.file);
  text.Key("generation").Number(static_cast<std::int64_t>(status.generation));
  text.Key("observed_generation").Number(static_cast<std::int64_t>(status.observed_generation));
  if (!status.warnings.empty()) {
    text.Key("warnings");
    WriteStrings(text, status.warnings);
  }
  if (status.errors.last) WriteErrors(text, status.errors);
  text.EndObject();
}

}  // namespace khs::rest
