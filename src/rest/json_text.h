#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace khs::rest {

// A JSON writer for one text. It writes values in the order of the calls and adds commas. Text may
// contain any bytes; what is not UTF-8 is escaped.
class JsonText {
 public:
  JsonText& BeginObject();
  JsonText& EndObject();
  JsonText& BeginArray();
  JsonText& EndArray();
  // Call this before each value of an object.
  JsonText& Key(std::string_view key);

  JsonText& String(std::string_view value);
  JsonText& Number(std::int64_t value);
  JsonText& Boolean(bool value);
  JsonText& Null();
  // Writes a value that is JSON already.
  JsonText& Raw(std::string_view json) { return Scalar(json); }

  std::string Take() { return std::move(text_); }

 private:
  void BeginValue();
  JsonText& Scalar(std::string_view text);
  JsonText& Open(char bracket);
  JsonText& Close(char bracket);

  std::string text_;
  bool needs_comma_ = false;
};

}  // namespace khs::rest
