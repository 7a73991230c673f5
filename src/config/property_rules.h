#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/client_properties.h"

namespace khs::config {

// The result of validating the value of a librdkafka property.
struct PropertyValidation {
  enum class Kind {
    kAccepted,
    kIgnored,   // it has no effect, or the program sets it anyway
    kClamped,   // `text` is the value to use
    kRejected,  // `text` is the reason
  };
  Kind kind = Kind::kAccepted;
  std::string text = {};
};

// Validates a property by librdkafka's name. librdkafka validates properties without a rule here.
PropertyValidation ValidateClientProperty(std::string_view name, std::string_view value,
                                          PropertySource source);

}  // namespace khs::config
