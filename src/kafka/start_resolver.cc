#include "kafka/start_resolver.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <utility>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;

// Of each question. A cold connection alone may take a second.
constexpr milliseconds kWithin{2'000};

constexpr const char* kFailed = "cannot read where partitions start, will retry";
constexpr const char* kMoveFailed = "cannot find out where reading goes on, will retry";

base::Unexpected<task::SourceError> Failed(OffsetError code, const char* what) {
  return base::Unexpected<task::SourceError>(
      {Classify(code), rd_kafka_err2name(code), std::string(what) + ": " + rd_kafka_err2str(code)});
}

base::Unexpected<task::SourceError> Refused(std::string why) {
  return base::Unexpected<task::SourceError>(
      {task::ErrorClass::kNoOffset, "AUTO_OFFSET_RESET", std::move(why)});
}

int64_t NowMs() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

StartResolver::StartResolver(rd_kafka_t* client, const Subscription& subscription,
                             ResetPolicy policy, std::shared_ptr<GroupMemory> memory,
                             GroupCommits group_commits)
    : client_(client),
      subscription_(SubscriptionId(subscription)),
      policy_(policy),
      memory_(std::move(memory)),
      group_commits_(std::move(group_commits)) {}

base::Expected<StartResolver::Starts, task::SourceError> StartResolver::Resolve(
    const task::Partitions& partitions) {
  const auto asked = AskCommitted(client_, partitions, kWithin);
  if (!asked) return Failed(asked.error(), kFailed);
  std::map<base::TopicPartition, task::Position> committed;
  std::optional<GroupStart> start_in_commits;
  std::set<base::TopicPartition> without_start;
  for (task::Position position : *asked) {
    auto [start, metadata] =
        SplitGroupStart(position.topic_partition.topic, std::move(position.metadata));
    position.metadata = std::move(metadata);
    if (!start) without_start.insert(position.topic_partition);
    Merge(start_in_commits, start);
    committed.emplace(position.topic_partition, std::move(position));
  }

  // Before the ends are asked for: what comes in between is part of neither.
  const int64_t now_ms = NowMs();
  std::optional<GroupStart> start;
  if (policy_ == ResetPolicy::kLatest) {
    auto learnt =
        LearnStart(start_in_commits, partitions, committed.size() < partitions.size(), now_ms);
    if (!learnt) return base::Unexpected<task::SourceError>(std::move(learnt.error()));
    start = *learnt;
  }
  const auto ranges = AskLogRanges(client_, partitions, kWithin);
  if (!ranges) return Failed(ranges.error(), kFailed);

  std::vector<PartitionFacts> all;
  task::Partitions since_start;
  Starts starts;
  for (const base::TopicPartition& partition : partitions) {
    const auto commit = committed.find(partition);
    const auto range = ranges->find(partition);
    if (range == ranges->end()) {
      if (commit == committed.end()) continue;
      starts.offsets.push_back({partition, commit->second.offset});
      starts.committed.push_back(commit->second);
      continue;
    }
    PartitionFacts facts{
        partition, {}, memory_->Find(partition), range->second.start, range->second.end};
    if (commit != committed.end()) facts.committed = commit->second.offset;
    facts.latest = DecideLatest(start, subscription_, now_ms, partition);
    const bool asks_time = policy_ == ResetPolicy::kLatest && !facts.committed && !facts.known &&
                           facts.latest == LatestStart::kSinceStart;
    if (asks_time) since_start.push_back(partition);
    all.push_back(std::move(facts));
  }
  std::map<base::TopicPartition, int64_t> first_since_start;
  if (!since_start.empty()) {
    auto found = AskOffsetsSince(client_, since_start, start->time_ms, kWithin);
    if (!found) return Failed(found.error(), kFailed);
    first_since_start = std::move(*found);
  }

  for (PartitionFacts& facts : all) {
    const base::TopicPartition& partition = facts.partition;
    if (const auto found = first_since_start.find(partition); found != first_since_start.end()) {
      facts.since_start = found->second;
    }
    const auto decided = DecideStart(policy_, facts);
    if (!decided) return Refused(decided.error());
    starts.offsets.push_back({partition, decided->offset});
    const auto commit = committed.find(partition);
    // What was finished beyond a commit of a log that is gone says nothing of the one there is.
    const bool same_log =
        !decided->loss || decided->loss->reason == delivery::LossReason::kRetention;
    if (commit != committed.end() && same_log) {
      starts.committed.push_back(commit->second);
      memory_->Note(partition, commit->second.offset, facts.log_end);
    }
    const bool lacks_start = policy_ == ResetPolicy::kLatest && without_start.contains(partition);
    if (decided->commit || lacks_start) starts.begins.push_back({partition, decided->offset});
    if (!decided->loss) continue;
    starts.losses.push_back(*decided->loss);
  }
  return starts;
}

// What is known of the group's start for the decisions that are to come; nothing when it is now.
// What is found out is remembered, and goes into the commits.
base::Expected<std::optional<GroupStart>, task::SourceError> StartResolver::LearnStart(
    const std::optional<GroupStart>& in_commits, const task::Partitions& partitions,
    bool some_uncommitted, int64_t now_ms) {
  std::optional<GroupStart> known = memory_->start();
  Merge(known, in_commits);
  if (some_uncommitted) {
    const auto commits = group_commits_(kWithin);
    if (!commits) {
      const auto code = commits.error().kind == AdminError::Kind::kUnavailable
                            ? RD_KAFKA_RESP_ERR__TIMED_OUT
                            : RD_KAFKA_RESP_ERR__FAIL;
      return base::Unexpected<task::SourceError>(
          {Classify(code), rd_kafka_err2name(code), kFailed + (": " + commits.error().text)});
    }
    for (const task::Position& position : *commits) {
      const std::string& topic = position.topic_partition.topic;
      Merge(known, SplitGroupStart(topic, position.metadata).first);
    }
  }
  GroupStart start = known.value_or(GroupStart{now_ms, subscription_});
  for (const base::TopicPartition& partition : partitions) {
    const std::string& topic = partition.topic;
    if (start.partitions.contains(topic)) continue;
    const bool came_later =
        known && DecideLatest(known, subscription_, now_ms, partition) == LatestStart::kBeginning;
    int32_t count = 0;
    if (!came_later) {
      const auto asked = AskPartitionCount(client_, topic, kWithin);
      if (!asked) return Failed(asked.error(), kFailed);
      count = *asked;
    }
    start.partitions.emplace(topic, count);
  }
  memory_->SetStart(start);
  return known;
}

base::Expected<StartResolver::Moves, task::SourceError> StartResolver::ResolveMoves(
    const std::map<base::TopicPartition, Suspect>& suspects) {
  task::Partitions partitions;
  for (const auto& [partition, suspect] : suspects) partitions.push_back(partition);
  const auto asked = AskCommitted(client_, partitions, kWithin);
  if (!asked) return Failed(asked.error(), kMoveFailed);
  std::map<base::TopicPartition, int64_t> committed;
  for (const task::Position& position : *asked) {
    committed[position.topic_partition] = position.offset;
  }
  const auto ranges = AskLogRanges(client_, partitions, kWithin);
  if (!ranges) return Failed(ranges.error(), kMoveFailed);

  Moves moves;
  for (const auto& [partition, suspect] : suspects) {
    const auto range = ranges->find(partition);
    if (range == ranges->end()) continue;  // the topic is gone, or the partition has no leader
    PartitionFacts facts{
        partition, {}, memory_->Find(partition), range->second.start, range->second.end};
    const auto commit = committed.find(partition);
    if (commit != committed.end()) facts.committed = commit->second;
    const auto decided = DecideMove(policy_, facts, suspect.position, suspect.stuck);
    if (!decided) return Refused(decided.error());
    moves.settled.push_back(partition);
    if (!*decided) continue;
    moves.offsets.push_back({partition, (*decided)->offset});
    if (!(*decided)->loss) continue;
    moves.losses.push_back(*(*decided)->loss);
  }
  return moves;
}

void StartResolver::Settled(const task::Losses& losses) {
  for (const task::Loss& loss : losses) {
    if (loss.reason != delivery::LossReason::kRetention) memory_->Forget(loss.topic_partition);
  }
}

task::Positions StartResolver::WithStart(task::Positions positions) const {
  if (policy_ != ResetPolicy::kLatest) return positions;
  const auto start = memory_->start();
  if (!start) return positions;
  for (task::Position& position : positions) {
    position.metadata = WithGroupStart(*start, position.topic_partition.topic, position.metadata);
  }
  return positions;
}

}  // namespace khs::kafka
