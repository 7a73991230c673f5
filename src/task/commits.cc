#include "task/commits.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "base/log.h"
#include "task/partition_list.h"

namespace khs::task {
namespace {

using std::chrono::milliseconds;

// Between two tries of CommitAll.
constexpr milliseconds kRetryInterval{100};

Partitions PartitionsOf(const Positions& positions) {
  Partitions partitions;
  for (const Position& position : positions) partitions.push_back(position.topic_partition);
  return partitions;
}

// Ignores the metadata, which the result of a commit does not carry.
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
  if (in_flight_) return;
  Positions positions = dispatcher_.Ask([](Lanes& lanes) { return lanes.TakeCommittable(); });
  if (positions.empty()) return;
  source_.Commit(positions);
  in_flight_ = std::move(positions);
}

bool Commits::OnCommitDone(Committed committed) {
  // The result of a commit that CommitAll replaced says nothing about later ones.
  if (!in_flight_ || !SameOffsets(committed.positions, *in_flight_)) return false;
  in_flight_.reset();
  ApplyResult(committed, true);
  return !committed.error;
}

bool Commits::CommitAll(milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  if (const auto replaced = std::exchange(in_flight_, std::nullopt)) {
    dispatcher_.Send([replaced](Lanes& lanes) { lanes.MakeCommittable(*replaced); });
  }
  for (;;) {
    Positions positions = dispatcher_.Ask([](Lanes& lanes) { return lanes.TakeCommittable(); });
    if (positions.empty()) return true;
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    const Committed committed =
        source_.CommitAndWait(std::move(positions), std::max(left, kRetryInterval));
    const bool may_retry = std::chrono::steady_clock::now() + kRetryInterval < deadline;
    ApplyResult(committed, may_retry);
    if (!committed.error) return true;
    if (committed.error->excluded || !may_retry) return false;
    if (!committed.error->metadata_too_large) std::this_thread::sleep_for(kRetryInterval);
  }
}

void Commits::ApplyResult(const Committed& committed, bool may_retry) {
  if (!committed.error) {
    Positions accepted;
    Positions withheld;
    for (const Position& position : committed.positions) {
      const bool is_withheld = std::find(committed.withheld.begin(), committed.withheld.end(),
                                         position.topic_partition) != committed.withheld.end();
      (is_withheld ? withheld : accepted).push_back(position);
    }
    if (!accepted.empty()) metrics_.CommitEnded(true);
    dispatcher_.Send(
        [accepted = std::move(accepted), withheld = std::move(withheld)](Lanes& lanes) {
          lanes.MarkCommitted(accepted);
          lanes.MakeCommittable(withheld);
        });
    return;
  }
  metrics_.CommitEnded(false);
  dispatcher_.Send([too_large = committed.error->metadata_too_large,
                    positions = committed.positions](Lanes& lanes) {
    if (too_large) lanes.HalveMetadata();
    lanes.MakeCommittable(positions);
  });
  const bool will_retry = may_retry && !committed.error->excluded;
  Log().Warn(will_retry ? "offset commit failed, will retry" : "offset commit failed",
             {{"connector", identity_.connector},
              {"task", identity_.id},
              {"partitions", ListPartitions(PartitionsOf(committed.positions))},
              {"error", committed.error->text}});
}

}  // namespace khs::task
