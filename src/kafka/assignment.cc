#include "kafka/assignment.h"

#include <chrono>
#include <set>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

// For librdkafka to take up a new position.
constexpr std::chrono::milliseconds kMoveWithin{3'000};

std::string TextOf(const ErrorHandle& error) {
  return error ? rd_kafka_error_string(error.get()) : std::string();
}

std::string TextOf(rd_kafka_resp_err_t code) {
  return code != RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_err2str(code) : std::string();
}

}  // namespace

// librdkafka would tell, but never answers once the client has closed.
task::Partitions Assignment::partitions() const {
  task::Partitions partitions;
  for (const auto& [partition, position] : positions_) partitions.push_back(partition);
  return partitions;
}

std::string Assignment::Add(const task::Partitions& partitions, const task::Positions& starts) {
  const PartitionListHandle list = ToList(partitions);
  for (const auto& [partition, offset, metadata] : starts) {
    rd_kafka_topic_partition_list_set_offset(list.get(), partition.topic.c_str(),
                                             partition.partition, offset);
  }
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    positions_[{element.topic, element.partition}] = element.offset;
  }
  // librdkafka keeps a pause of ours across assignments, while the task starts with all flowing.
  // To be done before the assignment: afterwards it would throw away what was fetched meanwhile.
  rd_kafka_resume_partitions(handle_, list.get());
  records_.Empty(partitions);
  records_.Forward(list.get());
  if (cooperative()) {
    return TextOf(ErrorHandle(rd_kafka_incremental_assign(handle_, list.get())));
  }
  return TextOf(rd_kafka_assign(handle_, list.get()));
}

void Assignment::Decline() { rd_kafka_assign(handle_, nullptr); }

std::string Assignment::Remove(const task::Partitions& partitions) {
  std::string failure =
      cooperative()
          ? TextOf(ErrorHandle(rd_kafka_incremental_unassign(handle_, ToList(partitions).get())))
          : TextOf(rd_kafka_assign(handle_, nullptr));
  Forget(partitions);
  return failure;
}

void Assignment::Forget(const task::Partitions& partitions) {
  for (const base::TopicPartition& partition : partitions) positions_.erase(partition);
}

// A seek does nothing for a partition that is stuck: it has to be assigned anew, and with an eager
// protocol all others with it, each where it stands.
std::string Assignment::Move(const task::Positions& offsets) {
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
  if (!failure.empty()) return failure;
  for (const task::Position& position : all) positions_[position.topic_partition] = position.offset;
  // Before the queues are forwarded the partitions must have stopped, or they stay apart: this
  // waits for it. Its own result means nothing.
  const PartitionListHandle list = ToList(all);
  (void)ErrorHandle(
      rd_kafka_seek_partitions(handle_, list.get(), static_cast<int>(kMoveWithin.count())));
  records_.Forward(list.get());
  return {};
}

void Assignment::Advance(const task::Records& records) {
  for (size_t i = 0; i < records.size(); ++i) {
    const base::TopicPartition& partition = records[i].topic_partition;
    const bool is_last = i + 1 == records.size() || records[i + 1].topic_partition != partition;
    const auto found = is_last ? positions_.find(partition) : positions_.end();
    if (found != positions_.end()) found->second = records[i].offset + 1;
  }
}

bool Assignment::HasPassed(const base::TopicPartition& partition) const {
  const PartitionListHandle list = ToList(task::Partitions{partition});
  return rd_kafka_position(handle_, list.get()) == RD_KAFKA_RESP_ERR_NO_ERROR &&
         list->elems[0].offset > position(partition);
}

}  // namespace khs::kafka
