#include "kafka/guarded_commits.h"

#include <algorithm>
#include <set>
#include <utility>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;

// How long an answer may take: more after each that did not come in time. Nothing else of the
// consumer is looked at meanwhile.
constexpr milliseconds kLeastPatience{250};
constexpr milliseconds kMostPatience{1'000};

task::Partitions PartitionsOf(const task::Positions& positions) {
  task::Partitions partitions;
  partitions.reserve(positions.size());
  for (const task::Position& position : positions) partitions.push_back(position.topic_partition);
  return partitions;
}

// The end of a commit does not tell its metadata.
bool SameOffsets(const task::Positions& some, const task::Positions& others) {
  return std::is_permutation(some.begin(), some.end(), others.begin(), others.end(),
                             [](const task::Position& one, const task::Position& other) {
                               return one.topic_partition == other.topic_partition &&
                                      one.offset == other.offset;
                             });
}

}  // namespace

GuardedCommits::GuardedCommits(rd_kafka_t* client, rd_kafka_queue_t* queue,
                               const JoinWatch& join_watch, std::shared_ptr<GroupMemory> memory,
                               const LogEnds::Watch* log_ends, Signer sign,
                               std::function<bool()> is_lost)
    : client_(client),
      queue_(queue),
      join_watch_(join_watch),
      memory_(std::move(memory)),
      log_ends_(log_ends),
      sign_(std::move(sign)),
      is_lost_(std::move(is_lost)),
      patience_(kMostPatience) {}

void GuardedCommits::Commit(task::Positions positions) {
  waiting_ = std::move(positions);
  Proceed();
}

bool GuardedCommits::Check(const task::Partitions& partitions) {
  return !FindGone(partitions, patience_);
}

// librdkafka may join the group anew before a loss was answered. A commit would then be taken from
// a member of the new generation, though another one owns the partitions.
std::optional<task::CommitError> GuardedCommits::Lost() const {
  if (!is_lost_()) return std::nullopt;
  return task::CommitError{"the partitions are lost", false, true};
}

void GuardedCommits::Proceed() {
  if (!waiting_) return;
  if (auto error = Lost()) {
    ended_ = task::Committed{*std::exchange(waiting_, std::nullopt), std::move(error)};
    return;
  }
  if (join_watch_.joining()) return;
  task::Positions positions = *std::exchange(waiting_, std::nullopt);
  if (auto error = FindGone(PartitionsOf(positions), patience_)) {
    ended_ = task::Committed{std::move(positions), std::move(error)};
    return;
  }
  if (join_watch_.joining()) {  // since the question
    waiting_ = std::move(positions);
    return;
  }
  if (auto error = Lost()) {
    ended_ = task::Committed{std::move(positions), std::move(error)};
    return;
  }
  Send(std::move(positions));
}

std::optional<task::CommitError> GuardedCommits::FindGone(const task::Partitions& partitions,
                                                          milliseconds timeout) {
  const auto committed = AskCommitted(client_, partitions, timeout);
  if (!committed) {
    patience_ = std::min(patience_ * 2, kMostPatience);
    return task::CommitError{std::string("cannot read the committed offsets: ") +
                             rd_kafka_err2str(committed.error())};
  }
  patience_ = kLeastPatience;
  std::set<base::TopicPartition> there;
  for (const task::Position& position : *committed) there.insert(position.topic_partition);
  for (const base::TopicPartition& partition : partitions) {
    if (there.contains(partition)) continue;
    if (memory_->Find(partition) || doubtful_.contains(partition))
      Suspect(partition, Doubt::kTopic);
  }
  return std::nullopt;
}

void GuardedCommits::Suspect(const base::TopicPartition& partition, Doubt doubt) {
  const auto [found, is_new] = doubtful_.emplace(partition, doubt);
  if (!is_new) found->second = std::max(found->second, doubt);
}

bool GuardedCommits::Withholds(const base::TopicPartition& partition) const {
  const auto found = doubtful_.find(partition);
  return found != doubtful_.end() && found->second == Doubt::kTopic;
}

GuardedCommits::Sent GuardedCommits::Sort(task::Positions positions) const {
  Sent sent{std::move(positions), {}, {}};
  for (const task::Position& position : sent.positions) {
    if (Withholds(position.topic_partition)) {
      sent.withheld.push_back(position.topic_partition);
    } else {
      sent.sent.push_back(position);
    }
  }
  return sent;
}

void GuardedCommits::Send(task::Positions positions) {
  Sent sent = Sort(std::move(positions));
  if (sent.sent.empty()) {
    ended_ = task::Committed{std::move(sent.positions), std::nullopt, std::move(sent.withheld)};
    return;
  }
  const auto code =
      rd_kafka_commit_queue(client_, ToList(sign_(sent.sent)).get(), queue_, nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ended_ = task::Committed{std::move(sent.positions), task::CommitError{rd_kafka_err2str(code)}};
    return;
  }
  sent_ = std::move(sent);
}

task::Committed GuardedCommits::OnCommitted(rd_kafka_event_t* event) {
  task::Committed committed = ToCommitted(event);
  if (!sent_ || !SameOffsets(committed.positions, sent_->sent)) return committed;
  const Sent sent = *std::exchange(sent_, std::nullopt);
  if (!committed.error) Note(sent.sent);
  committed.positions = sent.positions;
  committed.withheld = sent.withheld;
  return committed;
}

task::Committed GuardedCommits::CommitAndWait(task::Positions positions, milliseconds timeout) {
  waiting_.reset();  // these are newer
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto left = [&] {
    return std::max(std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()),
                    milliseconds(0));
  };
  // A queue of its own, so that the answer to this commit is waited for and nothing else is taken.
  const QueueHandle answer(rd_kafka_queue_new(client_));
  // The answer to the question may come when another join has begun.
  do {
    while (join_watch_.joining() && left() > timeout / 2) {
      (void)EventHandle(rd_kafka_queue_poll(answer.get(), 10));
    }
    if (auto error = Lost()) return {std::move(positions), std::move(error)};
    const milliseconds for_answer = std::max(left() / 2, milliseconds(1));
    if (auto error = FindGone(PartitionsOf(positions), for_answer)) {
      return {std::move(positions), std::move(error)};
    }
  } while (join_watch_.joining() && left() > timeout / 2);
  if (auto error = Lost()) return {std::move(positions), std::move(error)};
  Sent sent = Sort(std::move(positions));
  task::Committed ended{std::move(sent.positions), std::nullopt, std::move(sent.withheld)};
  if (sent.sent.empty()) return ended;
  const auto code = rd_kafka_commit_queue(client_, ToList(sign_(sent.sent)).get(), answer.get(),
                                          nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    ended.error = task::CommitError{rd_kafka_err2str(code)};
    return ended;
  }
  const EventHandle event(rd_kafka_queue_poll(answer.get(), static_cast<int>(left().count())));
  ended.error = event ? ToCommitted(event.get()).error
                      : task::CommitError{"the broker did not answer in time"};
  if (!ended.error) Note(sent.sent);
  return ended;
}

void GuardedCommits::Note(const task::Positions& positions) {
  for (const task::Position& position : positions) {
    const auto end = log_ends_ != nullptr ? log_ends_->End(position.topic_partition) : std::nullopt;
    memory_->Note(position.topic_partition, position.offset, end.value_or(0));
  }
}

void GuardedCommits::Cancel() {
  if (!waiting_) return;
  ended_ = task::Committed{*std::exchange(waiting_, std::nullopt),
                           task::CommitError{"a rebalance came first"}};
}

}  // namespace khs::kafka
