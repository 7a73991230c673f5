#include "kafka/offset_committer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;

// The timeout doubles with each question that was not answered in time. The poll thread is blocked
// meanwhile.
constexpr milliseconds kMinAnswerTimeout{250};
constexpr milliseconds kMaxAnswerTimeout{1'000};

task::Partitions PartitionsOf(const task::Positions& positions) {
  task::Partitions partitions;
  partitions.reserve(positions.size());
  for (const task::Position& position : positions) partitions.push_back(position.topic_partition);
  return partitions;
}

// The event about a commit does not contain its metadata, so that is not compared.
bool SameOffsets(const task::Positions& some, const task::Positions& others) {
  return std::is_permutation(some.begin(), some.end(), others.begin(), others.end(),
                             [](const task::Position& one, const task::Position& other) {
                               return one.topic_partition == other.topic_partition &&
                                      one.offset == other.offset;
                             });
}

}  // namespace

OffsetCommitter::OffsetCommitter(rd_kafka_t* client, rd_kafka_queue_t* queue,
                                 const RebalanceMonitor& monitor,
                                 std::shared_ptr<GroupHistory> history,
                                 const LogEndOffsets::Watch* log_end_offsets,
                                 MetadataAdder add_metadata, std::function<bool()> is_lost)
    : client_(client),
      queue_(queue),
      monitor_(monitor),
      history_(std::move(history)),
      log_end_offsets_(log_end_offsets),
      add_metadata_(std::move(add_metadata)),
      is_lost_(std::move(is_lost)),
      answer_timeout_(kMaxAnswerTimeout) {}

void OffsetCommitter::Commit(task::Positions positions) {
  pending_ = std::move(positions);
  SendPending();
}

bool OffsetCommitter::CheckCommits(const task::Partitions& partitions) {
  return !FindDeletedCommits(partitions, answer_timeout_);
}

// librdkafka may join the group again before the task has heard of a loss. The broker would accept
// a commit as that of a member of the new generation, although another member owns the partitions.
std::optional<task::CommitError> OffsetCommitter::LostError() const {
  if (!is_lost_()) return std::nullopt;
  return task::CommitError{"the partitions are lost", false, true};
}

void OffsetCommitter::SendPending() {
  if (!pending_) return;
  if (auto error = LostError()) {
    result_ = task::Committed{*std::exchange(pending_, std::nullopt), std::move(error)};
    return;
  }
  if (monitor_.joining()) return;
  task::Positions positions = *std::exchange(pending_, std::nullopt);
  if (auto error = FindDeletedCommits(PartitionsOf(positions), answer_timeout_)) {
    result_ = task::Committed{std::move(positions), std::move(error)};
    return;
  }
  if (monitor_.joining()) {  // since the brokers were asked
    pending_ = std::move(positions);
    return;
  }
  if (auto error = LostError()) {
    result_ = task::Committed{std::move(positions), std::move(error)};
    return;
  }
  Send(std::move(positions));
}

std::optional<task::CommitError> OffsetCommitter::FindDeletedCommits(
    const task::Partitions& partitions, milliseconds timeout) {
  const auto committed = AskCommitted(client_, partitions, timeout);
  if (!committed) {
    answer_timeout_ = std::min(answer_timeout_ * 2, kMaxAnswerTimeout);
    return task::CommitError{std::string("cannot read the committed offsets: ") +
                             rd_kafka_err2str(committed.error())};
  }
  answer_timeout_ = kMinAnswerTimeout;
  std::set<base::TopicPartition> existing;
  for (const task::Position& position : *committed) existing.insert(position.topic_partition);
  for (const base::TopicPartition& partition : partitions) {
    if (existing.contains(partition)) continue;
    if (history_->FindCommit(partition) || suspects_.contains(partition))
      AddSuspect(partition, SuspectReason::kTopic);
  }
  return std::nullopt;
}

