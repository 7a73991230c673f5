#include "base/log_rate_limiter.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace khs::base {
namespace {

constexpr std::chrono::seconds kEvictionInterval{1};

size_t HashOf(const LogEvent& event) {
  size_t hash = 0;
  for (const std::string_view part :
       {event.logger, event.message, event.connector, event.facility}) {
    hash ^= std::hash<std::string_view>()(part) + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  }
  return hash;
}

}  // namespace

bool LogRateLimiter::HasToken(const Bucket& bucket, MonotonicTime now) {
  return bucket.full_at - now <= (kBurst - 1) * kInterval;
}

// Returns null if there are too many events.
LogRateLimiter::Bucket* LogRateLimiter::Find(const LogEvent& event, MonotonicTime now) {
  const size_t hash = HashOf(event);
  if (const auto known = events_.find(hash); known != events_.end()) return &known->second;
  if (events_.size() >= max_events_) EvictFull(now);
  if (events_.size() >= max_events_) return nullptr;
  return &events_[hash];
}

// Removes full buckets, which are no different from new ones.
void LogRateLimiter::EvictFull(MonotonicTime now) {
  if (now < next_eviction_) return;
  next_eviction_ = now + kEvictionInterval;
  std::erase_if(events_, [now](const auto& known) {
    return known.second.full_at <= now && !known.second.suppressed;
  });
}

LogRateLimiter::Admission LogRateLimiter::Admit(const LogEvent& event, int level,
                                                MonotonicTime now) {
  Bucket* const own = Find(event, now);
  Bucket& bucket = own != nullptr ? *own : shared_;
  if (HasToken(bucket, now)) {
    bucket.full_at = std::max(bucket.full_at, now) + kInterval;
    // The count of the shared bucket belongs to several events, so no line reports it.
    if (own == nullptr || !own->suppressed) return {true, 0};
    return {true, Take(*own).suppressed};
  }
  if (!bucket.suppressed) {
    ++pending_;
    bucket.suppressed = std::make_unique<Summary>(
        own != nullptr ? Summary{std::string(event.logger), std::string(event.message),
                                 std::string(event.connector), std::string(event.facility), level}
                       : Summary{std::string(event.logger), "*", {}, {}, level});
  }
  ++bucket.suppressed->suppressed;
  return {false, 0};
}

LogRateLimiter::Summary LogRateLimiter::Take(Bucket& bucket) {
  Summary summary = std::move(*bucket.suppressed);
  bucket.suppressed.reset();
  --pending_;
  return summary;
}

std::vector<LogRateLimiter::Summary> LogRateLimiter::TakeDue(MonotonicTime now) {
  std::vector<Summary> due;
  if (!pending()) return due;
  const auto take_if_due = [&](Bucket& bucket) {
    // Waits another interval, because the event's next line is a better report than a summary.
    if (!bucket.suppressed || !HasToken(bucket, now - kInterval)) return;
    bucket.full_at = std::max(bucket.full_at, now) + kInterval;
    due.push_back(Take(bucket));
  };
  for (auto& [hash, bucket] : events_) take_if_due(bucket);
  take_if_due(shared_);
  return due;
}

std::vector<LogRateLimiter::Summary> LogRateLimiter::TakeAll() {
  std::vector<Summary> all;
  for (auto& [hash, bucket] : events_) {
    if (bucket.suppressed) all.push_back(Take(bucket));
  }
  if (shared_.suppressed) all.push_back(Take(shared_));
  return all;
}

}  // namespace khs::base
