#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/definitions.h"
#include "config/flat.h"

namespace khs::config {

// Returns whether the values of a connector's key are, or may be, credentials: Kafka Connect's type
// PASSWORD.
bool HoldsCredentials(std::string_view key);

// The value and errors of one key of a connector.
struct KeyValidation {
  std::string name;                           // not an alias
  const KeyDefinition* definition = nullptr;  // of the family for its members; null: unknown key
  // As written, with unresolved references, or else the default; kHiddenValue for credentials.
  std::optional<std::string> value;
  std::vector<std::string> errors;
};

// Validates a definition for Kafka Connect's `validate`. Returns every key of the table in its
// order, members of families in place of the family, then at most kMaxProblems unknown keys. A
// missing name is an error, because REST definitions contain it. References are only checked for
// syntax. `defaults` are those of ParseConnector.
std::vector<KeyValidation> ValidateConnector(const FlatConfig& definition,
                                             const FlatConfig& defaults = {});

}  // namespace khs::config
