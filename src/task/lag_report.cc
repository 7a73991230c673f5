#include "task/lag_report.h"

#include <algorithm>
#include <chrono>

namespace khs::task {
namespace {

constexpr std::chrono::seconds kInterval{1};

}  // namespace

void LagReport::Report(const std::map<base::TopicPartition, std::optional<int64_t>>& committed,
                       base::MonotonicTime now) {
  due_ = now + kInterval;
  Partitions reported;
  for (const auto& [partition, offset] : committed) {
    const auto end = source_.LogEnd(partition);
    // Nothing can be committed of an empty log.
    const auto from = end == 0 ? end : offset;
    if (!end || !from) continue;
    metrics_.SetLag(partition, std::max<int64_t>(*end - *from, 0));
    reported.push_back(partition);
  }
  RemoveAllBut(reported);
}

void LagReport::RemoveAllBut(const Partitions& kept) {
  for (const base::TopicPartition& partition : reported_) {
    const bool stays = std::find(kept.begin(), kept.end(), partition) != kept.end();
    if (!stays) metrics_.SetLag(partition, std::nullopt);
  }
  reported_ = kept;
}

}  // namespace khs::task
