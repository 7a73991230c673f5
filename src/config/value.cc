#include "config/value.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "config/text.h"

namespace khs::config {
namespace {

std::string_view KindName(ValueKind kind) {
  switch (kind) {
    case ValueKind::kString:
      return "a string";
    case ValueKind::kInteger:
      return "an integer";
    case ValueKind::kFloat:
      return "a decimal number";
    case ValueKind::kBoolean:
      return "a boolean";
    case ValueKind::kList:
      return "a list";
    case ValueKind::kTable:
      return "a table";
    case ValueKind::kOther:
      return "a date or time";
    case ValueKind::kMixedList:
      return "a list with elements other than strings and numbers";
    case ValueKind::kNull:
      return "null";
  }
  return "something else";
}

bool IsScalar(ValueKind kind) {
  return kind == ValueKind::kString || kind == ValueKind::kInteger || kind == ValueKind::kFloat ||
         kind == ValueKind::kBoolean;
}

base::Unexpected<std::string> Reason(std::string reason) {
  return base::Unexpected<std::string>(std::move(reason));
}

base::Unexpected<std::string> WrongKind(std::string_view expected, ValueKind kind) {
  return Reason(fmt::format("Expected value to be {}, but it was {}", expected, KindName(kind)));
}

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
  text = Trim(text);
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

base::Expected<Value, std::string> ParseInteger(KeyType type, const Entry& entry, Value value) {
  const bool is_int = type == KeyType::kInt;
  const char* const reason = is_int ? "Not a number of type INT" : "Not a number of type LONG";
  if (entry.kind != ValueKind::kString && entry.kind != ValueKind::kInteger) return Reason(reason);
  const auto number = ParseNumber<std::int64_t>(entry.text);
  if (!number || (is_int && !std::in_range<std::int32_t>(*number))) return Reason(reason);
  value.number = *number;
  return value;
}

base::Expected<Value, std::string> ParseDecimal(const Entry& entry, Value value) {
  const bool numeric = IsScalar(entry.kind) && entry.kind != ValueKind::kBoolean;
  const auto number = numeric ? ParseNumber<double>(entry.text) : std::nullopt;
  if (!number || !std::isfinite(*number)) return Reason("Not a number of type DOUBLE");
  value.decimal = *number;
  return value;
}

base::Expected<Value, std::string> ParseBoolean(const Entry& entry, Value value) {
  const bool possible = entry.kind == ValueKind::kString || entry.kind == ValueKind::kBoolean;
  const std::string text = Lower(Trim(entry.text));
  if (!possible || (text != "true" && text != "false")) {
    return Reason("Expected value to be either true or false");
  }
  value.truth = text == "true";
  return value;
}

base::Expected<Value, std::string> ParseList(Shape shape, const Entry& entry, Value value) {
  const bool number = entry.kind == ValueKind::kInteger || entry.kind == ValueKind::kFloat;
  const bool possible = entry.kind == ValueKind::kString || entry.kind == ValueKind::kList ||
                        (number && shape == Shape::kNumbers);
  if (!possible) {
    return WrongKind("a list, written as an array or as a string with commas", entry.kind);
  }
  value.list = SplitList(entry.text);
  return value;
}

}  // namespace

base::Expected<Value, std::string> ParseValue(KeyType type, Shape shape, const Entry& entry) {
  Value value;
  value.text = entry.text;
  if (entry.kind == ValueKind::kNull) {
    return Reason("Null value can not be supplied as the configuration value.");
  }
  if (shape == Shape::kAnyScalar) {
    if (!IsScalar(entry.kind)) return WrongKind("a string, a number or a boolean", entry.kind);
    return value;
  }
  if (shape == Shape::kHeaders && entry.kind == ValueKind::kTable) return value;
  if (shape == Shape::kStrings && entry.kind == ValueKind::kList) return value;
  switch (type) {
    case KeyType::kInt:
    case KeyType::kLong:
      return ParseInteger(type, entry, std::move(value));
    case KeyType::kDouble:
      return ParseDecimal(entry, std::move(value));
    case KeyType::kBoolean:
      return ParseBoolean(entry, std::move(value));
    case KeyType::kList:
      return ParseList(shape, entry, std::move(value));
    case KeyType::kString:
    case KeyType::kClass:
    case KeyType::kPassword:
      break;
  }
  if (entry.kind != ValueKind::kString) {
    const bool scalar = IsScalar(entry.kind);
    return WrongKind(shape == Shape::kHeaders ? "a table or a string"
                     : scalar                 ? "a string in quotes"
                                              : "a string",
                     entry.kind);
  }
  return value;
}

base::Expected<std::chrono::milliseconds, std::string> ParseSeconds(std::string_view text,
                                                                    std::chrono::seconds max,
                                                                    bool is_hidden) {
  if (Trim(text).empty()) return Reason("a number of seconds is missing between two commas");
  const auto seconds = ParseNumber<double>(text);
  if (!seconds || !std::isfinite(*seconds)) {
    return Reason((is_hidden ? "a delay" : Abbreviate(text)) + " is not a number of seconds");
  }
  if (*seconds < 0) return Reason("Value must be at least 0");
  if (*seconds > static_cast<double>(max.count())) {
    return Reason(fmt::format("Value must be no more than {}", max.count()));
  }
  const double milliseconds = *seconds * 1000;
  const double whole = std::round(milliseconds);
  if (std::abs(milliseconds - whole) > 1e-6) {
    return Reason("a delay has at most three decimals, down to a millisecond");
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(whole));
}

}  // namespace khs::config
