#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "delivery/finished_offsets.h"

namespace khs::delivery {

// What of one partition is finished: how far its offset may be committed, and what beyond that is
// saved with the commit. It remembers the offsets that were received and are open, and never
// counts: a partition has gaps (compaction, transaction markers). A gap passes for finished, so its
// memory grows with what is open and not with how far the rest has run ahead. Not thread-safe.
class OffsetTracker {
 public:
  // Goes on from a commit: `finished` are those beyond its position that need not be delivered
  // again. Before anything else.
  void Restore(int64_t position, OffsetRanges finished);

  // Reading goes on at `offset`, which no commit says yet: to be committed although nothing may be
  // finished. What lies between the last record that was received and there is no longer waited
  // for. After Restore; `offset` lies beyond what was received.
  void Begin(int64_t offset);
  // How many offsets of [from, to) are not known to be finished; for those beyond what was
  // received.
  int64_t Unfinished(int64_t from, int64_t to) const;

  enum class Receipt {
    kOpen,      // to be delivered
    kFinished,  // was finished before the commit that was restored
    kBackward,  // not beyond the last one, or before the commit; nothing changed
  };
  // A record was read.
  Receipt Receive(int64_t offset);

  // A received record is delivered or dropped. Unknown offsets and repeats change nothing.
  void Finish(int64_t offset);

  // What may be committed: everything before it is finished. Nothing until something is, but for a
  // beginning.
  std::optional<int64_t> position() const;
  // What is finished beyond the position.
  OffsetRanges Finished() const;
  // Changes with every change of the two.
  uint64_t version() const { return version_; }

  // The first record that is not finished.
  std::optional<int64_t> first_open() const;
  // What is finished beyond the position takes three quarters of the room that a commit has for it:
  // only retries and the first open record should be taken until it has moved.
  bool Crowded() const;

  size_t open() const { return entries_.size() - finished_entries_; }

 private:
  struct Entry {
    int64_t offset;
    bool finished;
  };

  void Compact();
  // Also while nothing is finished: gaps and what was restored take their room from then on.
  OffsetRanges DoneBeyond(int64_t position) const;

  std::deque<Entry> entries_;  // ascending; the first is open
  size_t finished_entries_ = 0;
  std::optional<int64_t> begins_at_;
  std::optional<int64_t> restored_position_;
  OffsetRanges restored_;  // what of it lies beyond the last received offset still counts
  std::optional<int64_t> last_received_;
  bool anything_finished_ = false;
  uint64_t version_ = 0;
  // What the metadata took when it was last measured, and the changes since.
  mutable size_t measured_bytes_ = 0;
  mutable uint64_t measured_version_ = 0;
};

}  // namespace khs::delivery
