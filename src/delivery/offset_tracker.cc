#include "delivery/offset_tracker.h"

#include <algorithm>
#include <utility>

namespace khs::delivery {
namespace {

constexpr size_t kCrowdedBytes = kMaxMetadataBytes / 4 * 3;
// A bitmap of this many offsets always fits.
constexpr int64_t kUncrowdedSpan = kCrowdedBytes / 4 * 3 * 8 - 1024;
// What one more record adds to the encoded run lengths at most.
constexpr size_t kGrowth = 12;

}  // namespace

void OffsetTracker::Restore(int64_t position, OffsetRanges finished) {
  restored_position_ = position;
  restored_ = std::move(finished);
  measured_bytes_ = kMaxMetadataBytes;  // the worst case, until it is measured
}

void OffsetTracker::Begin(int64_t offset) {
  std::erase_if(restored_, [offset](const OffsetRange& range) { return range.last < offset; });
  begins_at_ = offset;
  if (!restored_.empty() && restored_.front().first <= offset) {
    begins_at_ = restored_.front().last + 1;
  }
  if (last_received_) last_received_ = std::max(*last_received_, offset - 1);
  ++version_;
}

int64_t OffsetTracker::Unfinished(int64_t from, int64_t to) const {
  int64_t count = to - from;
  for (const OffsetRange& range : restored_) {
    const int64_t overlap = std::min(range.last + 1, to) - std::max(range.first, from);
    if (overlap > 0) count -= overlap;
  }
  return count;
}

OffsetTracker::Receipt OffsetTracker::Receive(int64_t offset) {
  if (last_received_ && offset <= *last_received_) return Receipt::kBackward;
  if (restored_position_ && offset < *restored_position_) return Receipt::kBackward;
  last_received_ = offset;
  const auto range =
      std::find_if(restored_.begin(), restored_.end(),
                   [offset](const OffsetRange& candidate) { return candidate.last >= offset; });
  restored_.erase(restored_.begin(), range);
  ++version_;
  if (!restored_.empty() && restored_.front().first <= offset) {
    anything_finished_ = true;
    return Receipt::kFinished;
  }
  entries_.push_back({offset, false});
  return Receipt::kOpen;
}

void OffsetTracker::Finish(int64_t offset) {
  const auto entry = std::lower_bound(entries_.begin(), entries_.end(), offset,
                                      [](const Entry& e, int64_t o) { return e.offset < o; });
  if (entry == entries_.end() || entry->offset != offset || entry->finished) return;
  entry->finished = true;
  ++finished_entries_;
  anything_finished_ = true;
  ++version_;
  while (!entries_.empty() && entries_.front().finished) {
    entries_.pop_front();
    --finished_entries_;
  }
  if (finished_entries_ > entries_.size() / 2 + 32) Compact();
}

// Finished offsets need no entries: they are what lies between the open ones.
void OffsetTracker::Compact() {
  std::erase_if(entries_, [](const Entry& entry) { return entry.finished; });
  entries_.shrink_to_fit();
  finished_entries_ = 0;
}

std::optional<int64_t> OffsetTracker::position() const {
  if (!anything_finished_ && !begins_at_) return std::nullopt;
  if (!entries_.empty()) return entries_.front().offset;
  if (!last_received_) return begins_at_;
  const int64_t next = *last_received_ + 1;
  // What follows may be finished too, although it has not been read again yet.
  if (!restored_.empty() && restored_.front().first <= next) return restored_.front().last + 1;
  return next;
}

std::optional<int64_t> OffsetTracker::first_open() const {
  if (entries_.empty()) return std::nullopt;
  return entries_.front().offset;
}

OffsetRanges OffsetTracker::Finished() const {
  const auto from = position();
  return from ? FinishedBeyond(*from) : OffsetRanges{};
}

OffsetRanges OffsetTracker::FinishedBeyond(int64_t position) const {
  OffsetRanges finished;
  const auto add = [&finished](int64_t first, int64_t last) {
    if (first > last) return;
    if (!finished.empty() && finished.back().last + 1 == first) {
      finished.back().last = last;
    } else {
      finished.push_back({first, last});
    }
  };
  if (!entries_.empty()) {
    int64_t next = entries_.front().offset + 1;
    for (const Entry& entry : entries_) {
      if (entry.finished) continue;
      add(next, entry.offset - 1);
      next = entry.offset + 1;
    }
    add(next, *last_received_);
  }
  const int64_t read = entries_.empty() ? position : *last_received_ + 1;
  for (const OffsetRange& range : restored_) add(std::max(range.first, read), range.last);
  return finished;
}

bool OffsetTracker::Crowded() const {
  const auto start = first_open();
  if (!start) return false;
  const int64_t end = restored_.empty() ? *last_received_ : restored_.back().last;
  if (std::max(end, *last_received_) - *start < kUncrowdedSpan) return false;
  if (measured_bytes_ + (version_ - measured_version_) * kGrowth < kCrowdedBytes) return false;
  if (measured_version_ != version_) {
    measured_bytes_ = EncodeFinished(*start, FinishedBeyond(*start)).size();
    measured_version_ = version_;
  }
  return measured_bytes_ >= kCrowdedBytes;
}

}  // namespace khs::delivery
