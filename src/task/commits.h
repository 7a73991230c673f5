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

// When a consumer commits what of its partitions, and what came of it. The poll thread's alone.
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
  // The next one is not to be later.
  void Hurry(base::MonotonicTime due) { due_ = std::min(due_, due); }

  // Begins a commit of what moved since the last one, when it is due; one at a time.
  void CommitIfDue(base::MonotonicTime now, std::chrono::milliseconds interval);
  // How one ended that was begun so. True when the broker took it.
  bool Ended(Committed committed);

  // Commits all that is done, and waits for it. Whoever owns the partitions next repeats what is
  // not committed: so it is tried until it succeeds, `bound` is over (by 200 ms at most), or the
  // group takes nothing of this member any more. False: something was left. What the source
  // withholds is none of it: its topic is gone, and with it whoever would repeat it.
  bool CommitAll(std::chrono::milliseconds bound);

 private:
  void Note(const Committed& committed);

  const TaskIdentity& identity_;
  RecordSource& source_;
  Dispatcher& dispatcher_;
  metrics::ConnectorMetrics& metrics_;
  base::MonotonicTime due_;
  std::optional<Positions> under_way_;
};

}  // namespace khs::task
