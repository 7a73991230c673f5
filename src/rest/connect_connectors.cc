#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "config/definitions.h"
#include "config/flat.h"
#include "config/foreign_connector.h"
#include "config/json.h"
#include "config/text.h"
#include "config/validation.h"
#include "rest/connect_answers.h"
#include "rest/connect_handlers.h"
#include "rest/request_target.h"

namespace khs::rest {
namespace {

using config::Entry;
using config::FlatConfig;
using config::ValueKind;
using connect::TargetState;

const char* const kBody = "body";
constexpr std::string_view kTaskClass = "nz.ac.auckland.kafka.http.sink.HttpSinkTask";

// Returns an entry that is set and not null.
const Entry* FindValue(const FlatConfig& entries, std::string_view key) {
  const Entry* entry = config::FindEntry(entries, key);
  return entry != nullptr && entry->kind != ValueKind::kNull ? entry : nullptr;
}

std::optional<Response> CheckName(const FlatConfig& entries, const std::string& name) {
  const Entry* entry = FindValue(entries, "name");
  if (entry == nullptr || entry->text == name) return std::nullopt;
  return Error(400, "Connector name configuration (" + entry->text +
                        ") doesn't match connector name in the URL (" + name + ")");
}

// Returns what to use instead of the keys of another HTTP sink, a line each.
std::vector<std::string> AdviseOnKeys(const FlatConfig& entries) {
  const auto kind = config::RecognizeKind([&entries](std::string_view key) {
    const Entry* entry = FindValue(entries, key);
    return entry == nullptr ? nullptr : &entry->text;
  });
  config::Problems problems;
  for (const Entry& entry : entries) {
    if (config::FindKey(config::ConnectorKeys(), entry.key) != nullptr) continue;
    auto advice = config::DescribeForeignKey(kind, entry.key, "");
    if (advice) problems.push_back({kBody, {}, entry.key, std::move(*advice)});
  }
  config::LimitProblems(problems);
  std::vector<std::string> lines;
  for (const config::Problem& problem : problems) lines.push_back(MessageWithKey(problem));
  return lines;
}

// An unknown class has its own answer, before other problems of the definition. It also says
// what to use instead of the keys of other sinks.
std::optional<Response> CheckClass(const FlatConfig& entries) {
  const Entry* entry = FindValue(entries, "connector.class");
  if (entry == nullptr || entry->text.find("${") != std::string::npos) return std::nullopt;
  return UnknownClass(entry->text, AdviseOnKeys(entries));
}

// Validates a definition with nulls, which the worker can't take.
std::optional<Response> CheckNulls(const FlatConfig& entries, const FlatConfig& defaults) {
  const bool has_null = std::any_of(entries.begin(), entries.end(), [](const Entry& entry) {
    return entry.kind == ValueKind::kNull;
  });
  if (!has_null) return std::nullopt;
  std::vector<std::string> messages;
  for (const config::KeyValidation& verdict : config::ValidateConnector(entries, defaults)) {
    for (const std::string& error : verdict.errors) {
      messages.push_back(config::MessageWithKey({kBody, {}, verdict.name, error}));
    }
  }
  return InvalidConfig(messages);
}

// The definition with its name, as the worker takes it, or the answer that rejects it.
base::Expected<connect::ConfigMap, Response> ReadDefinition(const ConnectApi& api,
                                                            const std::string& name,
                                                            FlatConfig entries) {
  using Rejected = base::Unexpected<Response>;
  if (auto answer = CheckName(entries, name)) return Rejected(std::move(*answer));
  if (FindValue(entries, "name") == nullptr) {
    std::erase_if(entries, [](const Entry& entry) { return entry.key == "name"; });
    entries.push_back({"name", name, ValueKind::kString, {}});
  }
  if (auto answer = CheckClass(entries)) return Rejected(std::move(*answer));
  if (auto answer = CheckNulls(entries, api.defaults)) return Rejected(std::move(*answer));
  connect::ConfigMap config;
  for (Entry& entry : entries) config.emplace(std::move(entry.key), std::move(entry.text));
  return config;
}

std::optional<TargetState> ParseInitialState(const std::optional<std::string>& text) {
  if (!text) return TargetState::kStarted;
  constexpr std::array<std::pair<std::string_view, TargetState>, 3> kStates = {
      {{"RUNNING", TargetState::kStarted},
       {"PAUSED", TargetState::kPaused},
       {"STOPPED", TargetState::kStopped}}};
  for (const auto& [name, state] : kStates) {
    if (config::EqualIgnoringCase(*text, name)) return state;
  }
  return std::nullopt;
}

Response InfoAnswer(int status, const connect::ConnectorInfo& info) {
  JsonText text;
  WriteInfo(text, info);
  return Json(status, std::move(text));
}

// The caller's Host, or the listener's address when a URL can't contain that.
std::string Authority(const Call& call) {
  const std::string host = call.request.Header("host");
  const bool usable = !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return c > ' ' && c < 0x7f && c != '/' && c != '"' && c != '<' && c != '>';
  });
  return usable ? host : call.api.worker_id;
}

