#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "delivery/finished_offsets.h"
#include "delivery/offset_tracker.h"

namespace khs::testing {

// A plain model of OffsetTracker: the open offsets and the last received one. All others before
// that are finished or gaps.
class TrackerModel {
 public:
  void Restore(int64_t position, delivery::OffsetRanges finished) {
    begin_ = position;
    restored_ = std::move(finished);
  }

  void Begin(int64_t offset) {
    beginning_ = offset;
    for (const delivery::OffsetRange& range : restored_) {
      if (range.first <= offset && offset <= range.last) beginning_ = range.last + 1;
    }
    if (last_) last_ = std::max(*last_, offset - 1);
  }

  int64_t Unfinished(int64_t from, int64_t to) const {
    const auto finished = delivery::Union(restored_, {});
    int64_t open = 0;
    int64_t next = from;
    for (const delivery::OffsetRange& range : finished) {
      if (range.last < next) continue;
      if (range.first >= to) break;
      open += std::max<int64_t>(range.first - next, 0);
      next = range.last + 1;
    }
    return open + std::max<int64_t>(to - next, 0);
  }

  delivery::OffsetTracker::Receipt Receive(int64_t offset) {
    using Receipt = delivery::OffsetTracker::Receipt;
    if ((last_ && offset <= *last_) || (begin_ && offset < *begin_)) return Receipt::kBackward;
    last_ = offset;
    if (Restored(offset)) {
      anything_finished_ = true;
      return Receipt::kFinished;
    }
    open_.insert(offset);
    return Receipt::kOpen;
  }

  bool Finish(int64_t offset) {
    if (open_.erase(offset) == 0) return false;
    anything_finished_ = true;
    return true;
  }

  std::optional<int64_t> position() const {
    if (!anything_finished_ && !beginning_) return std::nullopt;
    if (!open_.empty()) return *open_.begin();
    if (!last_) return beginning_;
    int64_t next = *last_ + 1;
    for (const delivery::OffsetRange& range : restored_) {
      if (range.first <= next && next <= range.last) next = range.last + 1;
    }
    return next;
  }

  delivery::OffsetRanges Finished() const {
    const auto from = position();
    return from ? FinishedBeyond(*from) : delivery::OffsetRanges{};
  }

  // Includes gaps while nothing is finished.
  delivery::OffsetRanges FinishedBeyond(int64_t position) const {
    delivery::OffsetRanges done;
    int64_t next = position + 1;
    for (auto open = open_.upper_bound(position); open != open_.end(); ++open) {
      if (next < *open) done.push_back({next, *open - 1});
      next = *open + 1;
    }
    if (last_ && next <= *last_) done.push_back({next, *last_});
    delivery::OffsetRanges ahead;
    const int64_t unread = std::max(position, last_.value_or(position)) + 1;
    for (const delivery::OffsetRange& range : restored_) {
      if (range.last >= unread) ahead.push_back({std::max(range.first, unread), range.last});
    }
    return delivery::Union(std::move(done), ahead);
  }

  const std::set<int64_t>& open() const { return open_; }
  std::optional<int64_t> first_open() const {
    return open_.empty() ? std::nullopt : std::optional(*open_.begin());
  }
  std::optional<int64_t> last() const { return last_; }

 private:
  bool Restored(int64_t offset) const {
    return std::any_of(restored_.begin(), restored_.end(), [offset](const auto& range) {
      return range.first <= offset && offset <= range.last;
    });
  }

  std::set<int64_t> open_;
  std::optional<int64_t> begin_;
  std::optional<int64_t> beginning_;
  delivery::OffsetRanges restored_;
  std::optional<int64_t> last_;
  bool anything_finished_ = false;
};

inline bool Contains(const delivery::OffsetRanges& ranges, int64_t offset) {
  return std::any_of(ranges.begin(), ranges.end(), [offset](const auto& range) {
    return range.first <= offset && offset <= range.last;
  });
}

}  // namespace khs::testing
