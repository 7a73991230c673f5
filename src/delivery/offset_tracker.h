#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace khs::delivery {

// What of one partition is finished, and so how far its offset may be committed. It remembers the
// offsets that were received and never counts: a partition has gaps (compaction, transaction
// markers). Not thread-safe.
class OffsetTracker {
 public:
  // A record was read. False, and nothing changed, when its offset is not beyond the last one.
  bool Receive(int64_t offset);

  // A received record is delivered or dropped. Unknown offsets and repeats change nothing.
  void Finish(int64_t offset);

  // What may be committed: one past the last record before which everything is finished. Nothing
  // until the first record is.
  std::optional<int64_t> position() const { return position_; }

  // Records that were received and lie at or beyond the position.
  size_t open() const { return entries_.size(); }

 private:
  struct Entry {
    int64_t offset;
    bool finished;
  };

  std::deque<Entry> entries_;  // ascending; the first is unfinished
  std::optional<int64_t> last_received_;
  std::optional<int64_t> position_;
};

}  // namespace khs::delivery
