#include "kafka/start_offsets.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/header_syntax.h"

namespace khs::kafka {
namespace {

using delivery::LossReason;

// Starts at the beginning of the log, because any later offset would skip records that exist.
// `from` is the next offset that would have been read.
Start StartAfterLoss(const PartitionFacts& facts, LossReason reason, int64_t from,
                     int64_t records) {
  return {facts.log_start, true,
          task::Loss{facts.partition, from, facts.log_start, records, reason}};
}

std::optional<Start> FindLoss(const PartitionFacts& facts, int64_t position) {
  if (position < facts.log_start) {
    return StartAfterLoss(facts, LossReason::kRetention, position, facts.log_start - position);
  }
  if (position > facts.log_end) {
    return StartAfterLoss(facts, LossReason::kTruncated, position, position - facts.log_end);
  }
  return std::nullopt;
}

// The number of lost records is an estimate, because the end of the old log may have moved since.
Start StartAfterRecreation(const PartitionFacts& facts, int64_t from) {
  return StartAfterLoss(facts, LossReason::kRecreated, from,
                        std::max<int64_t>(facts.known->log_end - from, 0));
}

std::string NameOf(const base::TopicPartition& partition) {
  return partition.topic + '[' + std::to_string(partition.partition) + ']';
}

base::Unexpected<std::string> LossError(const PartitionFacts& facts, const Start& start) {
  const task::Loss& loss = *start.loss;
  std::string why = NameOf(facts.partition) + '@' + std::to_string(loss.from) + ": ";
  switch (loss.reason) {
    case LossReason::kRetention:
      why += "the log starts at " + std::to_string(facts.log_start) +
             ", so records before it were deleted before they were delivered";
      break;
    case LossReason::kTruncated:
      why += "the log ends at " + std::to_string(facts.log_end) + ": it was truncated";
      break;
    case LossReason::kRecreated:
      why += "the committed offset is gone: the topic was deleted and created again";
      break;
  }
  return base::Unexpected<std::string>(why + "; auto.offset.reset is none");
}

int64_t LatestOffset(const PartitionFacts& facts) {
  switch (facts.latest) {
    case LatestStart::kBeginning:
      return facts.log_start;
    case LatestStart::kSinceStart:
      return facts.since_start.value_or(facts.log_end);
    case LatestStart::kEnd:
      break;
  }
  return facts.log_end;
}

}  // namespace

std::optional<ResetPolicy> ParseResetPolicy(std::string_view value) {
  constexpr std::array<std::pair<std::string_view, ResetPolicy>, 7> kNames{
      {{"earliest", ResetPolicy::kEarliest},
       {"smallest", ResetPolicy::kEarliest},
       {"beginning", ResetPolicy::kEarliest},
       {"latest", ResetPolicy::kLatest},
       {"largest", ResetPolicy::kLatest},
       {"end", ResetPolicy::kLatest},
       {"none", ResetPolicy::kNone}}};
  const auto found = std::find_if(kNames.begin(), kNames.end(), [value](const auto& known) {
    return base::EqualIgnoringCase(known.first, value);
  });
  if (found == kNames.end()) return std::nullopt;
  return found->second;
}

base::Expected<Start, std::string> DecideStart(ResetPolicy policy, const PartitionFacts& facts) {
  std::optional<Start> lost;
  if (facts.committed) {
    lost = FindLoss(facts, *facts.committed);
    if (!lost) return Start{*facts.committed};
  } else if (facts.known) {
    lost = StartAfterRecreation(facts, facts.known->offset);
  }
  if (policy == ResetPolicy::kNone) {
    if (lost) return LossError(facts, *lost);
    return base::Unexpected<std::string>(NameOf(facts.partition) +
                                         ": the group has no committed offset, and "
                                         "auto.offset.reset is none");
  }
  if (lost) return *lost;
  return Start{policy == ResetPolicy::kLatest ? LatestOffset(facts) : facts.log_start, true};
}

base::Expected<std::optional<Start>, std::string> DecideMove(ResetPolicy policy,
                                                             const PartitionFacts& facts,
                                                             int64_t position, bool stopped) {
  const bool recreated = facts.known && !facts.committed;
  const std::optional<Start> lost =
      recreated ? StartAfterRecreation(facts, position) : FindLoss(facts, position);
  if (lost && policy == ResetPolicy::kNone) return LossError(facts, *lost);
  if (lost) return lost;
  if (stopped) return Start{position};
  return std::nullopt;
}

}  // namespace khs::kafka
