#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "kafka/consumer.h"

namespace khs::kafka {

// When a group that starts at the end of its logs (`auto.offset.reset=latest`) started for the
// first time. Only what existed then is left out. Every commit of such a group carries it, because
// a partition that has no commit may be met by a member that was not there.
struct GroupStart {
  int64_t time_ms = 0;        // since the epoch
  uint32_t subscription = 0;  // SubscriptionId at that time
  // How many partitions each topic had then; 0 for a topic that came later. A topic that is not
  // listed has no commit.
  std::map<std::string, int32_t> partitions = {};

  bool operator==(const GroupStart&) const = default;
};

// Identifies what a subscription names, so that a changed one is noticed.
uint32_t SubscriptionId(const Subscription& subscription);

// The metadata of a commit of the topic: the group's start, then `metadata`.
std::string WithGroupStart(const GroupStart& start, const std::string& topic,
                           std::string_view metadata);
// Takes WithGroupStart apart again. Metadata without a start is returned as it is.
std::pair<std::optional<GroupStart>, std::string> SplitGroupStart(const std::string& topic,
                                                                  std::string metadata);

// Of two members that started the group at the same time the earlier one counts, and the smaller
// number of partitions: what came in between is delivered.
void Merge(std::optional<GroupStart>& known, const std::optional<GroupStart>& other);

// Where a partition without a commit starts under `latest`.
enum class LatestStart {
  kEnd,         // the group starts now
  kBeginning,   // the partition or its topic was created after the group's start
  kSinceStart,  // at the first record that is not older than the group's start
};
LatestStart DecideLatest(const std::optional<GroupStart>& start, uint32_t subscription,
                         int64_t now_ms, const base::TopicPartition& partition);

}  // namespace khs::kafka
