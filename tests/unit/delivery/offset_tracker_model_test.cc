// Plays random schedules of a partition on the tracker and on a plain model: offsets are read,
// finished in any order, committed, restored from any commit after a crash, truncated.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "delivery/finished_offsets.h"
#include "delivery/offset_tracker.h"
#include "support/schedules.h"
#include "unit/delivery/heap_in_use.h"
#include "unit/delivery/tracker_model.h"

namespace khs::delivery {
namespace {

using Receipt = OffsetTracker::Receipt;
using testing::Broken;
using testing::Contains;
using testing::Dice;
using testing::Schedule;
using testing::TrackerModel;

std::string Text(const OffsetRanges& ranges) {
  std::string text;
  for (const OffsetRange& range : ranges) text += fmt::format(" {}-{}", range.first, range.last);
  return text.empty() ? " none" : text;
}
std::string Text(std::optional<int64_t> offset) {
  return offset ? std::to_string(*offset) : "none";
}

std::string Text(Receipt receipt) {
  return receipt == Receipt::kOpen       ? "open"
         : receipt == Receipt::kFinished ? "finished"
                                         : "backward";
}

// The part of `finished` before `end`.
OffsetRanges Before(int64_t end, const OffsetRanges& finished) {
  OffsetRanges before;
  for (const OffsetRange& range : finished) {
    if (range.first < end) before.push_back({range.first, std::min(range.last, end - 1)});
  }
  return before;
}

class Life {
 public:
  explicit Life(Schedule& schedule) : schedule_(schedule), dice_(schedule.seed()) {
    // Long schedules that fill a commit's metadata are slow, so there are few.
    wide_ = dice_.Below(1000) == 0;
    most_gap_ = std::vector<int64_t>{int64_t{1} << 33, 0, 1, 3,
                                     20}[wide_ ? 2 + dice_.Below(3) : dice_.Below(5)];
    first_ = dice_.Percent(50) ? 0 : dice_.Between(1, int64_t{1} << 40);
    next_ = first_;
  }

  void Play() {
    for (const uint64_t step : schedule_.steps()) {
      dice_ = Dice(step);
      Step();
      Verify();
    }
    while (read_ < log_.size()) Receive();
    FinishAll();
    Verify();
  }

 private:
  struct Commit {
    int64_t position;
    OffsetRanges saved;  // as it is read back
  };

