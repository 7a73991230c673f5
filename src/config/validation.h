#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/definitions.h"
#include "config/flat.h"

namespace khs::config {

// Stands for a value that is not to be seen.
constexpr std::string_view kHiddenValue = "[hidden]";

// Whether the values of a connector's key are credentials, or may be: Connect's type PASSWORD.
bool HoldsCredentials(std::string_view key);

// What is to be said of one key of a connector.
struct KeyVerdict {
  std::string name;                           // the table's spelling
  const KeyDefinition* definition = nullptr;  // a family's for its members; null: an unknown key
  // As written, references to secrets included, or else the default; kHiddenValue for credentials.
  std::optional<std::string> value;
  std::vector<std::string> errors;
};

// Judges a definition key by key: every key of the table in its order, members of families where
// these stand, then unknown keys, of which there are no more than problems that are told. A
// definition from REST has its name in it, so a missing one is an error here. References to secrets
// are judged by their syntax. `defaults` as in ParseConnector.
std::vector<KeyVerdict> ValidateConnector(const FlatConfig& definition,
                                          const FlatConfig& defaults = {});

}  // namespace khs::config
