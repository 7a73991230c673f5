#include "request/trace_context.h"

#include <algorithm>
#include <optional>

#include "base/header_syntax.h"

namespace khs::request {
namespace {

using base::EqualIgnoringCase;
using base::TrimBlanks;

// version "-" trace-id "-" parent-id "-" trace-flags
constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceAt = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentAt = 36;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsAt = 53;
constexpr size_t kLength = 55;
// "sampled" and "random trace id". Version 00 must send all other flags as zero.
constexpr int kKnownFlags = 0x03;

constexpr size_t kMaxStateLength = 512;
constexpr size_t kMaxStateMembers = 32;
constexpr size_t kMaxStateText = 256;  // of a key or a value

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return IsHex(c); });
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

struct Parent {
  std::string_view trace_id;
  char flags = '0';  // hex digit of the known flags
};

std::optional<Parent> ParseParent(std::string_view text) {
  if (text.size() < kLength) return std::nullopt;
  const std::string_view version = text.substr(0, kVersionDigits);
  const std::string_view trace_id = text.substr(kTraceAt, kTraceDigits);
  const std::string_view flags = text.substr(kFlagsAt, 2);
  if (!IsHex(version) || version == "ff" || !IsId(trace_id) ||
      !IsId(text.substr(kParentAt, kParentDigits)) || !IsHex(flags)) {
    return std::nullopt;
  }
  for (const size_t dash : {kTraceAt - 1, kParentAt - 1, kFlagsAt - 1}) {
    if (text[dash] != '-') return std::nullopt;
  }
  // Later versions may only append fields.
  if (text.size() > kLength && (version == "00" || text[kLength] != '-')) return std::nullopt;
  const int low = IsDigit(flags[1]) ? flags[1] - '0' : flags[1] - 'a' + 10;
  return Parent{trace_id, static_cast<char>('0' + (low & kKnownFlags))};
}

bool IsStateKey(std::string_view key) {
  const auto allowed = [](char c) {
    return IsLower(c) || IsDigit(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
  };
  return !key.empty() && key.size() <= kMaxStateText && (IsLower(key[0]) || IsDigit(key[0])) &&
         std::all_of(key.begin(), key.end(), allowed);
}

// The caller has already removed blanks at both ends.
bool IsStateValue(std::string_view value) {
  return !value.empty() && value.size() <= kMaxStateText &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= 0x20 && c <= 0x7e && c != '='; });
}

bool IsState(std::string_view text) {
  if (text.size() > kMaxStateLength) return false;
  std::vector<std::string_view> keys;
  while (true) {
    const size_t comma = text.find(',');
    const std::string_view member = TrimBlanks(text.substr(0, comma));
    if (!member.empty()) {  // empty members are allowed
      const size_t equals = member.find('=');
      if (equals == std::string_view::npos) return false;
      const std::string_view key = member.substr(0, equals);
      const bool repeated = std::find(keys.begin(), keys.end(), key) != keys.end();
      if (repeated || !IsStateKey(key) || !IsStateValue(member.substr(equals + 1))) return false;
      keys.push_back(key);
    }
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return !keys.empty() && keys.size() <= kMaxStateMembers;
}

// Joins all tracestate headers of the record into one list. Returns nothing if it is invalid.
std::string JoinStates(const std::vector<delivery::RecordHeader>& headers) {
  std::string state;
  for (const delivery::RecordHeader& header : headers) {
    if (!header.value || !EqualIgnoringCase(header.name, "tracestate")) continue;
    const std::string_view value = TrimBlanks(*header.value);
    if (value.empty()) continue;
    if (!state.empty()) state += ',';
    state += value;
  }
  if (!IsState(state)) state.clear();
  return state;
}

}  // namespace

TraceContext MakeTraceContext(const std::vector<delivery::RecordHeader>& headers,
                              std::string_view derived) {
  // Kafka allows repeated headers; the last one counts.
  const auto own =
      std::find_if(headers.rbegin(), headers.rend(), [](const delivery::RecordHeader& header) {
        return EqualIgnoringCase(header.name, "traceparent");
      });
  const auto parent = own != headers.rend() && own->value ? ParseParent(*own->value) : std::nullopt;
  TraceContext trace;
  trace.parent.reserve(kLength);
  trace.parent.append("00-").append(parent ? parent->trace_id : derived).append("-");
  trace.parent.append(derived.substr(0, kParentDigits)).append("-0");
  trace.parent += parent ? parent->flags : '0';
  if (parent) trace.state = JoinStates(headers);
  return trace;
}

}  // namespace khs::request