void OffsetCommitter::AddSuspect(const base::TopicPartition& partition, SuspectReason reason) {
  const auto [found, is_new] = suspects_.emplace(partition, reason);
  if (!is_new) found->second = std::max(found->second, reason);
}

bool OffsetCommitter::IsWithheld(const base::TopicPartition& partition) const {
  const auto found = suspects_.find(partition);
  return found != suspects_.end() && found->second == SuspectReason::kTopic;
}

OffsetCommitter::Request OffsetCommitter::MakeRequest(task::Positions positions) const {
  Request request{std::move(positions), {}, {}};
  for (const task::Position& position : request.given) {
    if (IsWithheld(position.topic_partition)) {
      request.withheld.push_back(position.topic_partition);
    } else {
      request.sent.push_back(position);
    }
  }
  return request;
}

void OffsetCommitter::Send(task::Positions positions) {
  Request request = MakeRequest(std::move(positions));
  if (request.sent.empty()) {
    result_ = task::Committed{std::move(request.given), std::nullopt, std::move(request.withheld)};
    return;
  }
  const auto code = rd_kafka_commit_queue(client_, ToList(add_metadata_(request.sent)).get(),
                                          queue_, nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    result_ = task::Committed{std::move(request.given), task::CommitError{rd_kafka_err2str(code)}};
    return;
  }
  in_flight_ = std::move(request);
}

task::Committed OffsetCommitter::OnCommitted(rd_kafka_event_t* event) {
  task::Committed committed = ToCommitted(event);
  if (!in_flight_ || !SameOffsets(committed.positions, in_flight_->sent)) return committed;
  const Request request = *std::exchange(in_flight_, std::nullopt);
  if (!committed.error) RecordCommits(request.sent);
  committed.positions = request.given;
  committed.withheld = request.withheld;
  return committed;
}

task::Committed OffsetCommitter::CommitAndWait(task::Positions positions, milliseconds timeout) {
  pending_.reset();  // it is older than `positions`
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto left = [&] {
    return std::max(std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()),
                    milliseconds(0));
  };
  // With a queue of its own, no other event is taken while waiting.
  const QueueHandle answer(rd_kafka_queue_new(client_));
  // Another join may begin while the brokers are asked.
  do {
    while (monitor_.joining() && left() > timeout / 2) {
      (void)EventHandle(rd_kafka_queue_poll(answer.get(), 10));
    }
    if (auto error = LostError()) return {std::move(positions), std::move(error)};
    const milliseconds for_answer = std::max(left() / 2, milliseconds(1));
    if (auto error = FindDeletedCommits(PartitionsOf(positions), for_answer)) {
      return {std::move(positions), std::move(error)};
    }
  } while (monitor_.joining() && left() > timeout / 2);
  if (auto error = LostError()) return {std::move(positions), std::move(error)};
  Request request = MakeRequest(std::move(positions));
  task::Committed result{std::move(request.given), std::nullopt, std::move(request.withheld)};
  if (request.sent.empty()) return result;
  const auto code = rd_kafka_commit_queue(client_, ToList(add_metadata_(request.sent)).get(),
                                          answer.get(), nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    result.error = task::CommitError{rd_kafka_err2str(code)};
    return result;
  }
  const EventHandle event(rd_kafka_queue_poll(answer.get(), static_cast<int>(left().count())));
  result.error = event ? ToCommitted(event.get()).error : task::CommitError{"timed out"};
  if (!result.error) RecordCommits(request.sent);
  return result;
}

void OffsetCommitter::RecordCommits(const task::Positions& positions) {
  for (const task::Position& position : positions) {
    const auto end = log_end_offsets_ != nullptr
                         ? log_end_offsets_->EndOffset(position.topic_partition)
                         : std::nullopt;
    history_->RecordCommit(position.topic_partition, position.offset, end.value_or(0));
  }
}

void OffsetCommitter::CancelPending() {
  if (!pending_) return;
  result_ = task::Committed{*std::exchange(pending_, std::nullopt),
                            task::CommitError{"cancelled by a rebalance"}};
}

}  // namespace khs::kafka
