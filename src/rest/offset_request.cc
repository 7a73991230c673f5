#include "rest/offset_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <utility>

#include "config/text.h"

namespace khs::rest {
namespace {

using config::JsonKind;
using config::JsonMember;
using config::JsonValue;
using Failure = base::Unexpected<std::string>;

constexpr size_t kMostOffsets = 10'000;

// The last member with the key, as in Kafka Connect; null without one.
const JsonValue* Find(const JsonValue& object, std::string_view key) {
  const JsonValue* found = nullptr;
  for (const JsonMember& member : object.members) {
    if (member.key == key) found = &member.value;
  }
  return found;
}

bool IsNull(const JsonValue* value) { return value == nullptr || value->kind == JsonKind::kNull; }

bool IsObjectOrNull(const JsonValue* value) {
  return IsNull(value) || value->kind == JsonKind::kObject;
}

// Returns a scalar as text: Kafka Connect takes "10" and 10 alike.
std::string TextOf(const JsonValue& value) { return value.IsScalar() ? value.text : "{...}"; }

// The error message for unknown members; empty without any.
std::string DescribeUnknownField(const JsonValue& object,
                                 std::initializer_list<std::string_view> known) {
  for (const JsonMember& member : object.members) {
    if (std::find(known.begin(), known.end(), member.key) == known.end()) {
      return "Unrecognized field \"" + config::Abbreviate(member.key) + '"';
    }
  }
  return {};
}

// Returns what is wrong with the structure of an entry; empty if it is valid.
std::string ValidateEntry(const JsonValue& entry) {
  if (entry.kind != JsonKind::kObject) {
    return "Cannot deserialize value of offsets: an object is expected";
  }
  if (std::string unknown = DescribeUnknownField(entry, {"partition", "offset"});
      !unknown.empty()) {
    return unknown;
  }
  if (!IsObjectOrNull(Find(entry, "partition")) || !IsObjectOrNull(Find(entry, "offset"))) {
    return "Cannot deserialize value: partition and offset are objects";
  }
  return {};
}

template <class T>
bool ParseWhole(const std::string& text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number >= 0;
}

std::string FailedToParse(const char* what, const char* title, const std::string& value) {
  return std::string("Failed to parse the following Kafka ") + what +
         " value in the provided offsets: '" + value + "'. " + title +
         " values for sink connectors need to be integers.";
}

base::Expected<connect::PartitionOffset, std::string> ParseOffset(const JsonValue& entry) {
  const JsonValue* partition = Find(entry, "partition");
  if (IsNull(partition)) {
    return Failure("The partition for a sink connector offset cannot be null or missing");
  }
  const JsonValue* topic = Find(*partition, "kafka_topic");
  const JsonValue* number = Find(*partition, "kafka_partition");
  if (topic == nullptr || number == nullptr) {
    return Failure(
        "The partition for a sink connector offset must contain the keys 'kafka_topic' and "
        "'kafka_partition'");
  }
  if (IsNull(topic)) return Failure("Kafka topic names must be valid strings and may not be null");
  connect::PartitionOffset parsed{TextOf(*topic), 0, std::nullopt};
  if (!config::IsTopicName(parsed.topic)) {
    return Failure('"' + config::Abbreviate(parsed.topic) + '"' +
                   std::string(config::kInvalidTopicName));
  }
  if (IsNull(number)) {
    return Failure("Kafka partitions must be valid numbers and may not be null");
  }
  if (const std::string text = TextOf(*number); !ParseWhole(text, parsed.partition)) {
    return Failure(FailedToParse("partition", "Partition", text));
  }
  const JsonValue* offset = Find(entry, "offset");
  if (IsNull(offset)) return parsed;
  const JsonValue* value = Find(*offset, "kafka_offset");
  if (value == nullptr) {
    return Failure(
        "The offset for a sink connector should either be null or contain the key 'kafka_offset'");
  }
  const std::string text = IsNull(value) ? "null" : TextOf(*value);
  if (!ParseWhole(text, parsed.offset.emplace())) {
    return Failure(FailedToParse("offset", "Offset", text));
  }
  return parsed;
}

}  // namespace

base::Expected<std::vector<JsonValue>, std::string> ReadOffsets(std::string_view body) {
  const auto document = config::ParseJsonObject(body);
  if (!document) {
    const auto& [position, message] = document.error();
    return Failure(fmt::format("{} (line {}, column {})", message, position.line, position.column));
  }
  if (std::string unknown = DescribeUnknownField(*document, {"offsets"}); !unknown.empty()) {
    return Failure(std::move(unknown));
  }
  const JsonValue* list = Find(*document, "offsets");
  if (IsNull(list)) return std::vector<JsonValue>{};
  if (list->kind != JsonKind::kArray) {
    return Failure("Cannot deserialize value of offsets: a list is expected");
  }
  const size_t count = list->elements.size();
  if (count > kMostOffsets) {
    return Failure("At most " + std::to_string(kMostOffsets) +
                   " offsets are allowed per request, but there are " + std::to_string(count));
  }
  for (const JsonValue& entry : list->elements) {
    if (std::string problem = ValidateEntry(entry); !problem.empty()) {
      return Failure(std::move(problem));
    }
  }
  return list->elements;
}

base::Expected<std::vector<connect::PartitionOffset>, std::string> ParseOffsets(
    const std::vector<JsonValue>& entries) {
  std::vector<connect::PartitionOffset> offsets;
  std::set<std::pair<std::string, std::int32_t>> seen;
  for (const JsonValue& entry : entries) {
    auto offset = ParseOffset(entry);
    if (!offset) return Failure(std::move(offset.error()));
    if (!seen.emplace(offset->topic, offset->partition).second) {
      return Failure("The partition " + std::to_string(offset->partition) + " of the topic " +
                     offset->topic + " is given twice: keep one of them");
    }
    offsets.push_back(std::move(*offset));
  }
  return offsets;
}

}  // namespace khs::rest
