#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"

namespace khs::base {

// Lines that are the same event: of one logger, with one message, about one connector, and of one
// facility where they are librdkafka's.
struct LogEvent {
  std::string_view logger;
  std::string_view message;
  std::string_view connector;
  std::string_view facility;
};

// Decides which lines are written when one event comes again and again. An event has a budget of
// its own: kBurst lines at once, and one more for every kInterval that has passed. What is left out
// is counted, and told with the next line of the event, or by itself once the event stays away. Of
// more than `max_events` under way at once the rest share one budget. Pure: no clock, no thread, no
// lock.
class LogRepeats {
 public:
  static constexpr int kBurst = 10;
  static constexpr std::chrono::seconds kInterval{10};
  static constexpr size_t kMaxEvents = 4096;

  explicit LogRepeats(size_t max_events = kMaxEvents) : max_events_(max_events) {}

  struct Admission {
    bool write = true;
    // Lines of the event that were left out since its last one.
    uint64_t suppressed = 0;
  };
  // `level` is any number, handed back in the summary.
  Admission Admit(const LogEvent& event, int level, MonotonicTime now);

  // What was left out of an event that did not come again.
  struct Summary {
    std::string logger;
    std::string message;  // "*": of various events
    std::string connector;
    std::string facility;
    int level = 0;  // of the first line that was left out
    uint64_t suppressed = 0;
  };
  // At most kInterval after the event might have had its next line. Each is told once.
  std::vector<Summary> TakeDue(MonotonicTime now);
  // Now, whatever may come.
  std::vector<Summary> TakeAll();

  // Whether anything was left out that was not told yet.
  bool pending() const { return pending_ > 0; }
  size_t size() const { return events_.size(); }

 private:
  struct Event {
    MonotonicTime full_at;  // when the whole budget is there again
    std::unique_ptr<Summary> left_out;
  };

  Event* Find(const LogEvent& event, MonotonicTime now);
  void ForgetIdle(MonotonicTime now);
  static bool HasBudget(const Event& event, MonotonicTime now);
  Summary Take(Event& event);

  const size_t max_events_;
  std::unordered_map<size_t, Event> events_;  // by hash: two that share one share a budget
  Event others_;
  MonotonicTime next_sweep_{};
  size_t pending_ = 0;
};

}  // namespace khs::base
