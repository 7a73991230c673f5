#include "config/validation.h"

#include <algorithm>
#include <array>
#include <map>

#include "config/connector_config.h"
#include "config/connector_keys.h"
#include "config/connector_rules.h"
#include "config/problem_list.h"
#include "config/settings.h"
#include "config/text.h"

namespace khs::config {
namespace {

const char* const kDefinition = "definition";
const char* const kDefaultsFile = "defaults";

// Words in the names of credentials, and of values that may contain some, in librdkafka, Kafka's
// Java client and converters.
constexpr std::array<std::string_view, 11> kCredentialWords = {
    "password", "passphrase", "secret", "token",     "credential", "jaas",
    "oauth",    "key",        "pem",    "user.info", "username"};

bool NamesCredential(std::string_view member) {
  const std::string name = Lower(member);
  return std::any_of(kCredentialWords.begin(), kCredentialWords.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

std::optional<std::string> ShownValue(std::string_view key, const Entry& entry) {
  if (entry.kind == ValueKind::kNull) return std::nullopt;
  return HoldsCredentials(key) || MayHoldUser(entry.text) ? std::string(kHiddenValue) : entry.text;
}

KeyValidation ToKeyValidation(const KeyDefinition& definition, const Setting& setting) {
  // The written name, because librdkafka may have a different one.
  const std::string& name =
      definition.key.ends_with(".*") ? setting.written.entry.key : setting.key;
  return {name, &definition, ShownValue(setting.key, setting.written.entry), {}};
}

// Returns every key with its value.
std::vector<KeyValidation> ListKeys(const FlatConfig& definition, const FlatConfig& defaults) {
  ProblemList unused(kDefinition);  // ParseConnector reports the problems
  const Settings settings =
      Overlay(Resolve(KeyTable::kConnector, ToWrittenEntries(kDefinition, definition), unused),
              Resolve(KeyTable::kConnector,
                      ToWrittenEntries(kDefaultsFile, defaults, std::string(kDefaults)), unused));
  std::vector<KeyValidation> keys;
  for (const KeyDefinition& key : ConnectorKeys()) {
    if (key.key.ends_with(".*")) {
      for (const Setting& setting : settings) {
        if (&KeysOf(KeyTable::kConnector)[setting.row] == &key) {
          keys.push_back(ToKeyValidation(key, setting));
        }
      }
    } else if (const Setting* setting = FindSetting(settings, key.key)) {
      keys.push_back(ToKeyValidation(key, *setting));
    } else {
      keys.push_back({std::string(key.key), &key, std::nullopt, {}});
      if (key.default_value) keys.back().value = std::string(*key.default_value);
    }
  }
  size_t unknown = 0;
  for (const Entry& entry : definition) {
    if (FindKey(ConnectorKeys(), entry.key)) continue;
    if (++unknown > kMaxProblems) break;
    keys.push_back({entry.key, nullptr, ShownValue(entry.key, entry), {}});
  }
  return keys;
}

// Assigns errors to their keys.
class ErrorAssigner {
 public:
  explicit ErrorAssigner(std::vector<KeyValidation>& keys) : keys_(keys) {
    for (KeyValidation& validation : keys) by_name_.emplace(validation.name, &validation);
  }

  void Add(std::string_view key, const std::string& message) {
    const KeyDefinition* known = FindKey(ConnectorKeys(), key);
    if (known != nullptr && !known->key.ends_with(".*")) key = known->key;
    const auto found = by_name_.find(key);
    // The first key gets errors of other keys, so that none is lost.
    KeyValidation& validation = found == by_name_.end() ? keys_.front() : *found->second;
    validation.errors.push_back(message);
  }

 private:
  std::vector<KeyValidation>& keys_;
  std::map<std::string_view, KeyValidation*> by_name_;
};

}  // namespace

bool HoldsCredentials(std::string_view key) {
  const KeyDefinition* known = FindKey(ConnectorKeys(), key);
  if (known == nullptr) return true;  // it may be a misspelt credential
  const Row<ConnectorDraft>& row =
      ConnectorRows()[static_cast<size_t>(known - ConnectorKeys().data())];
  if (known->type == KeyType::kPassword) return true;
  if (!row.secret) return false;
  const bool is_member = known->key.ends_with(".*");
  return !is_member || NamesCredential(key.substr(known->key.size() - 1));
}

std::vector<KeyValidation> ValidateConnector(const FlatConfig& definition,
                                             const FlatConfig& defaults) {
  std::vector<KeyValidation> keys = ListKeys(definition, defaults);
  ErrorAssigner errors(keys);
  if (FindEntry(definition, "name") == nullptr) errors.Add("name", MissingRequired("name"));
  const ConnectorResult result =
      ParseConnector({kDefinition, "unnamed"}, definition, defaults, kDefaultsFile);
  for (const Problem& problem : result.problems) {
    if (problem.severity != Severity::kError) continue;
    if (problem.message == kNoSubscription || problem.message == kBothSubscriptions) {
      errors.Add("topics", problem.message);
      errors.Add("topics.regex", problem.message);
      continue;
    }
    std::string_view key = problem.key;
    if (problem.file == kDefaultsFile && key.starts_with(kDefaults)) {
      key.remove_prefix(kDefaults.size());
    }
    errors.Add(key, problem.message);
  }
  return keys;
}

}  // namespace khs::config
