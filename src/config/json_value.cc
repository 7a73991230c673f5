#include "config/json_value.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "config/unicode.h"

namespace khs::config {
namespace {

constexpr size_t kMaxDepth = 32;
constexpr size_t kMaxValues = 100'000;

std::string InvalidJson(std::string_view reason) {
  if (reason.ends_with('.')) reason.remove_suffix(1);
  return fmt::format("Not valid JSON: {}", reason);
}

// Builds the tree out of the events of rapidjson::Reader, which stops when a function returns
// false.
class TreeBuilder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TreeBuilder> {
 public:
  TreeBuilder(std::string_view text, const rapidjson::MemoryStream& input)
      : text_(text), input_(input) {}

  bool Null() { return AddScalar(JsonKind::kNull, {}); }
  bool Bool(bool value) { return AddScalar(JsonKind::kBoolean, value ? "true" : "false"); }
  bool RawNumber(const char* digits, rapidjson::SizeType length, bool) {
    return AddScalar(JsonKind::kNumber, {digits, length});
  }
  bool String(const char* string, rapidjson::SizeType length, bool) {
    return CheckString({string, length}) && AddScalar(JsonKind::kString, {string, length});
  }
  bool StartObject() { return Open(JsonKind::kObject); }
  bool StartArray() { return Open(JsonKind::kArray); }
  bool EndObject(rapidjson::SizeType) { return Close(); }
  bool EndArray(rapidjson::SizeType) { return Close(); }

  bool Key(const char* string, rapidjson::SizeType length, bool) {
    const std::string_view key(string, length);
    if (!CheckString(key)) return false;
    if (key.find('\0') != std::string_view::npos) return Reject("A key holds \\u0000");
    open_.back()->members.push_back({std::string(key), PositionOf(TokenStart()), {}});
    token_end_ = input_.Tell();
    return true;
  }

  base::Expected<JsonValue, JsonError> Finish(const rapidjson::ParseResult& result) {
    if (!error_ && result.Code() == rapidjson::kParseErrorNumberTooBig) {
      error_ = {PositionOf(result.Offset()), "The number is too big: write it as a string"};
    } else if (!error_ && IsControlCharacterIn(result)) {
      error_ = {PositionOf(result.Offset()), InvalidJson("a control character is not escaped")};
    } else if (!error_ && result.IsError()) {
      error_ = {PositionOf(result.Offset()), InvalidJson(GetParseError_En(result.Code()))};
    } else if (!error_ && input_.Tell() < text_.size()) {
      // The reader takes a zero byte for the end of the text.
      error_ = {PositionOf(input_.Tell()), InvalidJson("a zero byte follows the object")};
    }
    if (error_) return base::Unexpected<JsonError>(std::move(*error_));
    return std::move(root_);
  }

 private:
  // The reader reports an unescaped control character in a string as a wrong escape, or, when it is
  // a zero byte, as the end of the text.
  bool IsControlCharacterIn(const rapidjson::ParseResult& result) const {
    const bool in_string = result.Code() == rapidjson::kParseErrorStringEscapeInvalid ||
                           result.Code() == rapidjson::kParseErrorStringMissQuotationMark;
    return in_string && result.Offset() < text_.size() &&
           static_cast<unsigned char>(text_[result.Offset()]) < 0x20;
  }

  bool Reject(std::string message) {
    error_ = {PositionOf(TokenStart()), std::move(message)};
    return false;
  }

  // The reader tells where a token ends, but not where it starts.
  size_t TokenStart() const { return text_.find_first_not_of(" \t\r\n,:", token_end_); }

  // Offsets must not decrease from call to call.
  Position PositionOf(size_t offset) {
    for (; counted_ < offset; ++counted_) {
      const char c = text_[counted_];
      if (c == '\n') {
        ++position_.line;
        position_.column = 1;
      } else if (!base::IsContinuation(c)) {
        ++position_.column;
      }
    }
    return position_;
  }

  // The reader accepts half of a surrogate pair in an escape.
  bool CheckString(std::string_view string) {
    return base::IsUtf8(string) || Reject(InvalidJson("half of a surrogate pair is missing"));
  }

  // Adds a value to the innermost open one. Returns null if it is rejected.
  JsonValue* Add(JsonKind kind) {
    if (open_.empty() && kind != JsonKind::kObject) {
      error_ = {{1, 1}, "A JSON object is expected"};
      return nullptr;
    }
    if (++values_ > kMaxValues) {
      Reject(fmt::format("At most {} values are allowed", kMaxValues));
      return nullptr;
    }
    JsonValue* value = &root_;
    if (!open_.empty()) {
      JsonValue& parent = *open_.back();
      value = parent.kind == JsonKind::kObject ? &parent.members.back().value
                                               : &parent.elements.emplace_back();
    }
    value->kind = kind;
    return value;
  }

  bool AddScalar(JsonKind kind, std::string_view text) {
    JsonValue* value = Add(kind);
    if (!value) return false;
    value->text = text;
    token_end_ = input_.Tell();
    return true;
  }

  bool Open(JsonKind kind) {
    JsonValue* value = Add(kind);
    if (!value) return false;
    if (open_.size() == kMaxDepth) return Reject(InvalidJson("it is nested too deep"));
    open_.push_back(value);
    token_end_ = TokenStart() + 1;
    return true;
  }

  bool Close() {
    open_.pop_back();
    token_end_ = TokenStart() + 1;
    return true;
  }

  const std::string_view text_;
  const rapidjson::MemoryStream& input_;
  JsonValue root_;
  std::vector<JsonValue*> open_;  // nothing is added beside an open value, so none of them moves
  size_t values_ = 0;
  size_t token_end_ = 0;  // of the last token that was accepted
  size_t counted_ = 0;    // the offset that `position_` belongs to
  Position position_{1, 1};
  std::optional<JsonError> error_;
};

}  // namespace

base::Expected<JsonValue, JsonError> ParseJsonObject(std::string_view bytes) {
  const auto text = DecodeJsonText(bytes);
  if (!text) return base::Unexpected<JsonError>({{1, 1}, text.error()});
  rapidjson::MemoryStream input(text->data(), text->size());
  TreeBuilder builder(*text, input);
  return builder.Finish(
      rapidjson::Reader().Parse<rapidjson::kParseNumbersAsStringsFlag>(input, builder));
}

std::string QuoteJson(std::string_view text) {
  rapidjson::StringBuffer quoted;
  rapidjson::Writer<rapidjson::StringBuffer> writer(quoted);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {quoted.GetString(), quoted.GetSize()};
}

}  // namespace khs::config
