// Faults put here on purpose: when `make fuzz` does not find one within seconds, a run without a
// finding proves nothing. The name of the mistake comes from the environment.
#include <climits>
#include <cstdlib>
#include <string>

#include "fuzz/fuzz.h"

namespace {

volatile int sink = 0;
volatile char* lost = nullptr;

// Trusts the length that the body claims.
void Overflow(std::string_view text) {
  char* const copy = new char[text.size()];
  for (std::size_t i = 0; i < text.size(); ++i) copy[i] = text[i];
  sink = copy[text[2] == 'n' ? text.size() : 0];
  delete[] copy;
}

void Undefined(std::string_view text) {
  const int largest = text[2] == 'n' ? INT_MAX : 0;
  sink = largest + 1 + sink;
}

void Leak(std::string_view text) {
  lost = new char[10];
  if (text[2] != 'n') delete[] lost;
  lost = nullptr;
}

void Check(std::string_view text) { FUZZ_CHECK(text[2] != 'n'); }

void Hang(std::string_view text) {
  while (text[2] == 'n') sink = sink + 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const char* const planted = std::getenv("PLANTED");
  const std::string mistake = planted == nullptr ? "" : planted;
  const std::string_view text = khs::fuzz::TextOf(data, size);
  if (text.size() < 3 || text[0] != 'k' || text[1] != 'h') return 0;
  if (mistake == "overflow") Overflow(text);
  if (mistake == "undefined") Undefined(text);
  if (mistake == "leak") Leak(text);
  if (mistake == "check") Check(text);
  if (mistake == "hang") Hang(text);
  return 0;
}
