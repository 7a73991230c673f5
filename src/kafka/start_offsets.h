#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kafka/group_start.h"
#include "task/record_source.h"

namespace khs::kafka {

// Where reading a partition starts, decided from what the brokers say of it. librdkafka would move
// the position without a word when it finds no valid offset, so it is told `error` and never asked.

inline constexpr std::string_view kResetProperty = "auto.offset.reset";
// What may be its value, for a message.
inline constexpr const char* kResetPolicies = "must be earliest, latest or none";
// The property's values, in any case and with librdkafka's other names.
enum class ResetPolicy { kEarliest, kLatest, kNone };
// Nothing for a value that is not known.
std::optional<ResetPolicy> ParseResetPolicy(std::string_view value);

// What a process knows of a commit that it made or found.
struct KnownCommit {
  int64_t offset = 0;
  int64_t log_end = 0;  // of the log at that time or later, as far as is known
};

// What is known of a partition when it is to be read.
struct PartitionFacts {
  base::TopicPartition partition;
  std::optional<int64_t> committed;  // by the group
  // Known but not committed: the brokers delete a group's commits together with the topic.
  std::optional<KnownCommit> known;
  int64_t log_start = 0;
  int64_t log_end = 0;
  // Under `latest`, without a commit.
  LatestStart latest = LatestStart::kEnd;
  // The first record since the group's start; nothing when there is none.
  std::optional<int64_t> since_start = {};
};

struct Start {
  int64_t offset = 0;
  // No commit says so, and what decided it may differ next time: to be committed at once.
  bool commit = false;
  std::optional<task::Loss> loss = {};

  bool operator==(const Start&) const = default;
};

// Where an assigned partition starts. The error, under `none`: why it can't.
base::Expected<Start, std::string> DecideStart(ResetPolicy policy, const PartitionFacts& facts);

// What becomes of a partition that is being read, after a sign that its offsets are no longer
// those of before. `position` is the next offset to be read; a `stuck` partition is read no more
// until its position is set. Nothing: all is well. The error, under `none`: why it can't go on.
base::Expected<std::optional<Start>, std::string> DecideMove(ResetPolicy policy,
                                                             const PartitionFacts& facts,
                                                             int64_t position, bool stuck);

}  // namespace khs::kafka
