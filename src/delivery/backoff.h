#pragma once

#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

namespace khs::delivery {

using Milliseconds = std::chrono::milliseconds;

// The delays before a record's retries after one kind of error.
struct Backoff {
  enum class Kind {
    kList,         // one delay after the other
    kConstant,     // the same delay each time
    kExponential,  // a delay that doubles each time, less a random part of up to a half
  };
  // Of kConstant and kExponential.
  static constexpr size_t kDefaultRetries = 5;

  Backoff() = default;
  Backoff(std::initializer_list<Milliseconds> list) : delays(list) {}
  explicit Backoff(std::vector<Milliseconds> list) : delays(std::move(list)) {}

  // How many retries there are; with a delivery timeout only an explicit `max_retries` bounds them.
  size_t Limit(bool has_timeout) const;
  // The delay before a retry; 0 is the first one. `chance` is a random number from 0 to 1.
  // A list's last delay repeats. Requires Limit() > 0.
  Milliseconds Delay(size_t retry, double chance) const;
  // The sum of the first delays, but at most `most`, in a time that does not depend on their
  // number. Requires Limit() > 0.
  Milliseconds Sum(size_t retries, double chance, Milliseconds most) const;

  bool operator==(const Backoff&) const = default;

  Kind kind = Kind::kList;
  std::vector<Milliseconds> delays;   // but for kList only the first one is used
  Milliseconds max{0};                // of kExponential
  std::optional<size_t> max_retries;  // but for kList
};

}  // namespace khs::delivery
