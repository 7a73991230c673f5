#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kafka/group_start.h"
#include "task/record_source.h"

namespace khs::kafka {

// Decides where reading of a partition starts. Pure. librdkafka's own auto.offset.reset moves the
// position without telling, so it is set to `error` and every offset is given explicitly.

inline constexpr std::string_view kResetProperty = "auto.offset.reset";
// For error messages about the property.
inline constexpr const char* kResetPolicies = "must be earliest, latest or none";
enum class ResetPolicy { kEarliest, kLatest, kNone };
// Ignores case, and knows librdkafka's other names. Returns nothing for an unknown value.
std::optional<ResetPolicy> ParseResetPolicy(std::string_view value);

// A commit that this process has made or read.
struct KnownCommit {
  int64_t offset = 0;
  int64_t log_end = 0;  // the last known end of the log, at that time or later
};

// What is known about a partition before its start is decided.
struct PartitionFacts {
  base::TopicPartition partition;
  std::optional<int64_t> committed;  // at the brokers, by the group
  // A known commit that is not committed at the brokers means that the topic was recreated, because
  // brokers delete a group's commits together with the topic.
  std::optional<KnownCommit> known;
  int64_t log_start = 0;
  int64_t log_end = 0;
  // Only used with `latest`, when nothing is committed.
  LatestStart latest = LatestStart::kEnd;
  // The offset of the first record since the group's start; nothing when there is none.
  std::optional<int64_t> since_start = {};
};

// Where reading of a partition starts, and what was lost before that.
struct Start {
  int64_t offset = 0;
  // To be committed at once, because the decision may differ after a restart.
  bool commit = false;
  std::optional<task::Loss> loss = {};

  bool operator==(const Start&) const = default;
};

// Decides where an assigned partition starts. The error says why it cannot be read with `none`.
base::Expected<Start, std::string> DecideStart(ResetPolicy policy, const PartitionFacts& facts);

// Decides where a suspect partition is read from next. `position` is the next offset to be read. A
// `stopped` partition is not fetched until its position is set. Returns nothing when no move is
// needed. The error says why the partition cannot be read with `none`.
base::Expected<std::optional<Start>, std::string> DecideMove(ResetPolicy policy,
                                                             const PartitionFacts& facts,
                                                             int64_t position, bool stopped);

}  // namespace khs::kafka
