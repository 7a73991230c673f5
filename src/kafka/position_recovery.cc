#include "kafka/position_recovery.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kafka/workarounds/position_after_error.h"

namespace khs::kafka {
namespace {

using std::chrono::steady_clock;

// No event tells that a topic was recreated while nothing of it was committed, or while its
// partition was paused.
constexpr std::chrono::seconds kCheckInterval{30};

// The topic has another id by now. When it does not exist at all, no error comes to a partition:
// the group rebalances.
bool IsAnotherTopic(rd_kafka_resp_err_t code) {
  constexpr int kInconsistentTopicId = 103;
  return static_cast<int>(code) == kInconsistentTopicId;
}

// Brokers that let a call wait must not take most of the time from the healthy partitions.
steady_clock::time_point NextAttempt(steady_clock::time_point began) {
  const auto now = steady_clock::now();
  return now + std::max<steady_clock::duration>(kBrokerRetry, 9 * (now - began));
}

}  // namespace

bool PositionRecovery::StopsFetching(rd_kafka_resp_err_t code) {
  constexpr int kLogTruncation = -139;  // librdkafka 2.0 has no name for it
  return code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
         code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE || static_cast<int>(code) == kLogTruncation;
}

void PositionRecovery::OnError(const RecordQueues::Error& error) {
  if (!assignment_.contains(error.partition)) return;
  if (StopsFetching(error.code) ||
      IsBeyond(client_, error.partition, assignment_.position(error.partition))) {
    OnStopped(error.partition);
  } else if (IsAnotherTopic(error.code)) {
    committer_.AddSuspect(error.partition, OffsetCommitter::SuspectReason::kTopic);
    next_attempt_ = {};
  }
}

void PositionRecovery::OnStopped(const base::TopicPartition& partition) {
  committer_.AddSuspect(partition, OffsetCommitter::SuspectReason::kPosition);
  if (stopped_.insert(partition).second) next_attempt_ = {};
}

void PositionRecovery::DiscardStopped(task::Records& records) const {
  if (stopped_.empty()) return;
  std::erase_if(records, [this](const delivery::Record& record) {
    return stopped_.contains(record.topic_partition);
  });
}

void PositionRecovery::Forget(const task::Partitions& partitions) {
  for (const base::TopicPartition& partition : partitions) {
    stopped_.erase(partition);
    committer_.RemoveSuspect(partition);
  }
}

std::optional<task::SourceEvent> PositionRecovery::Run(Time now) {
  CheckCommits(now);
  if (monitor_.rebalancing() || !pending() || now < next_attempt_) return std::nullopt;
  auto event = Recover();
  next_attempt_ = NextAttempt(now);
  return event;
}

// The coordinator may be away while the partitions' leaders answer, so a failed check is repeated
// later and does not keep records from being read.
void PositionRecovery::CheckCommits(Time now) {
  if (now < next_check_) return;
  next_check_ = now + kCheckInterval;
  if (assignment_.empty() || committer_.CheckCommits(assignment_.partitions())) return;
  next_check_ = NextAttempt(now);
}

std::optional<task::SourceEvent> PositionRecovery::Recover() {
  std::map<base::TopicPartition, StartResolver::ReadState> started;
  task::Partitions unstarted;  // their logs could not be read when they were assigned
  for (const auto& [partition, reason] : committer_.suspects()) {
    const int64_t position = assignment_.position(partition);
    if (position < 0) {
      unstarted.push_back(partition);
    } else {
      started[partition] = {position, stopped_.contains(partition)};
    }
  }
  StartResolver::Moves moves;
  task::Moved moved;
  if (!started.empty()) {
    auto resolved = resolver_.ResolveMoves(started);
    if (!resolved) return task::SourceEvent(std::move(resolved.error()));
    moves = std::move(*resolved);
  }
  if (!unstarted.empty()) {
    auto starts = resolver_.ResolveStarts(unstarted);
    if (!starts) return task::SourceEvent(std::move(starts.error()));
    for (const task::Position& start : starts->offsets) {
      moves.offsets.push_back(start);
      moves.resolved.push_back(start.topic_partition);
    }
    moves.losses.insert(moves.losses.end(), starts->losses.begin(), starts->losses.end());
    moved.begins = std::move(starts->begins);
  }
  if (auto error = recreated_.Check(moves.losses)) return error;
  // A rebalance may have begun while the brokers were asked. librdkafka would take an assign call
  // for the answer to a revocation that has not been reported yet.
  if (monitor_.rebalancing()) return std::nullopt;
  if (!moves.offsets.empty()) {
    if (auto error = assignment_.Move(moves.offsets)) return error;
  }
  for (const base::TopicPartition& partition : moves.resolved) {
    committer_.RemoveSuspect(partition);
    stopped_.erase(partition);
  }
  resolver_.ForgetLostCommits(moves.losses);
  moved.losses = std::move(moves.losses);
  if (moved.losses.empty() && moved.begins.empty()) return std::nullopt;
  return moved;
}

}  // namespace khs::kafka
