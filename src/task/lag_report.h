#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/topic_partition.h"
#include "metrics/connector_metrics.h"
#include "task/record_source.h"

namespace khs::task {

// The lag of a task's partitions as its metrics show it, once a second: only of what is assigned,
// and only while it is known. The poll thread's alone.
class LagReport {
 public:
  LagReport(const RecordSource& source, metrics::ConnectorMetrics& metrics)
      : source_(source), metrics_(metrics) {}
  ~LagReport() { Forget({}); }
  LagReport(const LagReport&) = delete;
  LagReport& operator=(const LagReport&) = delete;

  bool IsDue(base::MonotonicTime now) const { return now >= due_; }
  // The next report is due at once.
  void Hurry() { due_ = {}; }
  // `committed` are all partitions with a lag of their own; nothing: where it would begin is not
  // known.
  void Report(const std::map<base::TopicPartition, std::optional<int64_t>>& committed,
              base::MonotonicTime now);

 private:
  void Forget(const Partitions& but_of);

  const RecordSource& source_;
  metrics::ConnectorMetrics& metrics_;
  base::MonotonicTime due_;
  Partitions reported_;
};

}  // namespace khs::task
