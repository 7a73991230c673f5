#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "delivery/finished_offsets.h"

namespace khs::delivery {

// Tracks which offsets of one partition are finished: how far it may be committed, and what is
// saved with the commit beyond that. Keeps only the received offsets that are open, since a
// partition has gaps (compaction, transaction markers). A gap counts as finished, so the memory
// grows with the open offsets and not with how far the others have run ahead. Owned by
// task::PartitionOffsets. Not thread-safe.
//
// Example: offsets 5, 6, 7, 9 and 10 were received (8 is a gap); 5, 7 and 9 are finished.
//
//     5          6       7          8     9          10
//     finished   open    finished   gap   finished   open
//                ^       +---------------------+
//                position() == 6    Finished() == {{7, 9}}
//
// After Finish(6): position() == 10, and Finished() is empty.
class OffsetTracker {
 public:
  // Continues from a commit: `finished` lie beyond its position and need not be delivered again. To
  // be called before anything else.
  void Restore(int64_t position, OffsetRanges finished);

  // Reading starts or continues at `offset`, which is not committed yet: it may be committed
  // although nothing is finished. What lies between the last received offset and this one counts as
  // a gap. To be called after Restore; `offset` must lie beyond the received offsets.
  void Begin(int64_t offset);
  // How many offsets of [from, to) are not known to be finished; `from` must lie beyond the
  // received offsets.
  int64_t Unfinished(int64_t from, int64_t to) const;

  enum class Receipt {
    kOpen,      // to be delivered
    kFinished,  // was finished before the commit that was restored
    kBackward,  // not beyond the last received one, or before the commit: nothing changed
  };
  // A record of this offset was read.
  Receipt Receive(int64_t offset);

  // A received record was delivered or dropped. Unknown offsets and repeats change nothing.
  void Finish(int64_t offset);

  // The offset to commit: everything before it is finished. None until something is finished or
  // Begin was called.
  std::optional<int64_t> position() const;
  // The finished offsets beyond the position.
  OffsetRanges Finished() const;
  // Changes when either of them changes.
  uint64_t version() const { return version_; }

  // The first received offset that is not finished.
  std::optional<int64_t> first_open() const;
  // Whether the finished offsets beyond the position fill three quarters of a commit's metadata.
  // Then only retries and the first open record should be attempted, until the position has moved.
  bool Crowded() const;

  size_t open() const { return entries_.size() - finished_entries_; }

 private:
  struct Entry {
    int64_t offset;
    bool finished;
  };

  void Compact();
  // Includes gaps and restored offsets while nothing is finished yet.
  OffsetRanges FinishedBeyond(int64_t position) const;

  std::deque<Entry> entries_;  // ascending; the first one is open
  size_t finished_entries_ = 0;
  std::optional<int64_t> begins_at_;
  std::optional<int64_t> restored_position_;
  OffsetRanges restored_;  // only the part beyond the last received offset still counts
  std::optional<int64_t> last_received_;
  bool anything_finished_ = false;
  uint64_t version_ = 0;
  // The size of the metadata when it was last measured, and the version then.
  mutable size_t measured_bytes_ = 0;
  mutable uint64_t measured_version_ = 0;
};

}  // namespace khs::delivery
