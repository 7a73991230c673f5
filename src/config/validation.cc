#include "config/validation.h"

#include <algorithm>
#include <array>
#include <map>

#include "config/connector_config.h"
#include "config/connector_judge.h"
#include "config/connector_keys.h"
#include "config/problem_list.h"
#include "config/settings.h"
#include "config/text.h"

namespace khs::config {
namespace {

const char* const kDefinition = "definition";
const char* const kDefaults = "defaults";
constexpr std::string_view kDefaultsPrefix = "defaults.";

// Parts of names that librdkafka, Kafka's Java client and converters have for credentials and for
// what may hold some.
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
  const bool has_user =
      entry.text.find("://") != std::string::npos && entry.text.find('@') != std::string::npos;
  return HoldsCredentials(key) || has_user ? std::string(kHiddenValue) : entry.text;
}

KeyVerdict VerdictOf(const KeyDefinition& definition, const Setting& setting) {
  // As it was written: a client's property may have another name in librdkafka.
  const std::string& name =
      definition.key.ends_with(".*") ? setting.written.entry.key : setting.key;
  return {name, &definition, ShownValue(setting.key, setting.written.entry), {}};
}

// Every key with its value.
std::vector<KeyVerdict> Values(const FlatConfig& definition, const FlatConfig& defaults) {
  ProblemList unused(kDefinition);  // ParseConnector finds them again
  const Settings settings =
      Overlay(Resolve(KeyTable::kConnector, WrittenIn(kDefinition, definition), unused),
              Resolve(KeyTable::kConnector, WrittenIn(kDefaults, defaults, "defaults."), unused));
  std::vector<KeyVerdict> verdicts;
  for (const KeyDefinition& key : ConnectorKeys()) {
    if (key.key.ends_with(".*")) {
      for (const Setting& setting : settings) {
        if (&KeysOf(KeyTable::kConnector)[setting.row] == &key) {
          verdicts.push_back(VerdictOf(key, setting));
        }
      }
    } else if (const Setting* setting = FindSetting(settings, key.key)) {
      verdicts.push_back(VerdictOf(key, *setting));
    } else {
      verdicts.push_back({std::string(key.key), &key, std::nullopt, {}});
      if (key.default_value) verdicts.back().value = std::string(*key.default_value);
    }
  }
  size_t unknown = 0;
  for (const Entry& entry : definition) {
    if (FindKey(ConnectorKeys(), entry.key)) continue;
    if (++unknown > kMostProblems) break;
    verdicts.push_back({entry.key, nullptr, ShownValue(entry.key, entry), {}});
  }
  return verdicts;
}

// Hands errors to the keys that they are about.
class Blame {
 public:
  explicit Blame(std::vector<KeyVerdict>& verdicts) : verdicts_(verdicts) {
    for (KeyVerdict& verdict : verdicts) by_name_.emplace(verdict.name, &verdict);
  }

  void Add(std::string_view key, const std::string& message) {
    const KeyDefinition* known = FindKey(ConnectorKeys(), key);
    if (known != nullptr && !known->key.ends_with(".*")) key = known->key;
    const auto found = by_name_.find(key);
    // No error may get lost.
    KeyVerdict& verdict = found == by_name_.end() ? verdicts_.front() : *found->second;
    verdict.errors.push_back(message);
  }

 private:
  std::vector<KeyVerdict>& verdicts_;
  std::map<std::string_view, KeyVerdict*> by_name_;
};

}  // namespace

bool HoldsCredentials(std::string_view key) {
  const KeyDefinition* known = FindKey(ConnectorKeys(), key);
  if (known == nullptr) return true;  // a misspelt key may be one of them
  const Row<ConnectorDraft>& row =
      ConnectorRows()[static_cast<size_t>(known - ConnectorKeys().data())];
  if (known->type == KeyType::kPassword) return true;
  if (!row.secret) return false;
  const bool is_member = known->key.ends_with(".*");
  return !is_member || NamesCredential(key.substr(known->key.size() - 1));
}

std::vector<KeyVerdict> ValidateConnector(const FlatConfig& definition,
                                          const FlatConfig& defaults) {
  std::vector<KeyVerdict> verdicts = Values(definition, defaults);
  Blame blame(verdicts);
  const bool is_named = std::any_of(definition.begin(), definition.end(),
                                    [](const Entry& entry) { return entry.key == "name"; });
  if (!is_named) blame.Add("name", MissingRequired("name"));
  const ConnectorResult result =
      ParseConnector({kDefinition, "unnamed"}, definition, defaults, kDefaults);
  for (const Problem& problem : result.problems) {
    if (problem.severity != Severity::kError) continue;
    if (problem.message == kNoSubscription || problem.message == kBothSubscriptions) {
      blame.Add("topics", problem.message);
      blame.Add("topics.regex", problem.message);
      continue;
    }
    std::string_view key = problem.key;
    if (problem.file == kDefaults && key.starts_with(kDefaultsPrefix)) {
      key.remove_prefix(kDefaultsPrefix.size());
    }
    blame.Add(key, problem.message);
  }
  return verdicts;
}

}  // namespace khs::config
