#include "config/headers.h"

#include <algorithm>
#include <array>

#include "config/json_object.h"
#include "config/text.h"

namespace khs::config {
namespace {

// They frame the request or govern the connection, which is the HTTP client's business.
constexpr std::array<std::string_view, 9> kReservedNames = {
    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE",
    "Trailer",        "Proxy-Connection",  "Expect"};

bool IsToken(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool IsFieldValue(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

// What is wrong with one more header; empty when nothing is.
std::string Judge(const Headers& headers, std::string_view name, std::string_view value) {
  const std::string shown = "the header " + Shown(name);
  if (!IsToken(name)) return "\"" + Shown(name) + "\" is not a header name that HTTP allows";
  if (!IsFieldValue(value)) return shown + " holds a control character, which HTTP does not allow";
  for (const std::string_view reserved : kReservedNames) {
    if (EqualsIgnoringCase(name, reserved)) {
      return shown + " is set by the HTTP client itself: leave it out";
    }
  }
  for (const auto& [other, unused] : headers) {
    if (EqualsIgnoringCase(name, other)) return shown + " is given twice: keep one of them";
  }
  return {};
}

base::Expected<Headers, std::string> ParseJson(std::string_view text) {
  using Reason = base::Unexpected<std::string>;
  const auto members = ReadJsonMembers(text);
  if (!members) return Reason("the JSON object of headers is broken: " + members.error().message);
  Headers headers;
  for (const JsonMember& member : *members) {
    if (member.depth > 1) continue;
    if (member.kind == JsonKind::kNull || member.kind == JsonKind::kObject ||
        member.kind == JsonKind::kArray) {
      return Reason("the value of the header " + Shown(member.key) +
                    " must be a string, a number or a boolean");
    }
    const std::string_view value = Trim(member.text);
    if (std::string reason = Judge(headers, member.key, value); !reason.empty()) {
      return Reason(std::move(reason));
    }
    headers.emplace_back(member.key, value);
  }
  return headers;
}

base::Expected<Headers, std::string> ParseLegacy(std::string_view text,
                                                 std::string_view separator) {
  using Reason = base::Unexpected<std::string>;
  Headers headers;
  for (int number = 1; !Trim(text).empty(); ++number) {
    const size_t end = text.find(separator);
    const std::string_view entry = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + separator.size());
    const size_t colon = entry.find(':');
    if (colon == std::string_view::npos) {
      return Reason("entry " + std::to_string(number) + " has no ':' between name and value");
    }
    const std::string_view name = Trim(entry.substr(0, colon));
    const std::string_view value = Trim(entry.substr(colon + 1));
    if (std::string reason = Judge(headers, name, value); !reason.empty()) {
      return Reason(std::move(reason));
    }
    headers.emplace_back(name, value);
  }
  return headers;
}

}  // namespace

base::Expected<Headers, std::string> ParseHeaders(std::string_view text,
                                                  std::string_view separator) {
  return Trim(text).starts_with('{') ? ParseJson(text) : ParseLegacy(text, separator);
}

}  // namespace khs::config
