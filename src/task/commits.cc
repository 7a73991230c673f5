#include "task/commits.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.h"
#include "task/partition_list.h"

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// Between two tries of a commit that is waited for.
constexpr milliseconds kPause{100};

Partitions PartitionsOf(const Positions& positions) {
  Partitions partitions;
  for (const Position& position : positions) partitions.push_back(position.topic_partition);
  return partitions;
}

// The end of a commit does not tell its metadata.
bool SameOffsets(const Positions& some, const Positions& others) {
  return std::is_permutation(some.begin(), some.end(), others.begin(), others.end(),
                             [](const Position& one, const Position& other) {
                               return one.topic_partition == other.topic_partition &&
                                      one.offset == other.offset;
                             });
}

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

}  // namespace

void Commits::CommitIfDue(base::MonotonicTime now, milliseconds interval) {
  if (now < due_) return;
  due_ = now + interval;
  if (under_way_) return;
  Positions positions = dispatcher_.With([](Lanes& lanes) { return lanes.TakeCommittable(); });
  if (positions.empty()) return;
  source_.Commit(positions);
  under_way_ = std::move(positions);
}

bool Commits::Ended(Committed committed) {
  // One that was overtaken by CommitAll says nothing about what came after it.
  if (!under_way_ || !SameOffsets(committed.positions, *under_way_)) return false;
  under_way_.reset();
  Note(committed);
  return !committed.error;
}

bool Commits::CommitAll(milliseconds bound) {
  const auto deadline = std::chrono::steady_clock::now() + bound;
  if (const auto overtaken = std::exchange(under_way_, std::nullopt)) {
    dispatcher_.With([&](Lanes& lanes) { lanes.RestoreCommittable(*overtaken); });
  }
  for (;;) {
    Positions positions = dispatcher_.With([](Lanes& lanes) { return lanes.TakeCommittable(); });
    if (positions.empty()) return true;
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    const Committed committed = source_.CommitAndWait(std::move(positions), std::max(left, kPause));
    Note(committed);
    if (!committed.error) return true;
    if (committed.error->excluded || std::chrono::steady_clock::now() + kPause >= deadline) {
      return false;
    }
    if (!committed.error->too_large) std::this_thread::sleep_for(kPause);
  }
}

void Commits::Note(const Committed& committed) {
  if (!committed.error) {
    Positions taken;
    Positions withheld;
    for (const Position& position : committed.positions) {
      const bool is_withheld = std::find(committed.withheld.begin(), committed.withheld.end(),
                                         position.topic_partition) != committed.withheld.end();
      (is_withheld ? withheld : taken).push_back(position);
    }
    if (!taken.empty()) metrics_.CommitEnded(true);
    dispatcher_.With([&](Lanes& lanes) {
      lanes.NoteCommitted(taken);
      lanes.RestoreCommittable(withheld);
    });
    return;
  }
  metrics_.CommitEnded(false);
  dispatcher_.With([&](Lanes& lanes) {
    if (committed.error->too_large) lanes.SaveLess();
    lanes.RestoreCommittable(committed.positions);
  });
  Log().Warn("offset commit failed; it will be repeated",
             {{"connector", identity_.connector},
              {"task", identity_.id},
              {"partitions", Listed(PartitionsOf(committed.positions))},
              {"error", committed.error->text}});
}

}  // namespace khs::task
