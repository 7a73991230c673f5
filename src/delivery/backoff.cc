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

}  // namespace khs::delivery
