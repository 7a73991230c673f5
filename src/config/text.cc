#include "config/text.h"

#include <algorithm>
#include <cstddef>

#include "base/header_syntax.h"

namespace khs::config {
namespace {

constexpr std::string_view kWhitespace = " \t\r\n\f\v";
constexpr size_t kMaxShownBytes = 120;

char ToUpper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

}  // namespace

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kWhitespace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhitespace) - first + 1);
}

std::string Lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), base::ToLower);
  return result;
}

std::string Upper(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), ToUpper);
  return result;
}

std::vector<std::string> SplitList(std::string_view text) {
  std::vector<std::string> list;
  if (Trim(text).empty()) return list;
  while (true) {
    const size_t comma = text.find(',');
    list.emplace_back(Trim(text.substr(0, comma)));
    if (comma == std::string_view::npos) return list;
    text.remove_prefix(comma + 1);
  }
}

bool IsTopicName(std::string_view name) {
  return !name.empty() && name.size() <= 249 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '.' || c == '_' || c == '-';
         });
}

bool MayHoldUser(std::string_view text) {
  return text.find("://") != std::string_view::npos && text.find('@') != std::string_view::npos;
}

std::string Abbreviate(std::string_view text) {
  if (text.size() <= kMaxShownBytes) return Printable(text);
  size_t end = kMaxShownBytes;
  while (end > 0 && base::IsContinuation(text[end])) --end;
  return Printable(text.substr(0, end)) + "...";
}

}  // namespace khs::config
