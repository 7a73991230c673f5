#pragma once

#include <span>
#include <string_view>

namespace khs::config {

// A property of Kafka's Java client (3.9) that librdkafka does not have under that name.
struct JavaProperty {
  std::string_view name;        // ends in ".*" for a family
  std::string_view librdkafka;  // the equivalent property; empty: accepted without effect
  std::string_view note = {};   // for the reference
};

// All properties, by name. ToLibrdkafka handles those that need more than a different name.
std::span<const JavaProperty> JavaProperties();

// Returns null if there is no property of that name.
const JavaProperty* FindJavaProperty(std::string_view name);

}  // namespace khs::config
