#include "rest/offset_request.h"

#include <Poco/Dynamic/Var.h>
#include <Poco/Exception.h>
#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include <charconv>
#include <cstdint>
#include <set>
#include <sstream>
#include <utility>

#include "base/utf8.h"
#include "config/json_object.h"
#include "config/text.h"

namespace khs::rest {
namespace {

using Poco::Dynamic::Var;
using Poco::JSON::Array;
using Poco::JSON::Object;
using Failure = base::Unexpected<std::string>;

constexpr size_t kDeepest = 32;
constexpr size_t kMostOffsets = 10'000;

bool IsObject(const Var& value) { return value.type() == typeid(Object::Ptr); }
bool IsArray(const Var& value) { return value.type() == typeid(Array::Ptr); }

SentOffset::Part PartOf(const Object& entry, const std::string& key) {
  if (!entry.has(key) || entry.isNull(key)) return SentOffset::Part::kMissing;
  return IsObject(entry.get(key)) ? SentOffset::Part::kObject : SentOffset::Part::kNotObject;
}

// A scalar as text, which is how Connect takes "10" and 10 alike.
void ReadMember(const Object& object, const std::string& key, bool& has,
                std::optional<std::string>& text) {
  has = object.has(key);
  if (!has || object.isNull(key)) return;
  const Var value = object.get(key);
  const bool nested = IsObject(value) || IsArray(value);
  text = nested ? std::string("{...}") : value.convert<std::string>();
}

// Of the entry's members only these two are known.
std::string UnknownField(const Object& object, const std::vector<std::string>& known) {
  for (const std::string& name : object.getNames()) {
    bool is_known = false;
    for (const std::string& one : known) is_known = is_known || one == name;
    if (!is_known) return "Unrecognized field \"" + config::Shown(name) + '"';
  }
  return {};
}

base::Expected<SentOffset, std::string> ReadEntry(const Var& value) {
  if (!IsObject(value))
    return Failure("Cannot deserialize value of offsets: an object is expected");
  const Object& entry = *value.extract<Object::Ptr>();
  if (std::string unknown = UnknownField(entry, {"partition", "offset"}); !unknown.empty()) {
    return Failure(std::move(unknown));
  }
  SentOffset sent;
  sent.partition = PartOf(entry, "partition");
  sent.offset = PartOf(entry, "offset");
  if (sent.partition == SentOffset::Part::kNotObject ||
      sent.offset == SentOffset::Part::kNotObject) {
    return Failure("Cannot deserialize value: partition and offset are objects");
  }
  if (sent.partition == SentOffset::Part::kObject) {
    const Object& partition = *entry.getObject("partition");
    ReadMember(partition, "kafka_topic", sent.has_topic, sent.topic);
    ReadMember(partition, "kafka_partition", sent.has_partition_number, sent.partition_number);
  }
  if (sent.offset == SentOffset::Part::kObject) {
    ReadMember(*entry.getObject("offset"), "kafka_offset", sent.has_offset_number,
               sent.offset_number);
  }
  return sent;
}

base::Expected<std::vector<SentOffset>, std::string> ReadDocument(std::string_view body) {
  if (std::string reason = config::JudgeValueCount(body); !reason.empty()) {
    return Failure(std::move(reason));
  }
  Poco::JSON::Parser parser;
  parser.setDepth(kDeepest);
  // From a string Poco would overlook a number before the document, and what follows a byte 0xff.
  std::istringstream stream{std::string(body)};
  const Var document = parser.parse(stream);
  if (config::FindKeyWithNul(body)) return Failure("A key holds \\u0000");
  if (!IsObject(document)) return Failure("A JSON object is expected");
  const Object& object = *document.extract<Object::Ptr>();
  if (std::string unknown = UnknownField(object, {"offsets"}); !unknown.empty()) {
    return Failure(std::move(unknown));
  }
  std::vector<SentOffset> offsets;
  if (!object.has("offsets") || object.isNull("offsets")) return offsets;
  const Var list = object.get("offsets");
  if (!IsArray(list)) return Failure("Cannot deserialize value of offsets: a list is expected");
  const size_t count = list.extract<Array::Ptr>()->size();
  if (count > kMostOffsets) {
    return Failure("At most " + std::to_string(kMostOffsets) +
                   " offsets are taken at a time, and " + std::to_string(count) + " are given");
  }
  for (const Var& value : *list.extract<Array::Ptr>()) {
    auto sent = ReadEntry(value);
    if (!sent) return Failure(std::move(sent.error()));
    offsets.push_back(std::move(*sent));
  }
  return offsets;
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

base::Expected<PartitionOffset, std::string> JudgeOffset(const SentOffset& sent) {
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
    return Failure('"' + config::Shown(*sent.topic) + '"' + std::string(config::kNoTopicName));
  }
  if (!sent.partition_number) {
    return Failure("Kafka partitions must be valid numbers and may not be null");
  }
  PartitionOffset offset{*sent.topic, 0, std::nullopt};
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
  if (!base::IsUtf8(body)) return Failure("The text is not valid UTF-8");
  try {
    return ReadDocument(body);
  } catch (const Poco::Exception& error) {
    return Failure("Not valid JSON: " + error.message());
  }
}

base::Expected<std::vector<PartitionOffset>, std::string> JudgeOffsets(
    const std::vector<SentOffset>& sent) {
  std::vector<PartitionOffset> offsets;
  std::set<std::pair<std::string, std::int32_t>> seen;
  for (const SentOffset& one : sent) {
    auto offset = JudgeOffset(one);
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
