// The body of an endpoint's answer. For JSON the parser gives the same result as a strict parser
// written for this test from RFC 8259 alone; what is not JSON may be read more leniently.
#include "delivery/retry_indicator.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "fuzz/fuzz.h"
#include "fuzz/json_grammar.h"

namespace khs::fuzz {
namespace {

std::optional<bool> Expected(const JsonGrammar::Member& member) {
  std::string text(member.value);
  if (text == "true") return true;
  if (text == "false") return false;
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (text == "\"true\"") return true;
  if (text == "\"false\"") return false;
  return std::nullopt;
}

void Check(std::string_view body) {
  const std::optional<bool> indicator = delivery::ParseRetryIndicator(body);
  const auto grammar = JsonGrammar::Read(body);
  if (body.size() > delivery::kMaxIndicatorBody) FUZZ_CHECK(!indicator);
  if (!grammar) return;
  if (body.size() > delivery::kMaxIndicatorBody - 10) return;
  // Blanks around it change nothing.
  FUZZ_CHECK(delivery::ParseRetryIndicator(" \r\n\t" + std::string(body) + "\n") == indicator);
  // Escapes in names or values and repeated names have more than one reading.
  if (grammar->has_escapes) return;
  std::optional<bool> expected;
  int count = 0;
  for (const auto& member : grammar->members) {
    if (member.name != "retry") continue;
    expected = Expected(member);
    ++count;
  }
  FUZZ_CHECK(count > 1 || indicator == expected);
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const std::string_view body = fuzz::TextOf(data, size);
  fuzz::Check(body);
  // Whatever else an answer says beside it.
  const auto grammar = fuzz::JsonGrammar::Read(body);
  if (grammar && size < 60'000) {
    FUZZ_CHECK(delivery::ParseRetryIndicator("{\"x\":" + std::string(body) + ",\"retry\":false}") ==
               false);
  }
  return 0;
}
