#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/clock.h"
#include "metrics/connector_metrics.h"
#include "task/dispatcher.h"
#include "task/record_source.h"
#include "task/task.h"

namespace khs::task {

// Commits the offsets of a consumer's partitions, periodically and at the end. Owned by the poll
// loop and used by the poll thread only.
class Commits {
 public:
  Commits(const TaskIdentity& identity, RecordSource& source, Dispatcher& dispatcher,
          metrics::ConnectorMetrics& metrics, base::MonotonicTime due)
      : identity_(identity),
        source_(source),
        dispatcher_(dispatcher),
        metrics_(metrics),
        due_(due) {}

  base::MonotonicTime due() const { return due_; }
  // The next commit begins at this time at the latest.
  void CommitBy(base::MonotonicTime due) { due_ = std::min(due_, due); }

  // Begins a commit of what changed since the last one if it is due and none is in flight.
  void CommitIfDue(base::MonotonicTime now, std::chrono::milliseconds interval);
  // A commit that CommitIfDue began has ended. True when the broker accepted it.
  bool OnCommitDone(Committed committed);

  // Commits all that is finished, and waits for it. Retries until the commit succeeds, the timeout
  // is over (by 200 ms at most), or the group has excluded this member, because the next owner of
  // the partitions repeats what is not committed. Returns false if something was not committed.
  // Positions that the source withholds don't count: their topic is gone.
  bool CommitAll(std::chrono::milliseconds timeout);

 private:
  // `may_retry`: there is time for another try.
  void ApplyResult(const Committed& committed, bool may_retry);

  const TaskIdentity& identity_;
  RecordSource& source_;
  Dispatcher& dispatcher_;
  metrics::ConnectorMetrics& metrics_;
  base::MonotonicTime due_;
  std::optional<Positions> in_flight_;
};

}  // namespace khs::task
