#include "kafka/assignment.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <string_view>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

constexpr std::chrono::milliseconds kStopTimeout{3'000};

// Waits until librdkafka has stopped partitions that were unassigned or assigned anew, by a seek
// whose result is not used: the stop undoes their forwarding. Afterwards they can be forwarded.
void AwaitStopped(rd_kafka_t* handle, const task::Positions& positions) {
  if (positions.empty()) return;
  (void)ErrorHandle(rd_kafka_seek_partitions(handle, ToList(positions).get(),
                                             static_cast<int>(kStopTimeout.count())));
}

std::string TextOf(const ErrorHandle& error) {
  return error ? rd_kafka_error_string(error.get()) : std::string();
}

std::string TextOf(rd_kafka_resp_err_t code) {
  return code != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(code) : std::string();
}

}  // namespace

bool Assignment::cooperative() const {
  const char* const protocol = rd_kafka_rebalance_protocol(handle_);
  return protocol != nullptr && std::string_view(protocol) == "COOPERATIVE";
}

// rd_kafka_assignment is not used because it never returns once the client has closed.
task::Partitions Assignment::partitions() const {
  task::Partitions partitions;
  for (const auto& [partition, position] : positions_) partitions.push_back(partition);
  return partitions;
}

std::optional<task::SourceError> Assignment::AssignError(const std::string& text) const {
  if (text.empty()) return std::nullopt;
  return task::SourceError{task::ErrorClass::kFatal, "ASSIGN",
                           "cannot assign: " + redactor_.Redact(text)};
}

std::optional<task::SourceError> Assignment::Add(const task::Partitions& partitions,
                                                 const task::Positions& starts) {
  const PartitionListHandle list = ToList(partitions);
  for (const auto& [partition, offset, metadata] : starts) {
    rd_kafka_topic_partition_list_set_offset(list.get(), partition.topic.c_str(),
                                             partition.partition, offset);
  }
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    positions_[{element.topic, element.partition}] = element.offset;
  }
  // librdkafka keeps a partition paused across assignments, but the task expects records. Resuming
  // after the assign call would discard what was fetched in between.
  rd_kafka_resume_partitions(handle_, list.get());
  records_.Discard(partitions);
  records_.Forward(list.get());
  if (cooperative()) {
    return AssignError(TextOf(ErrorHandle(rd_kafka_incremental_assign(handle_, list.get()))));
  }
  return AssignError(TextOf(rd_kafka_assign(handle_, list.get())));
}

void Assignment::AssignNothing() {
  const PartitionListHandle nothing = ToList(task::Partitions());
  if (cooperative()) {
    (void)ErrorHandle(rd_kafka_incremental_assign(handle_, nothing.get()));
  } else {
    rd_kafka_assign(handle_, nothing.get());
  }
  positions_.clear();
}

void Assignment::RemoveAll() {
  task::Positions all;
  for (const auto& [partition, position] : positions_) all.push_back({partition, position});
  rd_kafka_assign(handle_, nullptr);
  AwaitStopped(handle_, all);
  positions_.clear();
}

std::string Assignment::Remove(const task::Partitions& partitions) {
  // After AssignNothing the group still takes the partitions for assigned, and revokes them.
  task::Partitions assigned;
  std::copy_if(partitions.begin(), partitions.end(), std::back_inserter(assigned),
               [this](const base::TopicPartition& partition) { return contains(partition); });
  Forget(assigned);
  if (!cooperative()) return TextOf(rd_kafka_assign(handle_, nullptr));
  return TextOf(ErrorHandle(rd_kafka_incremental_unassign(handle_, ToList(assigned).get())));
}

void Assignment::Forget(const task::Partitions& partitions) {
  for (const base::TopicPartition& partition : partitions) positions_.erase(partition);
}

// A seek does not revive a partition that librdkafka stopped fetching: it has to be assigned again,
// and with the eager protocol all others with it, each at its position.
std::optional<task::SourceError> Assignment::Move(const task::Positions& offsets) {
  task::Positions all = offsets;
  std::string failure;
  if (cooperative()) {
    failure = TextOf(ErrorHandle(rd_kafka_incremental_unassign(handle_, ToList(offsets).get())));
    const ErrorHandle assigned(rd_kafka_incremental_assign(handle_, ToList(offsets).get()));
    if (assigned) failure = TextOf(assigned);
  } else {
    std::set<base::TopicPartition> moved;
    for (const task::Position& position : offsets) moved.insert(position.topic_partition);
    for (const auto& [partition, position] : positions_) {
      if (!moved.contains(partition)) all.push_back({partition, position});
    }
    failure = TextOf(rd_kafka_assign(handle_, ToList(all).get()));
  }
  if (!failure.empty()) return AssignError(failure);
  for (const task::Position& position : all) positions_[position.topic_partition] = position.offset;
  AwaitStopped(handle_, all);
  records_.Forward(ToList(all).get());
  return std::nullopt;
}

void Assignment::Advance(const task::Records& records) {
  for (size_t i = 0; i < records.size(); ++i) {
    const base::TopicPartition& partition = records[i].topic_partition;
    const bool is_last = i + 1 == records.size() || records[i + 1].topic_partition != partition;
    const auto found = is_last ? positions_.find(partition) : positions_.end();
    if (found != positions_.end()) found->second = records[i].offset + 1;
  }
}

}  // namespace khs::kafka
