#pragma once

#include <span>
#include <string_view>

namespace khs::config {

// A property of Kafka's Java client (3.9) that librdkafka does not have under this name.
struct JavaProperty {
  std::string_view name;        // ends in ".*" for a family
  std::string_view librdkafka;  // the property that means the same; empty: accepted without effect
  std::string_view note = {};   // for the reference
};

// By name. What needs more than another name is judged by ToLibrdkafka.
std::span<const JavaProperty> JavaProperties();

// Null when there is none of that name.
const JavaProperty* FindJavaProperty(std::string_view name);

}  // namespace khs::config
