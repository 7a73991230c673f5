#include "config/json_object.h"

#include <Poco/Exception.h>
#include <Poco/JSON/Handler.h>
#include <Poco/JSON/Parser.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <sstream>
#include <utility>

#include "config/text.h"

namespace khs::config {
namespace {

constexpr size_t kDeepest = 32;
constexpr size_t kMostValues = 100'000;

Position PositionAt(std::string_view text, size_t offset) {
  Position position{1, 1};
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++position.line;
      position.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      ++position.column;
    }
  }
  return position;
}

struct Key {
  Position position;
  bool has_nul = false;  // an escaped one
};

// All keys in the order written; the parser does not tell where they stand. `text` is valid JSON.
std::vector<Key> FindKeys(std::string_view text) {
  constexpr std::string_view kNul = "\\u0000";
  std::vector<Key> keys;
  Position here{1, 1};
  Key string;
  bool in_string = false;
  bool after_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') {
        string.has_nul = string.has_nul || text.substr(at, kNul.size()) == kNul;
        ++at;  // the escaped character is ASCII and not a line's end
        ++here.column;
      }
      in_string = c != '"';
      after_string = !in_string;
    } else if (c == '"') {
      in_string = true;
      string = {here};
    } else if (c == ':' && after_string) {
      keys.push_back(string);
      after_string = false;
    }
    if (c == '\n') {
      ++here.line;
      here.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
      ++here.column;
    }
  }
  return keys;
}

// Poco's own tree forgets the order of keys and that one was repeated.
class MemberCollector final : public Poco::JSON::Handler {
 public:
  void reset() override {}
  void startObject() override {
    Open(JsonKind::kObject);
    if (depth_ == 1) is_object_ = true;
  }
  void endObject() override { --depth_; }
  void startArray() override { Open(JsonKind::kArray); }
  void endArray() override { --depth_; }
  void key(const std::string& key) override {
    ++keys_;
    pending_key_ = key;
  }
  void null() override { Add(JsonKind::kNull, {}); }
  void value(int number) override { Add(JsonKind::kNumber, std::to_string(number)); }
  void value(unsigned number) override { Add(JsonKind::kNumber, std::to_string(number)); }
  void value(Poco::Int64 number) override { Add(JsonKind::kNumber, std::to_string(number)); }
  void value(Poco::UInt64 number) override { Add(JsonKind::kNumber, std::to_string(number)); }
  void value(double number) override { Add(JsonKind::kNumber, fmt::format("{}", number)); }
  void value(bool truth) override { Add(JsonKind::kBoolean, truth ? "true" : "false"); }
  void value(const std::string& text) override { Add(JsonKind::kString, text); }

  bool is_object() const { return is_object_; }

  std::vector<JsonMember> Take(const std::vector<Key>& keys) {
    for (size_t i = 0; i < members_.size(); ++i) {
      if (member_keys_[i] < keys.size()) members_[i].position = keys[member_keys_[i]].position;
    }
    return std::move(members_);
  }

 private:
  void Open(JsonKind kind) {
    if (depth_ == 1 && is_object_) parent_ = pending_key_;
    Add(kind, {});
    ++depth_;
    if (depth_ == 2) inner_is_object_ = kind == JsonKind::kObject;
  }

  void Add(JsonKind kind, std::string text) {
    const bool top = depth_ == 1 && is_object_;
    const bool inner = depth_ == 2 && is_object_ && inner_is_object_;
    if (!top && !inner) return;
    members_.push_back(
        {inner ? parent_ : std::string(), pending_key_, kind, std::move(text), {}, depth_});
    member_keys_.push_back(keys_ - 1);
  }

  int depth_ = 0;
  bool is_object_ = false;
  bool inner_is_object_ = false;
  size_t keys_ = 0;
  std::string parent_;
  std::string pending_key_;
  std::vector<JsonMember> members_;
  std::vector<size_t> member_keys_;  // the how manieth key each member has
};

}  // namespace

base::Expected<std::vector<JsonMember>, JsonFault> ReadJsonMembers(std::string_view text) {
  using Fault = base::Unexpected<JsonFault>;
  if (!IsUtf8(text)) return Fault({{1, 1}, "The text is not valid UTF-8"});
  if (std::string reason = JudgeValueCount(text); !reason.empty()) {
    return Fault({{1, 1}, std::move(reason)});
  }
  std::istringstream stream{std::string(text)};
  Poco::SharedPtr<MemberCollector> collector = new MemberCollector;
  try {
    Poco::JSON::Parser parser(collector);
    parser.setDepth(kDeepest);
    parser.parse(stream);
  } catch (const Poco::Exception& exception) {
    stream.clear();
    const auto offset = std::max<std::streamoff>(stream.tellg(), 1);
    return Fault({PositionAt(text, static_cast<size_t>(offset) - 1),
                  "Not valid JSON: " + exception.message()});
  }
  if (!collector->is_object()) return Fault({{1, 1}, "A JSON object is expected"});
  if (const auto place = FindKeyWithNul(text)) return Fault({*place, "A key holds \\u0000"});
  return collector->Take(FindKeys(text));
}

std::optional<Position> FindKeyWithNul(std::string_view text) {
  for (const Key& key : FindKeys(text)) {
    if (key.has_nul) return key.position;
  }
  return std::nullopt;
}

// By commas and openings, of which one comes before every value but the first.
std::string JudgeValueCount(std::string_view text) {
  size_t values = 0;
  bool in_string = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string) {
      at += c == '\\' ? 1 : 0;
    } else if (c == ',' || c == '{' || c == '[') {
      ++values;
    }
  }
  return values <= kMostValues ? "" : fmt::format("More than {} values are not taken", kMostValues);
}

std::string QuoteJson(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(quoted), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace khs::config
