#include "config/record_file.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/json_text.h"
#include "config/json_value.h"
#include "config/problem_list.h"
#include "config/unicode.h"

namespace khs::config {
namespace {

constexpr std::string_view kBase64 = "_base64";
constexpr const char* kKnownMembers =
    "Unknown: topic, partition, offset, timestamp, key, key_base64, value, value_base64 and "
    "headers are known";
constexpr const char* kHeaderForms =
    R"(Must be an object of texts, or a list of {"name": ..., "value": ...})";

// Reads the members of one object and collects the problems.
class RecordReader {
 public:
  RecordReader(const std::string& file, std::string_view text)
      : file_(file), text_(text), problems_(file) {}

  base::Expected<delivery::Record, Problems> Read(const std::string& topic) {
    record_.topic_partition.topic = topic;
    const auto object = ParseJsonObject(text_);
    if (!object) {
      problems_.Add({file_, object.error().position, {}, object.error().message});
    } else {
      for (const JsonMember& member : object->members) ReadMember(member);
    }
    if (problems_.HasErrors()) return base::Unexpected<Problems>(problems_.Take());
    return std::move(record_);
  }

 private:
  void Report(const JsonMember& member, std::string message) {
    problems_.Add({file_, member.position, member.key, std::move(message)});
  }

  // Returns false for a repeated member, for which the other form of a text counts too.
  bool IsFirst(const JsonMember& member, std::map<std::string, std::string>& seen) {
    std::string what = member.key;
    if (what.ends_with(kBase64)) what.resize(what.size() - kBase64.size());
    const auto [known, is_first] = seen.try_emplace(what, member.key);
    if (!is_first) Report(member, "Is already given as " + known->second);
    return is_first;
  }

  void ReadMember(const JsonMember& member) {
    const JsonValue& value = member.value;
    if (!IsFirst(member, seen_)) return;
    if (member.key == "topic") {
      if (value.kind != JsonKind::kString || value.text.empty()) {
        return Report(member, "Must be a text that is not empty");
      }
      record_.topic_partition.topic = value.text;
    } else if (member.key == "partition") {
      ReadNumber(member, record_.topic_partition.partition);
    } else if (member.key == "offset") {
      ReadNumber(member, record_.offset);
    } else if (member.key == "timestamp") {
      if (value.kind == JsonKind::kNull) return;
      int64_t milliseconds = 0;
      ReadNumber(member, milliseconds);
      record_.timestamp = std::chrono::milliseconds(milliseconds);
    } else if (member.key == "key" || member.key == "key_base64") {
      ReadText(member, record_.key);
    } else if (member.key == "value" || member.key == "value_base64") {
      ReadText(member, record_.value);
    } else if (member.key == "headers") {
      ReadHeaders(member);
    } else {
      Report(member, kKnownMembers);
    }
  }

  template <class Number>
  void ReadNumber(const JsonMember& member, Number& target) {
    const std::string& digits = member.value.text;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, target);
    const bool is_valid = member.value.kind == JsonKind::kNumber && error == std::errc{} &&
                          stop == end && target >= 0;
    if (!is_valid) Report(member, "Must be a whole number that is not negative");
  }

  void ReadText(const JsonMember& member, std::optional<std::string>& target) {
    const JsonValue& value = member.value;
    if (value.kind == JsonKind::kNull) return;
    if (member.key.ends_with(kBase64)) {
      auto bytes = base::Base64Decode(value.text);
      if (value.kind != JsonKind::kString || !bytes) return Report(member, "Must be base64");
      target = std::move(*bytes);
    } else if (value.kind == JsonKind::kString) {
      target = value.text;
    } else {
      target = AsWritten(member.key);
    }
  }

  // Returns the JSON text of a member of the record.
  std::string AsWritten(const std::string& key) const {
    const std::array<base::JsonPath, 1> path{base::JsonPath{key}};
    const auto found = base::FindInJson(text_, path);
    return found ? std::string(found->front()) : std::string();
  }

  void ReadHeaders(const JsonMember& member) {
    if (member.value.kind == JsonKind::kNull) return;
    if (member.value.kind == JsonKind::kObject) {
      for (const JsonMember& header : member.value.members) {
        std::optional<std::string> value;
        ReadHeaderText(header, value);
        record_.headers.push_back({header.key, std::move(value)});
      }
    } else if (member.value.kind == JsonKind::kArray) {
      for (const JsonValue& header : member.value.elements) ReadHeader(member, header);
    } else {
      Report(member, kHeaderForms);
    }
  }

  void ReadHeader(const JsonMember& all, const JsonValue& header) {
    std::optional<std::string> name;
    std::optional<std::string> value;
    std::map<std::string, std::string> seen;
    for (const JsonMember& member : header.members) {
      if (!IsFirst(member, seen)) continue;
      if (member.key == "name" && member.value.kind == JsonKind::kString) {
        name = member.value.text;
      } else if (member.key == "value") {
        ReadHeaderText(member, value);
      } else if (member.key == "value_base64") {
        ReadText(member, value);
      } else {
        Report(member, kHeaderForms);
      }
    }
    if (!name) return Report(all, kHeaderForms);
    record_.headers.push_back({std::move(*name), std::move(value)});
  }

  // The value of a header is a text: what is no string would have to be written somehow.
  void ReadHeaderText(const JsonMember& member, std::optional<std::string>& target) {
    if (member.value.kind == JsonKind::kString) {
      target = member.value.text;
    } else if (member.value.kind != JsonKind::kNull) {
      Report(member, "Must be a text or null");
    }
  }

  const std::string& file_;
  const std::string_view text_;
  ProblemList problems_;
  delivery::Record record_;
  std::map<std::string, std::string> seen_;  // each member's name without `_base64`, and its name
};

}  // namespace

base::Expected<delivery::Record, Problems> ReadRecord(const std::string& file,
                                                      std::string_view bytes,
                                                      const std::string& topic) {
  const auto text = DecodeJsonText(bytes);
  if (!text) return base::Unexpected<Problems>({{file, {1, 1}, {}, text.error()}});
  return RecordReader(file, *text).Read(topic);
}

}  // namespace khs::config
