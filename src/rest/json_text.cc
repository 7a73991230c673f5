#include "rest/json_text.h"

#include "base/utf8.h"
#include "config/json_value.h"

namespace khs::rest {

void JsonText::BeginValue() {
  if (needs_comma_) text_ += ',';
  needs_comma_ = true;
}

JsonText& JsonText::Scalar(std::string_view text) {
  BeginValue();
  text_ += text;
  return *this;
}

JsonText& JsonText::Open(char bracket) {
  BeginValue();
  text_ += bracket;
  needs_comma_ = false;
  return *this;
}

JsonText& JsonText::Close(char bracket) {
  text_ += bracket;
  needs_comma_ = true;
  return *this;
}

JsonText& JsonText::BeginObject() { return Open('{'); }
JsonText& JsonText::EndObject() { return Close('}'); }
JsonText& JsonText::BeginArray() { return Open('['); }
JsonText& JsonText::EndArray() { return Close(']'); }

JsonText& JsonText::Key(std::string_view key) {
  String(key);
  text_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonText& JsonText::String(std::string_view value) {
  return Scalar(config::QuoteJson(base::IsUtf8(value) ? value : base::Printable(value)));
}

JsonText& JsonText::Number(std::int64_t value) { return Scalar(std::to_string(value)); }
JsonText& JsonText::Boolean(bool value) { return Scalar(value ? "true" : "false"); }
JsonText& JsonText::Null() { return Scalar("null"); }

}  // namespace khs::rest
