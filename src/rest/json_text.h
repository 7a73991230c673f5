#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace khs::rest {

// Writes JSON in the order of the calls, with a comma wherever one is due. What it is given may be
// any bytes: text that is not UTF-8 is written with escapes.
class JsonText {
 public:
  JsonText& BeginObject();
  JsonText& EndObject();
  JsonText& BeginArray();
  JsonText& EndArray();
  // Within an object, before each value.
  JsonText& Key(std::string_view key);

  JsonText& String(std::string_view value);
  JsonText& Number(std::int64_t value);
  JsonText& Boolean(bool value);
  JsonText& Null();
  // A value that is JSON already.
  JsonText& Raw(std::string_view json) { return Scalar(json); }

  std::string Take() { return std::move(text_); }

 private:
  void BeginValue();
  JsonText& Scalar(std::string_view text);
  JsonText& Open(char bracket);
  JsonText& Close(char bracket);

  std::string text_;
  bool comma_is_due_ = false;
};

}  // namespace khs::rest
