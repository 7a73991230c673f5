// Each of the mistakes that a sanitizer is there to find, made on purpose: where one of them goes
// unnoticed, the sanitizer's whole run proves nothing.
#include <climits>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

volatile int sink = 0;

void UseAfterFree() {
  auto* number = new int(1);
  delete number;
  sink = *number;
}

void Overflow() {
  const std::vector<int> numbers(3);
  sink = numbers.data()[3];
}

void Leak() {
  auto* lost = new std::string(100, 'x');
  sink = static_cast<int>(lost->size());
  lost = nullptr;
  sink = lost == nullptr ? 1 : 0;
}

void Undefined() {
  const int largest = INT_MAX - 1 + (sink + 1);
  sink = largest + (sink + 1);
}

void Race() {
  int shared = 0;
  std::thread other([&shared] { ++shared; });
  ++shared;
  other.join();
  sink = shared;
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, std::function<void()>> mistakes{{"use-after-free", UseAfterFree},
                                                              {"overflow", Overflow},
                                                              {"leak", Leak},
                                                              {"undefined", Undefined},
                                                              {"race", Race}};
  const auto mistake = mistakes.find(argc > 1 ? argv[1] : "");
  if (mistake == mistakes.end()) return 2;
  mistake->second();
  std::puts("unnoticed");
  return 0;
}
