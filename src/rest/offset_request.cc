#include "rest/offset_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <set>
#include <utility>

#include "config/json_value.h"
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

SentOffset::Part PartOf(const JsonValue* value) {
  if (value == nullptr || value->kind == JsonKind::kNull) return SentOffset::Part::kMissing;
  return value->kind == JsonKind::kObject ? SentOffset::Part::kObject
                                          : SentOffset::Part::kNotObject;
}

// A scalar as text: Kafka Connect takes "10" and 10 alike.
void ReadMember(const JsonValue& object, std::string_view key, bool& has,
                std::optional<std::string>& text) {
  const JsonValue* value = Find(object, key);
  has = value != nullptr;
  if (!has || value->kind == JsonKind::kNull) return;
  text = value->IsScalar() ? value->text : "{...}";
}

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

base::Expected<SentOffset, std::string> ReadEntry(const JsonValue& entry) {
  if (entry.kind != JsonKind::kObject) {
    return Failure("Cannot deserialize value of offsets: an object is expected");
  }
  if (std::string unknown = DescribeUnknownField(entry, {"partition", "offset"});
      !unknown.empty()) {
    return Failure(std::move(unknown));
  }
  const JsonValue* partition = Find(entry, "partition");
  const JsonValue* offset = Find(entry, "offset");
  SentOffset sent;
  sent.partition = PartOf(partition);
  sent.offset = PartOf(offset);
  if (sent.partition == SentOffset::Part::kNotObject ||
      sent.offset == SentOffset::Part::kNotObject) {
    return Failure("Cannot deserialize value: partition and offset are objects");
  }
  if (sent.partition == SentOffset::Part::kObject) {
    ReadMember(*partition, "kafka_topic", sent.has_topic, sent.topic);
    ReadMember(*partition, "kafka_partition", sent.has_partition_number, sent.partition_number);
  }
  if (sent.offset == SentOffset::Part::kObject) {
    ReadMember(*offset, "kafka_offset", sent.has_offset_number, sent.offset_number);
  }
  return sent;
}

template <class T>
bool ParseWhole(const std::string& text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && number >= 0;
}

std::string FailedToParse(const char* what, const char* title,
                          const std::optional<std::string>& value) {
  return std::string("Failed to parse the following Kafka ") + what +
         " value in the provided offsets: '" + value.value_or("null") + "'. " + title +
         " values for sink connectors need to be integers.";
}

base::Expected<connect::PartitionOffset, std::string> ParseOffset(const SentOffset& sent) {
  if (sent.partition == SentOffset::Part::kMissing) {
    return Failure("The partition for a sink connector offset cannot be null or missing");
  }
  if (!sent.has_topic || !sent.has_partition_number) {
    return Failure(
        "The partition for a sink connector offset must contain the keys 'kafka_topic' and "
        "'kafka_partition'");
  }
  if (!sent.topic) return Failure("Kafka topic names must be valid strings and may not be null");
  if (!config::IsTopicName(*sent.topic)) {
    return Failure('"' + config::Abbreviate(*sent.topic) + '"' +
                   std::string(config::kInvalidTopicName));
  }
  if (!sent.partition_number) {
    return Failure("Kafka partitions must be valid numbers and may not be null");
  }
  connect::PartitionOffset offset{*sent.topic, 0, std::nullopt};
  if (!ParseWhole(*sent.partition_number, offset.partition)) {
    return Failure(FailedToParse("partition", "Partition", sent.partition_number));
  }
  if (sent.offset == SentOffset::Part::kMissing) return offset;
  if (!sent.has_offset_number) {
    return Failure(
        "The offset for a sink connector should either be null or contain the key 'kafka_offset'");
  }
  std::int64_t number = 0;
  if (!sent.offset_number || !ParseWhole(*sent.offset_number, number)) {
    return Failure(FailedToParse("offset", "Offset", sent.offset_number));
  }
  offset.offset = number;
  return offset;
}

}  // namespace

base::Expected<std::vector<SentOffset>, std::string> ReadOffsets(std::string_view body) {
  const auto document = config::ParseJsonObject(body);
  if (!document) {
    const auto& [position, message] = document.error();
    return Failure(fmt::format("{} (line {}, column {})", message, position.line, position.column));
  }
  if (std::string unknown = DescribeUnknownField(*document, {"offsets"}); !unknown.empty()) {
    return Failure(std::move(unknown));
  }
  std::vector<SentOffset> offsets;
  const JsonValue* list = Find(*document, "offsets");
  if (list == nullptr || list->kind == JsonKind::kNull) return offsets;
  if (list->kind != JsonKind::kArray) {
    return Failure("Cannot deserialize value of offsets: a list is expected");
  }
  const size_t count = list->elements.size();
  if (count > kMostOffsets) {
    return Failure("At most " + std::to_string(kMostOffsets) +
                   " offsets are taken at a time, and " + std::to_string(count) + " are given");
  }
  for (const JsonValue& value : list->elements) {
    auto sent = ReadEntry(value);
    if (!sent) return Failure(std::move(sent.error()));
    offsets.push_back(std::move(*sent));
  }
  return offsets;
}

base::Expected<std::vector<connect::PartitionOffset>, std::string> ParseOffsets(
    const std::vector<SentOffset>& sent) {
  std::vector<connect::PartitionOffset> offsets;
  std::set<std::pair<std::string, std::int32_t>> seen;
  for (const SentOffset& one : sent) {
    auto offset = ParseOffset(one);
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
