#include "delivery/offset_tracker.h"

#include <algorithm>

namespace khs::delivery {

bool OffsetTracker::Receive(int64_t offset) {
  if (last_received_ && offset <= *last_received_) return false;
  last_received_ = offset;
  entries_.push_back({offset, false});
  return true;
}

void OffsetTracker::Finish(int64_t offset) {
  const auto entry = std::lower_bound(entries_.begin(), entries_.end(), offset,
                                      [](const Entry& e, int64_t o) { return e.offset < o; });
  if (entry == entries_.end() || entry->offset != offset) return;
  entry->finished = true;
  while (!entries_.empty() && entries_.front().finished) {
    position_ = entries_.front().offset + 1;
    entries_.pop_front();
  }
}

}  // namespace khs::delivery
