#include "base/log_repeats.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace khs::base {
namespace {

// Between looks for events that have ended, when there are too many.
constexpr std::chrono::seconds kSweepInterval{1};

size_t HashOf(const LogEvent& event) {
  size_t hash = 0;
  for (const std::string_view part :
       {event.logger, event.message, event.connector, event.facility}) {
    hash ^= std::hash<std::string_view>()(part) + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
  }
  return hash;
}

}  // namespace

bool LogRepeats::HasBudget(const Event& event, MonotonicTime now) {
  return event.full_at - now <= (kBurst - 1) * kInterval;
}

// Null: there are too many already.
LogRepeats::Event* LogRepeats::Find(const LogEvent& event, MonotonicTime now) {
  const size_t hash = HashOf(event);
  if (const auto known = events_.find(hash); known != events_.end()) return &known->second;
  if (events_.size() >= max_events_) ForgetIdle(now);
  if (events_.size() >= max_events_) return nullptr;
  return &events_[hash];
}

// One whose budget is whole again is as one that never was.
void LogRepeats::ForgetIdle(MonotonicTime now) {
  if (now < next_sweep_) return;
  next_sweep_ = now + kSweepInterval;
  std::erase_if(events_, [now](const auto& known) {
    return known.second.full_at <= now && !known.second.left_out;
  });
}

LogRepeats::Admission LogRepeats::Admit(const LogEvent& event, int level, MonotonicTime now) {
  Event* const own = Find(event, now);
  Event& counted = own != nullptr ? *own : others_;
  if (HasBudget(counted, now)) {
    counted.full_at = std::max(counted.full_at, now) + kInterval;
    // What was left out of various events is not this one's to tell.
    if (own == nullptr || !own->left_out) return {true, 0};
    return {true, Take(*own).suppressed};
  }
  if (!counted.left_out) {
    ++pending_;
    counted.left_out = std::make_unique<Summary>(
        own != nullptr ? Summary{std::string(event.logger), std::string(event.message),
                                 std::string(event.connector), std::string(event.facility), level}
                       : Summary{std::string(event.logger), "*", {}, {}, level});
  }
  ++counted.left_out->suppressed;
  return {false, 0};
}

LogRepeats::Summary LogRepeats::Take(Event& event) {
  Summary summary = std::move(*event.left_out);
  event.left_out.reset();
  --pending_;
  return summary;
}

std::vector<LogRepeats::Summary> LogRepeats::TakeDue(MonotonicTime now) {
  std::vector<Summary> due;
  if (!pending()) return due;
  const auto look = [&](Event& event) {
    // A line of its own tells it as well as a summary, and says more.
    if (!event.left_out || !HasBudget(event, now - kInterval)) return;
    event.full_at = std::max(event.full_at, now) + kInterval;
    due.push_back(Take(event));
  };
  for (auto& [hash, event] : events_) look(event);
  look(others_);
  return due;
}

std::vector<LogRepeats::Summary> LogRepeats::TakeAll() {
  std::vector<Summary> all;
  for (auto& [hash, event] : events_) {
    if (event.left_out) all.push_back(Take(event));
  }
  if (others_.left_out) all.push_back(Take(others_));
  return all;
}

}  // namespace khs::base
