#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/problem.h"

namespace khs::config {

// A definition of another connector that was converted.
struct Conversion {
  std::string toml;   // says in comments what is lost, different or not needed
  Problems problems;  // errors: what is lost; warnings: what is different
};

// Converts the JSON definition of another HTTP sink for Kafka Connect, in a form of ReadAnyJson.
// Fails if it is not JSON, or the definition of another sink. Values are written to the definition,
// but not to comments and problems, because they may be credentials.
base::Expected<Conversion, Problems> ConvertDefinition(const std::string& file,
                                                       std::string_view text);

}  // namespace khs::config
