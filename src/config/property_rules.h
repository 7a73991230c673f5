#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/client_properties.h"

namespace khs::config {

// What became of the value of one of librdkafka's properties.
struct PropertyRuling {
  enum class Kind {
    kTaken,
    kWithoutEffect,  // it is what the program does anyway, or nobody would notice it
    kBounded,        // `text` is taken instead
    kRefused,        // `text` says why
  };
  Kind kind = Kind::kTaken;
  std::string text = {};
};

// By librdkafka's name of the property. Librdkafka itself judges what nothing is known of here.
PropertyRuling JudgeClientProperty(std::string_view name, std::string_view value,
                                   PropertySource source);

}  // namespace khs::config
