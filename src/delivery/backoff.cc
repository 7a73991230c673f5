#include "delivery/backoff.h"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace khs::delivery {

size_t Backoff::Limit(bool has_timeout) const {
  if (delays.empty()) return 0;
  if (max_retries) return *max_retries;
  if (has_timeout) return std::numeric_limits<size_t>::max();
  return kind == Kind::kList ? delays.size() : kDefaultRetries;
}

Milliseconds Backoff::Delay(size_t retry, double chance) const {
  if (kind != Kind::kExponential) return delays[std::min(retry, delays.size() - 1)];
  Milliseconds delay = delays.front();
  for (size_t i = 0; i < retry && delay < max; ++i) delay *= 2;
  delay = std::min(delay, max);
  const Milliseconds least = (delay + Milliseconds(1)) / 2;
  const double span = static_cast<double>((delay - least).count() + 1);
  return std::min(least + Milliseconds(static_cast<int64_t>(chance * span)), delay);
}

Milliseconds Backoff::Sum(size_t retries, double chance, Milliseconds most) const {
  // From this retry on all delays are the same: no exponential one doubles more often.
  const size_t last = kind == Kind::kList       ? delays.size() - 1
                      : kind == Kind::kConstant ? 0
                                                : std::numeric_limits<Milliseconds::rep>::digits;
  Milliseconds sum{0};
  for (size_t retry = 0; retry < std::min(retries, last); ++retry) {
    sum += std::min(Delay(retry, chance), most - sum);
  }
  const Milliseconds repeated = Delay(last, chance);
  if (retries <= last || repeated <= Milliseconds(0)) return sum;
  const auto fitting = static_cast<uint64_t>((most - sum) / repeated);
  if (retries - last > fitting) return most;
  return sum + static_cast<int64_t>(retries - last) * repeated;
}

}  // namespace khs::delivery
