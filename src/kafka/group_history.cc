#include "kafka/group_history.h"

#include <algorithm>
#include <iterator>

namespace khs::kafka {
namespace {

// The brokers' default of offsets.retention.minutes.
constexpr std::chrono::hours kRetention{7 * 24};

}  // namespace

void GroupHistory::RecordCommit(const base::TopicPartition& partition, int64_t offset,
                                int64_t log_end) {
  const std::lock_guard lock(mutex_);
  KnownCommit& known = commits_[partition];
  // An offset that went back belongs to another log, so the known end is no longer valid.
  if (offset < known.offset) known.log_end = 0;
  known.offset = offset;
  known.log_end = std::max({known.log_end, log_end, offset});
}

std::optional<KnownCommit> GroupHistory::FindCommit(const base::TopicPartition& partition) const {
  const std::lock_guard lock(mutex_);
  const auto found = commits_.find(partition);
  if (found == commits_.end()) return std::nullopt;
  return found->second;
}

void GroupHistory::ForgetCommit(const base::TopicPartition& partition) {
  const std::lock_guard lock(mutex_);
  commits_.erase(partition);
}

void GroupHistory::ForgetCommits() {
  const std::lock_guard lock(mutex_);
  commits_.clear();
}

void GroupHistory::Clear() {
  const std::lock_guard lock(mutex_);
  commits_.clear();
  start_.reset();
}

std::optional<GroupStart> GroupHistory::start() const {
  const std::lock_guard lock(mutex_);
  return start_;
}

void GroupHistory::MergeStart(const GroupStart& start) {
  const std::lock_guard lock(mutex_);
  MergeGroupStart(start_, start);
}

std::shared_ptr<GroupHistory> GroupHistories::Get(const std::string& group) {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  for (auto each = entries_.begin(); each != entries_.end();) {
    const bool is_used = each->second.history.use_count() > 1;
    if (is_used) each->second.last_used = now;
    each = now - each->second.last_used > kRetention ? entries_.erase(each) : std::next(each);
  }
  Entry& entry = entries_[group];
  if (!entry.history) entry.history = std::make_shared<GroupHistory>();
  entry.last_used = now;
  return entry.history;
}

}  // namespace khs::kafka
