#include "task/memory_limits.h"

#include <algorithm>
#include <utility>

namespace khs::task {
namespace {

// What is read ahead of the endpoint, if that fills enough lanes.
constexpr size_t kReadAhead = 256 * 1024;

}  // namespace

void MemoryLimits::AddPartition() {
  ++partitions_;
  flow_changed_ = true;
}

void MemoryLimits::RemovePartition(Usage& usage) {
  --partitions_;
  if (std::exchange(usage.over_quota, false)) --partitions_over_quota_;
  flow_changed_ = true;
}

void MemoryLimits::Hold(Usage& usage, size_t bytes) {
  usage.bytes += bytes;
  bytes_ += bytes;
  if (!usage.over_quota && HalfFull() && usage.bytes >= Quota()) flow_changed_ = true;
}

void MemoryLimits::Release(Usage& usage, size_t bytes) {
  usage.bytes -= bytes;
  bytes_ -= bytes;
  if (partitions_over_quota_ > 0 && (MayFlowAgain(usage) || MostlyFree())) flow_changed_ = true;
}

void MemoryLimits::SetPaused(bool paused) {
  paused_ = paused;
  flow_changed_ = true;
}

bool MemoryLimits::HasEnough(const Load& load, size_t bytes) const {
  return load.bytes >= Third() || (load.bytes >= bytes && load.lanes >= load.lanes_wanted);
}

MemoryLimits::Demand MemoryLimits::UpdateDemand(const Load& load) {
  const size_t read_ahead = had_enough_ ? kReadAhead / 2 : kReadAhead;
  had_enough_ = !paused_ && HasEnough(load, read_ahead);  // only SetPaused ends a pause
  if (paused_ || had_enough_) return {};
  // Each of many partitions may bring this before it is paused.
  if (HalfFull()) return {std::max<size_t>(Quota() / 2, 1), 1};
  return {max_bytes_, std::min({kReadAhead, Third() - load.bytes, max_bytes_ / 2 - bytes_})};
}

// A partition that is stuck leaves the others their quotas. What it held before, the quotas of all
// others and what is read ahead fit into the bound together.
size_t MemoryLimits::Quota() const {
  const size_t quota = max_bytes_ / 3 / std::max<size_t>(partitions_, 1);
  return std::max<size_t>(quota, 1);  // an empty partition is never paused
}

bool MemoryLimits::MayFlowAgain(const Usage& usage) const {
  return usage.over_quota && (usage.bytes <= Quota() / 2 || MostlyFree());
}

std::optional<bool> MemoryLimits::UpdateFlow(Usage& usage) {
  if (!usage.over_quota && usage.bytes >= Quota() && HalfFull()) {
    usage.over_quota = true;
    ++partitions_over_quota_;
  } else if (MayFlowAgain(usage)) {
    usage.over_quota = false;
    --partitions_over_quota_;
  }
  const bool flows = !paused_ && !usage.over_quota;
  if (std::exchange(usage.flows, flows) == flows) return std::nullopt;
  return flows;
}

}  // namespace khs::task
