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

// For each request. Connecting alone may take a second.
constexpr milliseconds kRequestTimeout{2'000};

constexpr const char* kStartsFailed = "cannot determine start offsets, will retry";
constexpr const char* kMovesFailed = "cannot determine next offsets, will retry";

base::Unexpected<task::SourceError> Failed(OffsetError code, const char* what) {
  return base::Unexpected<task::SourceError>(
      {Classify(code), rd_kafka_err2name(code), std::string(what) + ": " + rd_kafka_err2str(code)});
}

base::Unexpected<task::SourceError> NoOffset(std::string why) {
  return base::Unexpected<task::SourceError>(
      {task::ErrorClass::kNoOffset, "AUTO_OFFSET_RESET", std::move(why)});
}

bool LookTruncated(const task::Losses& losses) {
  return std::any_of(losses.begin(), losses.end(), [](const task::Loss& loss) {
    return loss.reason == delivery::LossReason::kTruncated;
  });
}

int64_t NowMs() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

// The commits of partitions, with the group's start separated from the rest of the metadata.
struct StartResolver::Commits {
  std::map<base::TopicPartition, task::Position> positions;
  std::optional<GroupStart> group_start;
  std::set<base::TopicPartition> without_group_start;
};

StartResolver::Questions StartResolver::Questions::OfClient(rd_kafka_t* client,
                                                            GroupCommits group_commits) {
  return {[client](const task::Partitions& partitions) {
            return AskCommitted(client, partitions, kRequestTimeout);
          },
          [client](const task::Partitions& partitions) {
            return AskLogRanges(client, partitions, kRequestTimeout);
          },
          [client](const task::Partitions& partitions, int64_t time_ms) {
            return AskOffsetsSince(client, partitions, time_ms, kRequestTimeout);
          },
          [client](const std::string& topic) {
            return AskPartitionCount(client, topic, kRequestTimeout);
          },
          std::move(group_commits)};
}

StartResolver::StartResolver(Questions questions, const Subscription& subscription,
                             ResetPolicy policy, std::shared_ptr<GroupHistory> history)
    : questions_(std::move(questions)),
      subscription_(SubscriptionId(subscription)),
      policy_(policy),
      history_(std::move(history)) {}

StartResolver::Commits StartResolver::ReadCommits(task::Positions committed) {
  Commits commits;
  for (task::Position& position : committed) {
    auto [start, metadata] =
        SplitGroupStart(position.topic_partition.topic, std::move(position.metadata));
    position.metadata = std::move(metadata);
    if (!start) commits.without_group_start.insert(position.topic_partition);
    MergeGroupStart(commits.group_start, start);
    commits.positions.emplace(position.topic_partition, std::move(position));
  }
  return commits;
}

// A topic that is recreated between the questions looks truncated: the commit is of the old log,
// and the log is the new one. Asked again, the commit is gone, but known.
base::Expected<StartResolver::Starts, task::SourceError> StartResolver::ResolveStarts(
    const task::Partitions& partitions) {
  auto starts = TryResolveStarts(partitions);
  if (!starts || !LookTruncated(starts->losses)) return starts;
  for (const task::Loss& loss : starts->losses) {
    if (loss.reason != delivery::LossReason::kTruncated) continue;
    history_->RecordCommit(loss.topic_partition, loss.from, loss.from);
  }
  return TryResolveStarts(partitions);
}

base::Expected<StartResolver::Starts, task::SourceError> StartResolver::TryResolveStarts(
    const task::Partitions& partitions) {
  auto asked = questions_.committed(partitions);
  if (!asked) return Failed(asked.error(), kStartsFailed);
  const Commits commits = ReadCommits(std::move(*asked));

  // The time is read before the end offsets, so that records that come in between are not skipped.
  const int64_t now_ms = NowMs();
  std::optional<GroupStart> start;
  if (policy_ == ResetPolicy::kLatest) {
    auto found = FindGroupStart(commits.group_start, partitions,
                                commits.positions.size() < partitions.size(), now_ms);
    if (!found) return base::Unexpected<task::SourceError>(std::move(found.error()));
    start = *found;
  }
  const auto ranges = questions_.ranges(partitions);
  if (!ranges) return Failed(ranges.error(), kStartsFailed);

  std::vector<PartitionFacts> all;
  task::Partitions since_start;
  Starts starts;
  for (const base::TopicPartition& partition : partitions) {
    const auto commit = commits.positions.find(partition);
    const auto range = ranges->find(partition);
    if (range == ranges->end()) {
      if (commit == commits.positions.end()) continue;
      starts.offsets.push_back({partition, commit->second.offset});
      starts.committed.push_back(commit->second);
      continue;
    }
    PartitionFacts facts{
        partition, {}, history_->FindCommit(partition), range->second.start, range->second.end};
    if (commit != commits.positions.end()) facts.committed = commit->second.offset;
    facts.latest = DecideLatest(start, subscription_, now_ms, partition);
    const bool needs_time = policy_ == ResetPolicy::kLatest && !facts.committed && !facts.known &&
                            facts.latest == LatestStart::kSinceStart;
    if (needs_time) since_start.push_back(partition);
    all.push_back(std::move(facts));
  }
  std::map<base::TopicPartition, int64_t> first_since_start;
  if (!since_start.empty()) {
    auto found = questions_.offsets_since(since_start, start->time_ms);
    if (!found) return Failed(found.error(), kStartsFailed);
    first_since_start = std::move(*found);
  }

  for (PartitionFacts& facts : all) {
    const auto found = first_since_start.find(facts.partition);
    if (found != first_since_start.end()) facts.since_start = found->second;
    const auto decided = DecideStart(policy_, facts);
    if (!decided) return NoOffset(decided.error());
    AddStart(*decided, facts, commits, starts);
  }
  return starts;
}

void StartResolver::AddStart(const Start& start, const PartitionFacts& facts,
                             const Commits& commits, Starts& starts) const {
  const base::TopicPartition& partition = facts.partition;
  starts.offsets.push_back({partition, start.offset});
  // The metadata of a commit lists records that are finished beyond it. When the log is another
  // one, they are those of the old log.
  const bool same_log = !start.loss || start.loss->reason == delivery::LossReason::kRetention;
  const auto commit = commits.positions.find(partition);
  if (commit != commits.positions.end() && same_log) {
    starts.committed.push_back(commit->second);
    history_->RecordCommit(partition, commit->second.offset, facts.log_end);
  }
  const bool lacks_group_start =
      policy_ == ResetPolicy::kLatest && commits.without_group_start.contains(partition);
  if (start.commit || lacks_group_start) starts.begins.push_back({partition, start.offset});
  if (start.loss) starts.losses.push_back(*start.loss);
}

// Returns the group's start, or nothing when the group starts now. Adds what it finds to the
// history, from which it goes into the commits.
base::Expected<std::optional<GroupStart>, task::SourceError> StartResolver::FindGroupStart(
    const std::optional<GroupStart>& in_commits, const task::Partitions& partitions,
    bool some_uncommitted, int64_t now_ms) {
  std::optional<GroupStart> known = history_->start();
  MergeGroupStart(known, in_commits);
  if (some_uncommitted) {
    const auto commits = questions_.group_commits(kRequestTimeout);
    if (!commits) {
      const auto code = commits.error().kind == AdminError::Kind::kUnavailable
                            ? RD_KAFKA_RESP_ERR__TIMED_OUT
                            : RD_KAFKA_RESP_ERR__FAIL;
      return base::Unexpected<task::SourceError>(
          {Classify(code), rd_kafka_err2name(code), kStartsFailed + (": " + commits.error().text)});
    }
    for (const task::Position& position : *commits) {
      const std::string& topic = position.topic_partition.topic;
      MergeGroupStart(known, SplitGroupStart(topic, position.metadata).first);
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
      const auto asked = questions_.partition_count(topic);
      if (!asked) return Failed(asked.error(), kStartsFailed);
      count = *asked;
    }
    start.partitions.emplace(topic, count);
  }
  history_->MergeStart(start);
  return known;
}

base::Expected<StartResolver::Moves, task::SourceError> StartResolver::ResolveMoves(
    const std::map<base::TopicPartition, ReadState>& suspects) {
  auto moves = TryResolveMoves(suspects);
  return moves && LookTruncated(moves->losses) ? TryResolveMoves(suspects) : moves;
}

base::Expected<StartResolver::Moves, task::SourceError> StartResolver::TryResolveMoves(
    const std::map<base::TopicPartition, ReadState>& suspects) {
  task::Partitions partitions;
  for (const auto& [partition, suspect] : suspects) partitions.push_back(partition);
  const auto asked = questions_.committed(partitions);
  if (!asked) return Failed(asked.error(), kMovesFailed);
  std::map<base::TopicPartition, int64_t> committed;
  for (const task::Position& position : *asked) {
    committed[position.topic_partition] = position.offset;
  }
  const auto ranges = questions_.ranges(partitions);
  if (!ranges) return Failed(ranges.error(), kMovesFailed);

  Moves moves;
  for (const auto& [partition, suspect] : suspects) {
    const auto range = ranges->find(partition);
    if (range == ranges->end()) continue;  // the topic is gone, or the partition has no leader
    PartitionFacts facts{
        partition, {}, history_->FindCommit(partition), range->second.start, range->second.end};
    const auto commit = committed.find(partition);
    if (commit != committed.end()) facts.committed = commit->second;
    const auto decided = DecideMove(policy_, facts, suspect.position, suspect.stopped);
    if (!decided) return NoOffset(decided.error());
    moves.resolved.push_back(partition);
    if (!*decided) continue;
    moves.offsets.push_back({partition, (*decided)->offset});
    if (!(*decided)->loss) continue;
    moves.losses.push_back(*(*decided)->loss);
  }
  return moves;
}

void StartResolver::ForgetLostCommits(const task::Losses& losses) {
  for (const task::Loss& loss : losses) {
    if (loss.reason != delivery::LossReason::kRetention)
      history_->ForgetCommit(loss.topic_partition);
  }
}

task::Positions StartResolver::AddGroupStart(task::Positions positions) const {
  if (policy_ != ResetPolicy::kLatest) return positions;
  const auto start = history_->start();
  if (!start) return positions;
  for (task::Position& position : positions) {
    position.metadata =
        PrependGroupStart(*start, position.topic_partition.topic, position.metadata);
  }
  return positions;
}

}  // namespace khs::kafka
