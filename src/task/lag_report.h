#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "base/clock.h"
#include "base/topic_partition.h"
#include "metrics/connector_metrics.h"
#include "task/record_source.h"

namespace khs::task {

// Writes the lag of a task's assigned partitions to its metrics, once a second. Owned by the poll
// loop and used by the poll thread only.
class LagReport {
 public:
  LagReport(const RecordSource& source, metrics::ConnectorMetrics& metrics)
      : source_(source), metrics_(metrics) {}
  ~LagReport() { RemoveAllBut({}); }
  LagReport(const LagReport&) = delete;
  LagReport& operator=(const LagReport&) = delete;

  bool IsDue(base::MonotonicTime now) const { return now >= due_; }
  // Makes the next report due at once.
  void ReportSoon() { due_ = {}; }
  // `committed` says where the lag of each partition starts; a partition without that shows none.
  void Report(const std::map<base::TopicPartition, std::optional<int64_t>>& committed,
              base::MonotonicTime now);

 private:
  void RemoveAllBut(const Partitions& kept);

  const RecordSource& source_;
  metrics::ConnectorMetrics& metrics_;
  base::MonotonicTime due_;
  Partitions reported_;
};

}  // namespace khs::task
