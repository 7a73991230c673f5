#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace khs::testing {

// Random numbers that are the same on every machine (SplitMix64).
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed) {}

  uint64_t Roll() {
    uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  // From 0 to `bound` - 1.
  size_t Below(size_t bound) { return static_cast<size_t>(Roll() % bound); }
  // Both included.
  int64_t Between(int64_t least, int64_t most) {
    return least + static_cast<int64_t>(Below(static_cast<size_t>(most - least) + 1));
  }
  bool Percent(unsigned chance) { return Below(100) < chance; }
  template <class Container>
  auto& Of(Container& container) {
    return container[Below(container.size())];
  }

 private:
  uint64_t state_;
};

// An invariant does not hold. Thrown by the code that plays a schedule.
class Broken : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What is random about one run of a model: the number that sets its world up, and one for each of
// its steps. A step that is left out changes none of the other steps' dice, so that a schedule that
// fails can be made shorter.
class Schedule {
 public:
  Schedule(uint64_t seed, std::vector<uint64_t> steps, bool tells)
      : seed_(seed), steps_(std::move(steps)), tells_(tells) {}

  uint64_t seed() const { return seed_; }
  const std::vector<uint64_t>& steps() const { return steps_; }

  // Notes what happens; `text` is called only when somebody is going to read it.
  template <class Text>
  void Tell(Text&& text) {
    if (tells_) (story_ += text()) += '\n';
  }
  const std::string& story() const { return story_; }

 private:
  uint64_t seed_;
  std::vector<uint64_t> steps_;
  bool tells_;
  std::string story_;
};

using Play = std::function<void(Schedule&)>;

// Plays `schedules` schedules of up to `steps` steps (a tenth with a sanitizer), or as many as the
// environment's SCHEDULES says, from its SEED on (1). The first that is Broken is made as short as
// can be and fails the test, with its seed and its story.
void Explore(size_t schedules, size_t steps, const Play& play);

}  // namespace khs::testing
