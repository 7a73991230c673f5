#include "kafka/group_memory.h"

#include <algorithm>
#include <iterator>

namespace khs::kafka {
namespace {

// offsets.retention.minutes, as brokers have it unless they are told otherwise.
constexpr std::chrono::hours kKept{7 * 24};

}  // namespace

void GroupMemory::Note(const base::TopicPartition& partition, int64_t offset, int64_t log_end) {
  const std::lock_guard lock(mutex_);
  KnownCommit& known = commits_[partition];
  // Offsets that went back are those of another log, whose end the old one's says nothing about.
  if (offset < known.offset) known.log_end = 0;
  known.offset = offset;
  known.log_end = std::max({known.log_end, log_end, offset});
}

std::optional<KnownCommit> GroupMemory::Find(const base::TopicPartition& partition) const {
  const std::lock_guard lock(mutex_);
  const auto found = commits_.find(partition);
  if (found == commits_.end()) return std::nullopt;
  return found->second;
}

void GroupMemory::Forget(const base::TopicPartition& partition) {
  const std::lock_guard lock(mutex_);
  commits_.erase(partition);
}

void GroupMemory::ForgetCommits() {
  const std::lock_guard lock(mutex_);
  commits_.clear();
}

void GroupMemory::Clear() {
  const std::lock_guard lock(mutex_);
  commits_.clear();
  start_.reset();
}

std::optional<GroupStart> GroupMemory::start() const {
  const std::lock_guard lock(mutex_);
  return start_;
}

void GroupMemory::SetStart(const GroupStart& start) {
  const std::lock_guard lock(mutex_);
  Merge(start_, start);
}

std::shared_ptr<GroupMemory> GroupMemories::Of(const std::string& group) {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  for (auto each = kept_.begin(); each != kept_.end();) {
    const bool used = each->second.memory.use_count() > 1;
    if (used) each->second.used = now;
    each = now - each->second.used > kKept ? kept_.erase(each) : std::next(each);
  }
  Kept& kept = kept_[group];
  if (!kept.memory) kept.memory = std::make_shared<GroupMemory>();
  kept.used = now;
  return kept.memory;
}

}  // namespace khs::kafka
