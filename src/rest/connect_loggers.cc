#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/json_value.h"
#include "config/text.h"
#include "rest/connect_answers.h"
#include "rest/connect_handlers.h"
#include "rest/request_target.h"

namespace khs::rest {
namespace {

using base::LoggerState;
using base::LogLevel;

// The rooms that have a logger.
constexpr std::array<const char*, 6> kRooms = {"app", "auth", "kafka", "reconcile", "rest", "task"};

constexpr std::array<std::pair<std::string_view, LogLevel>, 7> kLevels = {
    {{"TRACE", LogLevel::kTrace},
     {"DEBUG", LogLevel::kDebug},
     {"INFO", LogLevel::kInfo},
     {"WARN", LogLevel::kWarn},
     {"ERROR", LogLevel::kError},
     {"FATAL", LogLevel::kFatal},
     {"OFF", LogLevel::kOff}}};

std::string_view LevelName(LogLevel level) {
  for (const auto& [name, one] : kLevels) {
    if (one == level) return name;
  }
  return "OFF";
}

std::optional<LogLevel> ParseLevel(std::string_view text) {
  for (const auto& [name, level] : kLevels) {
    if (config::EqualIgnoringCase(text, name)) return level;
  }
  return std::nullopt;
}

void WriteLogger(JsonText& text, const LoggerState& logger) {
  text.BeginObject().Key("level").String(LevelName(logger.level)).Key("last_modified");
  if (logger.changed) {
    using std::chrono::milliseconds;
    text.Number(
        std::chrono::duration_cast<milliseconds>(logger.changed->time_since_epoch()).count());
  } else {
    text.Null();
  }
  text.EndObject();
}

}  // namespace

LoggerControl ProcessLoggers(const base::Clock& clock) {
  for (const char* room : kRooms) base::Logger{room};
  return {[] { return base::Loggers(); },
          [&clock](const std::string& name, LogLevel level) {
            return base::SetLogLevel(name, level, clock.Read().wall);
          }};
}

Response ListLoggers(const Call& call) {
  JsonText text;
  text.BeginObject();
  for (const LoggerState& logger : call.api.loggers.list()) {
    text.Key(logger.name);
    WriteLogger(text, logger);
  }
  text.EndObject();
  return Json(200, std::move(text));
}

Response GetLogger(const Call& call) {
  for (const LoggerState& logger : call.api.loggers.list()) {
    if (logger.name != call.name()) continue;
    JsonText text;
    WriteLogger(text, logger);
    return Json(200, std::move(text));
  }
  return Error(404, "Logger " + call.name() + " not found.");
}

Response PutLogger(const Call& call) {
  const auto object = config::ParseJsonObject(call.request.body);
  if (!object) return BadBody({{"body", object.error().position, {}, object.error().message}});
  const auto& members = object->members;
  const auto sent = std::find_if(members.begin(), members.end(),
                                 [](const auto& member) { return member.key == "level"; });
  if (sent == members.end() || sent->value.kind == config::JsonKind::kNull) {
    return Error(400, "Desired 'level' parameter was not specified in request.");
  }
  const auto level = ParseLevel(sent->value.text);
  if (!level) return Error(400, "invalid log level '" + sent->value.text + "'.");
  const std::vector<std::string> affected = call.api.loggers.set(call.name(), *level);
  if (affected.empty()) return Error(404, "Logger " + call.name() + " not found.");
  // The cluster is this one worker.
  const Query query(call.request.query);
  if (config::EqualIgnoringCase(query.First("scope").value_or(""), "cluster")) return Empty(204);
  JsonText text;
  WriteStrings(text, affected);
  return Json(200, std::move(text));
}

}  // namespace khs::rest
