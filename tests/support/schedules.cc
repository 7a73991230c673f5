#include "support/schedules.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <optional>

// There with a sanitizer only.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace khs::testing {
namespace {

// A sanitizer makes a schedule ten times as slow, and finds what it is for in a few of them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr size_t kShare = 10;
#else
constexpr size_t kShare = 1;
#endif

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::stoull(text);
}

std::vector<uint64_t> StepsOf(uint64_t seed, size_t most) {
  Dice dice(seed);
  std::vector<uint64_t> steps(1 + dice.Below(most));
  for (uint64_t& step : steps) step = dice.Roll();
  return steps;
}

// Of the schedule that is being played, in words, for when it ends the process.
char playing[64] = "";

void TellPlaying() {
  if (write(STDERR_FILENO, playing, std::strlen(playing)) < 0) return;
}

// A sanitizer has handlers of its own.
void TellWhenItCrashes() {
  const auto tell = [](int signal) {
    TellPlaying();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  };
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(TellPlaying);
  } else {
    for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS}) std::signal(signal, tell);
  }
}

// What is broken, if anything is.
std::optional<std::string> Failure(const Play& play, Schedule& schedule) {
  try {
    play(schedule);
  } catch (const Broken& broken) {
    return broken.what();
  }
  return std::nullopt;
}

// Removes the steps that the failure does not need, in ever smaller pieces.
std::vector<uint64_t> Shortened(const Play& play, uint64_t seed, std::vector<uint64_t> steps) {
  for (size_t piece = std::max<size_t>(steps.size() / 2, 1); piece > 0; piece /= 2) {
    for (size_t at = 0; at < steps.size();) {
      std::vector<uint64_t> fewer = steps;
      const auto begin = fewer.begin() + static_cast<std::ptrdiff_t>(at);
      const size_t length = std::min(piece, steps.size() - at);
      fewer.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
      Schedule schedule(seed, fewer, false);
      if (Failure(play, schedule)) {
        steps = std::move(fewer);
      } else {
        at += piece;
      }
    }
  }
  return steps;
}

}  // namespace

void Explore(size_t schedules, size_t steps, const Play& play) {
  const uint64_t first = FromEnvironment("SEED", 1);
  const uint64_t count = FromEnvironment("SCHEDULES", schedules / kShare);
  uint64_t played = 0;
  TellWhenItCrashes();
  for (uint64_t seed = first; seed < first + count; ++seed) {
    std::snprintf(playing, sizeof(playing), "\nwhile SEED=%llu was played\n",
                  static_cast<unsigned long long>(seed));
    Schedule schedule(seed, StepsOf(seed, steps), false);
    played += schedule.steps().size();
    if (!Failure(play, schedule)) continue;
    Schedule told(seed, Shortened(play, seed, schedule.steps()), true);
    const auto what = Failure(play, told);
    FAIL() << what.value_or("it holds when it is told: the play is not deterministic")
           << "\nagain with SEED=" << seed << " SCHEDULES=1; of its " << schedule.steps().size()
           << " steps these are enough:\n"
           << told.story();
  }
  std::cout << count << " schedules of " << played << " steps hold\n";
}

}  // namespace khs::testing