  void Step() {
    const auto roll = dice_.Below(100);
    const size_t times = 1 + dice_.Below(wide_ && dice_.Percent(60) ? 4'000 : 4);
    if (roll < 35) {
      for (size_t i = 0; i < times; ++i) Receive();
    } else if (roll < 70) {
      const bool in_order = dice_.Percent(30);
      for (size_t i = 0; i < times && !model_.open().empty(); ++i) FinishOne(in_order);
    } else if (roll < 75) {
      FinishUnknown();
    } else if (roll < 80) {
      ReceiveBackward();
    } else if (roll < 90) {
      TakeCommit();
    } else if (roll < 97) {
      Crash();
    } else if (roll < 98) {
      if (wide_ || dice_.Percent(50)) {
        LoseToRetention();
      } else {
        Truncate();
      }
    } else {
      FinishAll();
    }
  }

  void Receive() {
    if (read_ == log_.size()) {
      const bool gap = most_gap_ > 0 && dice_.Percent(30);
      log_.push_back(next_ + (gap ? dice_.Between(1, most_gap_) : 0));
      next_ = log_.back() + 1;
    }
    const int64_t offset = log_[read_++];
    const Receipt receipt = tracker_.Receive(offset);
    schedule_.Tell([&] { return fmt::format("receive {}: {}", offset, Text(receipt)); });
    if (receipt != model_.Receive(offset)) Fail("the model receives it otherwise");
    if (receipt == Receipt::kBackward) Fail("what rises is backward");
    if (receipt == Receipt::kFinished && !finished_.contains(offset)) Fail("it is skipped");
    if (receipt == Receipt::kOpen && Contains(from_commit_, offset)) Fail("a commit covers it");
    if (wide_ && dice_.Percent(1)) VerifyCrowded();
  }

  void FinishOne(bool in_order) {
    const std::set<int64_t>& open = model_.open();
    const int64_t at = in_order ? *open.begin() : dice_.Between(*open.begin(), *open.rbegin());
    Finish(*open.lower_bound(at));
  }
  void FinishAll() {
    while (!model_.open().empty()) Finish(*model_.open().begin());
  }
  void Finish(int64_t offset) {
    schedule_.Tell([&] { return fmt::format("finish {}", offset); });
    tracker_.Finish(offset);
    model_.Finish(offset);
    finished_.insert(offset);
    if (wide_ && dice_.Percent(1)) VerifyCrowded();
  }

  void FinishUnknown() {
    const int64_t offset = next_ - dice_.Between(-3, 30);
    if (model_.open().contains(offset)) return;
    schedule_.Tell([&] { return fmt::format("finish {}, which is not open", offset); });
    const uint64_t version = tracker_.version();
    tracker_.Finish(offset);
    if (tracker_.version() != version) Fail("something has changed");
  }

  void ReceiveBackward() {
    if (!model_.last()) return;
    const int64_t offset = *model_.last() - dice_.Between(0, 10);
    schedule_.Tell([&] { return fmt::format("receive {} again", offset); });
    const uint64_t version = tracker_.version();
    if (tracker_.Receive(offset) != Receipt::kBackward) Fail("it does not rise, and is received");
    if (tracker_.version() != version) Fail("something has changed");
  }

  void TakeCommit() {
    const auto position = tracker_.position();
    if (!position) return;
    const auto finished = tracker_.Finished();
    const auto room = static_cast<size_t>(dice_.Percent(60) ? int64_t{kMaxMetadataBytes}
                                                            : dice_.Between(0, wide_ ? 4096 : 100));
    const std::string metadata = EncodeFinished(*position, finished, room);
    schedule_.Tell([&] { return fmt::format("commit {} and{}", *position, Text(finished)); });
    if (metadata.size() > room) Fail("the metadata is too long");
    const auto saved = DecodeFinished(*position, metadata);
    if (!saved) Fail("the metadata can't be read: " + saved.error());
    // Only the highest offsets are left out, and only when they do not fit.
    const bool fits = EncodeFinished(*position, finished, size_t{1} << 20).size() <= room;
    const int64_t end = saved->empty() ? *position : saved->back().last + 1;
    if (*saved != (fits && room >= 64 ? finished : Before(end, finished))) {
      Fail("saved are" + Text(*saved));
    }
    for (const int64_t offset : log_) {
      const bool covered = offset < *position || Contains(*saved, offset);
      if (covered && !finished_.contains(offset)) Fail(fmt::format("{} is not done", offset));
    }
    commits_.push_back({*position, *saved});
  }

  // Continues from any earlier commit, from none, or from a commit and what the member remembers.
  void Crash() {
    tracker_ = OffsetTracker();
    model_ = TrackerModel();
    from_commit_.clear();
    read_ = 0;
    seen_.reset();
    if (commits_.empty() || dice_.Percent(10)) {
      schedule_.Tell([] { return "crash, and no commit"; });
      if (dice_.Percent(50)) BeginAt(log_.empty() ? next_ : log_.front());
      return;
    }
    const Commit& commit = dice_.Of(commits_);
    const Commit& known = dice_.Of(commits_);
    OffsetRanges finished = commit.saved;
    if (commit.position <= known.position && dice_.Percent(30)) {
      if (commit.position < known.position) {
        finished = Union(finished, {{commit.position, known.position - 1}});
      }
      finished = Union(finished, known.saved);
    }
    schedule_.Tell([&] { return fmt::format("crash, {} and{}", commit.position, Text(finished)); });
    tracker_.Restore(commit.position, finished);
    model_.Restore(commit.position, finished);
    from_commit_ = finished;
    read_ = static_cast<size_t>(std::lower_bound(log_.begin(), log_.end(), commit.position) -
                                log_.begin());
    if (dice_.Percent(20)) BeginAt(commit.position);  // it is committed once more
    if (dice_.Percent(20)) LoseToRetention();
  }

  // The log now starts after some records that were not read; commits do not wait for them.
  void LoseToRetention() {
    if (read_ == log_.size()) return;
    const size_t first = read_ + 1 + dice_.Below(log_.size() - read_);
    const int64_t from = model_.last() ? *model_.last() + 1 : log_[read_];
    const int64_t to = first < log_.size() ? log_[first] : next_;
    schedule_.Tell([&] { return fmt::format("lose {} to {}", from, to); });
    if (tracker_.Unfinished(from, to) != model_.Unfinished(from, to)) Fail("unfinished");
    for (; read_ < first; ++read_) finished_.insert(log_[read_]);
    BeginAt(to);
  }

  // Its owner makes another tracker when the offsets go back.
  void Truncate() {
    if (!model_.last() || *model_.last() == 0) return;
    next_ = dice_.Between(std::max<int64_t>(0, *model_.last() - 1000), *model_.last() - 1);
    schedule_.Tell([&] { return fmt::format("truncate, on with {}", next_); });
    if (tracker_.Receive(next_) != Receipt::kBackward) Fail("it does not fall");
    tracker_ = OffsetTracker();
    model_ = TrackerModel();
    log_.clear();
    read_ = 0;
    finished_.clear();
    commits_.clear();
    from_commit_.clear();
    seen_.reset();
    if (dice_.Percent(50)) BeginAt(next_);
  }

  void BeginAt(int64_t offset) {
    schedule_.Tell([&] { return fmt::format("begin at {}", offset); });
    tracker_.Begin(offset);
    model_.Begin(offset);
  }

  void Verify() {
    if (tracker_.open() != model_.open().size()) Fail("open");
    if (tracker_.first_open() != model_.first_open()) Fail("first open");
    const auto position = tracker_.position();
    if (position != model_.position()) {
      Fail(fmt::format("position {}, not {}", Text(position), Text(model_.position())));
    }
    const uint64_t version = tracker_.version();
    OffsetRanges finished = tracker_.Finished();
    if (finished != model_.Finished()) {
      Fail(fmt::format("finished{}, not{}", Text(finished), Text(model_.Finished())));
    }
    if (seen_ && seen_->version == version &&
        (seen_->position != position || seen_->finished != finished)) {
      Fail("something changed, and the version did not");
    }
    seen_ = Seen{version, position, std::move(finished)};
    VerifyCrowded();
  }

  void VerifyCrowded() {
    const auto first = model_.first_open();
    const bool crowded = first && EncodeFinished(*first, model_.FinishedBeyond(*first)).size() >=
                                      kMaxMetadataBytes / 4 * 3;
    if (tracker_.Crowded() != crowded) Fail(crowded ? "it is crowded" : "it is not crowded");
  }

  [[noreturn]] void Fail(const std::string& what) { throw Broken(what); }

  struct Seen {
    uint64_t version;
    std::optional<int64_t> position;
    OffsetRanges finished;
  };

  Schedule& schedule_;
  Dice dice_;
  bool wide_ = false;
  int64_t most_gap_ = 0;
  int64_t first_ = 0;
  int64_t next_ = 0;
  std::vector<int64_t> log_;
  size_t read_ = 0;             // how many of the log
  std::set<int64_t> finished_;  // since the log began, by any tracker
  std::vector<Commit> commits_;
  OffsetRanges from_commit_;  // what the tracker was restored with
  std::optional<Seen> seen_;
  OffsetTracker tracker_;
  TrackerModel model_;
};

TEST(OffsetTrackerModel, AgreesWithAPlainModelInRandomSchedules) {
  testing::Explore(100'000, 60, [](Schedule& schedule) { Life(schedule).Play(); });
}

// The memory is bounded by the open offsets, however many others are finished.
TEST(OffsetTrackerModel, KeepsMemoryForOpenOffsetsOnly) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Dice dice(seed);
    const size_t most_open = 1 + dice.Below(100);
    const bool one_stuck = dice.Percent(50);
    std::vector<int64_t> open;
    open.reserve(most_open + 1);
    const size_t before = testing::HeapInUse();
    OffsetTracker tracker;
    size_t most = 0;
    for (int64_t offset = 0; offset < 50'000; ++offset) {
      if (dice.Percent(10)) ++offset;
      tracker.Receive(offset);
      open.push_back(offset);
      while (open.size() > most_open) {
        const size_t first = one_stuck ? 1 : 0;
        const size_t index = first + dice.Below(open.size() - first);
        tracker.Finish(open[index]);
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
      }
      most = std::max(most, testing::HeapInUse() - before);
    }
    // An entry of 16 bytes for each that is open, as many again that are not dropped yet, and the
    // blocks that a deque takes.
    const size_t bound = 16 * (3 * most_open + 128) + 2048;
    EXPECT_LE(most, bound) << "for " << most_open << " open, seed " << seed;
  }
}

}  // namespace
}  // namespace khs::delivery
