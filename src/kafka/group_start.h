#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kafka/consumer.h"

namespace khs::kafka {

// When a group with `auto.offset.reset=latest` started for the first time. Only the records that
// existed then are skipped. The metadata of each of its commits contains it, because the first
// member that reads a partition without a commit may have joined later.
struct GroupStart {
  int64_t time_ms = 0;        // since the epoch
  uint32_t subscription = 0;  // the SubscriptionId at that time
  // How many partitions each topic had then; 0 for a topic that was created later. Topics without a
  // commit are missing.
  std::map<std::string, int32_t> partitions = {};

  bool operator==(const GroupStart&) const = default;
};

// A checksum of the topics or the regular expression, so that a changed subscription is noticed.
uint32_t SubscriptionId(const Subscription& subscription);

// Returns the metadata of a commit of the topic: the group's start, then `metadata`.
std::string PrependGroupStart(const GroupStart& start, const std::string& topic,
                              std::string_view metadata);
// Reverses PrependGroupStart. Returns metadata without a start unchanged.
std::pair<std::optional<GroupStart>, std::string> SplitGroupStart(const std::string& topic,
                                                                  std::string metadata);

// Combines what two members know that started the group at the same time: the earlier time and the
// smaller numbers of partitions, so that records that came in between are delivered.
void MergeGroupStart(std::optional<GroupStart>& known, const std::optional<GroupStart>& other);

// Where a partition without a commit starts under `latest`.
enum class LatestStart {
  kEnd,         // the group starts now
  kBeginning,   // the partition or its topic was created after the group started
  kSinceStart,  // at the first record whose timestamp is not before the group's start
};
LatestStart DecideLatest(const std::optional<GroupStart>& start, uint32_t subscription,
                         int64_t now_ms, const base::TopicPartition& partition);

}  // namespace khs::kafka
