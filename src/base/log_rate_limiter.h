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

// Identifies an event: lines with the same logger, message and connector, and for lines of
// librdkafka the same facility.
struct LogEvent {
  std::string_view logger;
  std::string_view message;
  std::string_view connector;
  std::string_view facility;
};

// A token bucket per event that decides which log lines are written. An event may write kBurst
// lines at once, and one more per kInterval. Suppressed lines are counted; the count is reported
// with the event's next line, or in a summary if the event stops. Events beyond `max_events` share
// one bucket. Owned by the log, whose lock guards it. Pure: no clock, no thread, no lock.
class LogRateLimiter {
 public:
  static constexpr int kBurst = 10;
  static constexpr std::chrono::seconds kInterval{10};
  static constexpr size_t kMaxEvents = 4096;

  explicit LogRateLimiter(size_t max_events = kMaxEvents) : max_events_(max_events) {}

  struct Admission {
    bool write = true;
    uint64_t suppressed = 0;  // lines of the event since the last one that was written
  };
  // Decides about one line. `level` is any number; the summary returns it.
  Admission Admit(const LogEvent& event, int level, MonotonicTime now);

  // The suppressed lines of an event that stopped.
  struct Summary {
    std::string logger;
    std::string message;  // "*" for the events that share a bucket
    std::string connector;
    std::string facility;
    int level = 0;  // of the first suppressed line
    uint64_t suppressed = 0;
  };
  // Returns each summary once, at most kInterval after the event could have written its next line.
  std::vector<Summary> TakeDue(MonotonicTime now);
  // Returns all summaries, due or not.
  std::vector<Summary> TakeAll();

  // Returns whether there are suppressed lines that were not reported yet.
  bool pending() const { return pending_ > 0; }
  size_t size() const { return events_.size(); }

 private:
  struct Bucket {
    MonotonicTime full_at;  // when the bucket is full again
    std::unique_ptr<Summary> suppressed;
  };

  Bucket* Find(const LogEvent& event, MonotonicTime now);
  void EvictFull(MonotonicTime now);
  static bool HasToken(const Bucket& bucket, MonotonicTime now);
  Summary Take(Bucket& bucket);

  const size_t max_events_;
  std::unordered_map<size_t, Bucket> events_;  // by hash; events that collide share a bucket
  Bucket shared_;
  MonotonicTime next_eviction_{};
  size_t pending_ = 0;
};

}  // namespace khs::base
