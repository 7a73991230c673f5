#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "config/definitions.h"
#include "config/foreign_connector.h"
#include "config/json.h"
#include "config/text.h"
#include "config/validation.h"
#include "rest/connect_answers.h"
#include "rest/connect_handlers.h"
#include "rest/request_target.h"

namespace khs::rest {
namespace {

using config::KeyDefinition;
using config::KeyType;

constexpr std::array<std::string_view, 2> kConverters = {
    "org.apache.kafka.connect.storage.StringConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter"};

// Groups that Kafka Connect defines; the plugin defines the others.
constexpr std::array<std::string_view, 4> kFrameworkGroups = {"Common", "Transforms", "Predicates",
                                                              "Error Handling"};

std::string_view ShortName(std::string_view java_class) {
  return java_class.substr(java_class.rfind('.') + 1);
}

bool IsConverter(std::string_view name) {
  return std::any_of(kConverters.begin(), kConverters.end(), [&](std::string_view known) {
    return name == known || name == ShortName(known);
  });
}

bool IsConnector(std::string_view name) {
  const auto& names = config::kConnectorClasses;
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Kafka Connect's alias of a class.
std::string_view WithoutSuffix(std::string_view name) {
  constexpr std::string_view kSuffix = "Connector";
  if (name.ends_with(kSuffix) && name.size() > kSuffix.size()) name.remove_suffix(kSuffix.size());
  return name;
}

bool IsPlugins(const KeyDefinition& key) {
  return std::find(kFrameworkGroups.begin(), kFrameworkGroups.end(), key.group) ==
         kFrameworkGroups.end();
}

std::string_view Width(KeyType type) {
  switch (type) {
    case KeyType::kBoolean:
    case KeyType::kInt:
    case KeyType::kLong:
    case KeyType::kDouble:
      return "SHORT";
    case KeyType::kString:
    case KeyType::kPassword:
      return "MEDIUM";
    case KeyType::kList:
    case KeyType::kClass:
      return "LONG";
  }
  return "NONE";
}

// Makes "Tasks max" of `tasks.max`.
std::string DisplayName(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '.', ' ');
  if (!name.empty()) name.front() = config::Upper(name.substr(0, 1)).front();
  return name;
}

// The position of a key in its group, from 1.
using Orders = std::map<std::string_view, std::int64_t>;

// Kafka Connect's ConfigKeyInfo. Clients expect one for unknown keys too.
void WriteKeyInfo(JsonText& text, const std::string& name, const KeyDefinition* key,
                  Orders& orders) {
  const KeyDefinition unknown{.importance = config::Importance::kLow,
                              .documentation = "Unknown key."};
  const KeyDefinition& shown = key != nullptr ? *key : unknown;
  const bool is_password = config::HoldsCredentials(name);
  const KeyType type = is_password ? KeyType::kPassword : shown.type;
  text.BeginObject().Key("name").String(name);
  text.Key("type").String(config::Upper(config::TypeName(type)));
  // A file's name is a default; a REST definition needs an explicit name.
  text.Key("required").Boolean(shown.required || name == "name").Key("default_value");
  shown.default_value ? text.String(*shown.default_value) : text.Null();
  text.Key("importance").String(config::Upper(config::ImportanceName(shown.importance)));
  text.Key("documentation").String(shown.documentation).Key("group");
  shown.group.empty() ? text.Null() : text.String(shown.group);
  text.Key("width").String(Width(type)).Key("display_name").String(DisplayName(name));
  text.Key("dependents").BeginArray().EndArray();
  text.Key("order").Number(shown.group.empty() ? -1 : ++orders[shown.group]).EndObject();
}

std::vector<std::string> Groups() {
  std::vector<std::string> groups(kFrameworkGroups.begin(), kFrameworkGroups.end());
  for (const KeyDefinition& key : config::ConnectorKeys()) {
    if (std::find(groups.begin(), groups.end(), key.group) == groups.end()) {
      groups.emplace_back(key.group);
    }
  }
  return groups;
}

void WritePlugin(JsonText& text, std::string_view java_class, std::string_view type,
                 const std::string& version) {
  text.BeginObject().Key("class").String(java_class).Key("type").String(type);
  text.Key("version").String(version).EndObject();
}

Response ValidationAnswer(const std::string& java_class,
                          const std::vector<config::KeyValidation>& verdicts) {
  size_t errors = 0;
  for (const config::KeyValidation& verdict : verdicts) errors += verdict.errors.size();
  JsonText text;
  text.BeginObject().Key("name").String(java_class);
  text.Key("error_count").Number(static_cast<std::int64_t>(errors)).Key("groups");
  WriteStrings(text, Groups());
  text.Key("configs").BeginArray();
  Orders orders;
  for (const config::KeyValidation& verdict : verdicts) {
    text.BeginObject().Key("definition");
    WriteKeyInfo(text, verdict.name, verdict.definition, orders);
    text.Key("value").BeginObject().Key("name").String(verdict.name).Key("value");
    verdict.value ? text.String(*verdict.value) : text.Null();
    text.Key("recommended_values").BeginArray().EndArray().Key("errors");
    WriteStrings(text, verdict.errors);
    text.Key("visible").Boolean(true).EndObject().EndObject();
  }
  text.EndArray().EndObject();
  return Json(200, std::move(text));
}

}  // namespace

Response ListPlugins(const Call& call) {
  JsonText text;
  text.BeginArray();
  WritePlugin(text, config::kConnectorClasses.back(), "sink", call.api.version);
  if (!Query(call.request.query).IsTrue("connectorsOnly", true)) {
    for (const char* type : {"converter", "header_converter"}) {
      for (const std::string_view name : kConverters) {
        WritePlugin(text, name, type, call.api.version);
      }
    }
  }
  text.EndArray();
  return Json(200, std::move(text));
}

Response GetPluginConfig(const Call& call) {
  if (!IsConnector(call.name()) && !IsConverter(call.name())) {
    return Error(404, "Unknown plugin " + call.name() + ".");
  }
  std::vector<const KeyDefinition*> keys;  // converters have none
  if (IsConnector(call.name())) {
    for (const KeyDefinition& key : config::ConnectorKeys()) {
      if (!key.key.ends_with(".*")) keys.push_back(&key);
    }
  }
  std::stable_partition(keys.begin(), keys.end(),
                        [](const KeyDefinition* key) { return IsPlugins(*key); });
  JsonText text;
  text.BeginArray();
  Orders orders;
  for (const KeyDefinition* key : keys) WriteKeyInfo(text, std::string(key->key), key, orders);
  text.EndArray();
  return Json(200, std::move(text));
}

Response ValidatePluginConfig(const Call& call) {
  const auto entries = config::ReadJsonConfig("body", call.request.body);
  if (!entries) return BadBody(entries.error());
  const config::Entry* sent = config::FindEntry(*entries, "connector.class");
  const bool is_set = sent != nullptr && sent->kind != config::ValueKind::kNull;
  const std::string java_class(is_set ? sent->text : config::kConnectorClasses.front());
  if (!WithoutSuffix(java_class).ends_with(WithoutSuffix(call.name()))) {
    return Error(400, "Included connector type " + java_class + " does not match request type " +
                          call.name());
  }
  // For the keys of other HTTP sinks the errors say what to use instead.
  if (!config::KindOfClass(java_class)) {
    if (auto unknown = UnknownClass(java_class)) return std::move(*unknown);
  }
  std::vector<config::KeyValidation> verdicts =
      config::ValidateConnector(*entries, call.api.defaults);
  std::stable_partition(verdicts.begin(), verdicts.end(), [](const config::KeyValidation& verdict) {
    return verdict.definition != nullptr && IsPlugins(*verdict.definition);
  });
  return ValidationAnswer(java_class, verdicts);
}

}  // namespace khs::rest