Response CreatedAnswer(const Call& call, const connect::ConnectorInfo& info) {
  Response response = InfoAnswer(201, info);
  response.headers["Location"] =
      call.api.scheme + "://" + Authority(call) + "/connectors/" + PercentEncodeSegment(info.name);
  return response;
}

// Absent when the connector has just been deleted.
std::optional<JsonText> Expanded(const ConnectApi& api, const std::string& name, bool with_status,
                                 bool with_info) {
  JsonText text;
  text.BeginObject();
  if (with_status) {
    const auto status = api.worker.Status(name);
    if (!status) return std::nullopt;
    text.Key("status");
    WriteStatus(text, *status, api.worker_id);
  }
  if (with_info) {
    const auto info = api.worker.Info(name);
    if (!info) return std::nullopt;
    text.Key("info");
    WriteInfo(text, *info);
  }
  text.EndObject();
  return text;
}

}  // namespace

Response ListConnectors(const Call& call) {
  const ConnectApi& api = call.api;
  const Query query(call.request.query);
  JsonText text;
  if (!query.Has("expand")) {
    WriteStrings(text, api.worker.Names());
    return Json(200, std::move(text));
  }
  text.BeginObject();
  for (const std::string& name : api.worker.Names()) {
    auto expanded = Expanded(api, name, query.Has("expand", "status"), query.Has("expand", "info"));
    if (expanded) text.Key(name).Raw(expanded->Take());
  }
  text.EndObject();
  return Json(200, std::move(text));
}

Response CreateConnector(const Call& call) {
  auto definition = config::ReadJsonDefinition(kBody, call.request.body);
  if (!definition) return BadBody(definition.error());
  const std::string name(config::Trim(definition->name.value_or(std::string())));
  const auto initial = ParseInitialState(definition->initial_state);
  if (!initial) {
    return Error(400, "Invalid value " + config::Abbreviate(*definition->initial_state) +
                          " for initial_state: String must be one of: RUNNING, PAUSED, STOPPED");
  }
  const auto config = ReadDefinition(call.api, name, std::move(definition->config));
  if (!config) return config.error();
  const auto info = call.api.worker.Create(name, *config, *initial);
  if (!info) return ErrorOf(info.error(), name, NotFoundText(name));
  return CreatedAnswer(call, *info);
}

Response GetConnector(const Call& call) {
  const auto info = call.api.worker.Info(call.name());
  return info ? InfoAnswer(200, *info) : Error(404, NotFoundText(call.name()));
}

Response DeleteConnector(const Call& call) {
  const auto done = call.api.worker.Delete(call.name());
  return done ? Empty(204) : ErrorOf(done.error(), call.name(), NotFoundText(call.name()));
}

Response GetConfig(const Call& call) {
  const auto info = call.api.worker.Info(call.name());
  if (!info) return Error(404, NotFoundText(call.name()));
  JsonText text;
  WriteConfig(text, info->config);
  return Json(200, std::move(text));
}

Response PutConfig(const Call& call) {
  auto entries = config::ReadJsonConfig(kBody, call.request.body);
  if (!entries) return BadBody(entries.error());
  const auto config = ReadDefinition(call.api, call.name(), std::move(*entries));
  if (!config) return config.error();
  const auto stored = call.api.worker.Put(call.name(), *config);
  if (!stored) return ErrorOf(stored.error(), call.name(), NotFoundText(call.name()));
  return stored->created ? CreatedAnswer(call, stored->info) : InfoAnswer(200, stored->info);
}

Response PatchConfig(const Call& call) {
  const auto entries = config::ReadJsonConfig(kBody, call.request.body);
  if (!entries) return BadBody(entries.error());
  auto rejected = CheckName(*entries, call.name());
  if (!rejected) rejected = CheckClass(*entries);
  if (rejected) {
    const bool is_there = call.api.worker.Status(call.name()).has_value();
    return is_there ? std::move(*rejected) : Error(404, NotFoundText(call.name()));
  }
  connect::ConfigPatch patch;
  for (const Entry& entry : *entries) {
    // The name can't change.
    if (entry.key == "name") continue;
    patch[entry.key] =
        entry.kind == ValueKind::kNull ? std::nullopt : std::optional<std::string>(entry.text);
  }
  const auto info = call.api.worker.Patch(call.name(), patch);
  if (!info) return ErrorOf(info.error(), call.name(), NotFoundText(call.name()));
  return InfoAnswer(200, *info);
}

Response GetTasks(const Call& call) {
  auto info = call.api.worker.Info(call.name());
  if (!info) return Error(404, NotFoundText(call.name()));
  info->config["task.class"] = kTaskClass;
  JsonText text;
  text.BeginArray();
  for (const int task : info->tasks) {
    text.BeginObject().Key("id").BeginObject();
    text.Key("connector").String(info->name).Key("task").Number(task).EndObject();
    text.Key("config");
    WriteConfig(text, info->config);
    text.EndObject();
  }
  text.EndArray();
  return Json(200, std::move(text));
}

}  // namespace khs::rest
