#include "kafka/broker_offsets.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;

using TopicHandle = std::unique_ptr<rd_kafka_topic_t, Deleter<rd_kafka_topic_destroy>>;
using MetadataHandle =
    std::unique_ptr<const rd_kafka_metadata_t, Deleter<rd_kafka_metadata_destroy>>;

int Count(milliseconds timeout) { return static_cast<int>(timeout.count()); }

OffsetError FirstError(const rd_kafka_topic_partition_list_t* list) {
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return list->elems[i].err;
  }
  return RD_KAFKA_RESP_ERR_NO_ERROR;
}

base::Unexpected<OffsetError> Failed(OffsetError error) {
  return base::Unexpected<OffsetError>(error);
}

// `when` is a time in ms or one of librdkafka's logical offsets. Partitions with an error are
// missing in the result.
Asked<std::map<base::TopicPartition, int64_t>> AskOffsets(rd_kafka_t* client,
                                                          const task::Partitions& partitions,
                                                          int64_t when, milliseconds timeout) {
  std::map<base::TopicPartition, int64_t> offsets;
  if (partitions.empty()) return offsets;
  const PartitionListHandle list = ToList(partitions);
  for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = when;
  const OffsetError error = rd_kafka_offsets_for_times(client, list.get(), Count(timeout));
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(error);
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    if (element.err != RD_KAFKA_RESP_ERR_NO_ERROR || element.offset < 0) continue;
    offsets[{element.topic, element.partition}] = element.offset;
  }
  return offsets;
}

MetadataHandle AskMetadata(rd_kafka_t* client, const std::string& name, milliseconds timeout,
                           OffsetError& error) {
  const TopicHandle topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
  if (!topic) {
    error = rd_kafka_last_error();
    return nullptr;
  }
  const rd_kafka_metadata_t* metadata = nullptr;
  error = rd_kafka_metadata(client, 0, topic.get(), &metadata, Count(timeout));
  return MetadataHandle(metadata);
}

// Returns the partitions that have a leader. A request that includes one without times out.
task::Partitions WithLeader(rd_kafka_t* client, const task::Partitions& partitions,
                            milliseconds timeout) {
  std::map<std::string, MetadataHandle> topics;
  task::Partitions with_leader;
  for (const base::TopicPartition& partition : partitions) {
    const auto [found, added] = topics.try_emplace(partition.topic);
    OffsetError error = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (added) found->second = AskMetadata(client, partition.topic, timeout, error);
    if (!found->second || found->second->topic_cnt != 1) continue;
    const rd_kafka_metadata_topic_t& topic = found->second->topics[0];
    auto* const end = topic.partitions + topic.partition_cnt;
    const bool has_leader = std::any_of(topic.partitions, end, [&partition](const auto& each) {
      return each.id == partition.partition && each.leader >= 0;
    });
    if (has_leader) with_leader.push_back(partition);
  }
  return with_leader;
}

Asked<std::map<base::TopicPartition, LogRange>> AskRangesOf(rd_kafka_t* client,
                                                            const task::Partitions& partitions,
                                                            milliseconds timeout) {
  // The starts are read last, so that none of them is out of date. Such a start may be beyond the
  // end that was read before; that end is corrected below.
  const auto ends = AskOffsets(client, partitions, RD_KAFKA_OFFSET_END, timeout);
  if (!ends) return Failed(ends.error());
  const auto starts = AskOffsets(client, partitions, RD_KAFKA_OFFSET_BEGINNING, timeout);
  if (!starts) return Failed(starts.error());
  std::map<base::TopicPartition, LogRange> ranges;
  for (const auto& [partition, start] : *starts) {
    const auto end = ends->find(partition);
    if (end != ends->end()) ranges[partition] = {start, std::max(start, end->second)};
  }
  return ranges;
}

}  // namespace

Asked<task::Positions> AskCommitted(rd_kafka_t* client, const task::Partitions& partitions,
                                    milliseconds timeout) {
  const PartitionListHandle list = ToList(partitions);
  OffsetError error = rd_kafka_committed(client, list.get(), Count(timeout));
  if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = FirstError(list.get());
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return Failed(error);
  return CommittedPositions(list.get());
}

Asked<std::map<base::TopicPartition, LogRange>> AskLogRanges(rd_kafka_t* client,
                                                             const task::Partitions& partitions,
                                                             milliseconds timeout) {
  auto ranges = AskRangesOf(client, partitions, timeout);
  if (ranges) return ranges;
  const task::Partitions with_leader = WithLeader(client, partitions, timeout);
  if (with_leader.size() == partitions.size()) return Failed(ranges.error());
  return AskRangesOf(client, with_leader, timeout);
}

Asked<std::map<base::TopicPartition, int64_t>> AskOffsetsSince(rd_kafka_t* client,
                                                               const task::Partitions& partitions,
                                                               int64_t time_ms,
                                                               milliseconds timeout) {
  return AskOffsets(client, partitions, time_ms, timeout);
}

Asked<int32_t> AskPartitionCount(rd_kafka_t* client, const std::string& topic,
                                 milliseconds timeout) {
  OffsetError error = RD_KAFKA_RESP_ERR_NO_ERROR;
  const MetadataHandle metadata = AskMetadata(client, topic, timeout, error);
  if (!metadata) return Failed(error);
  if (metadata->topic_cnt != 1) return 0;
  return metadata->topics[0].partition_cnt;
}

}  // namespace khs::kafka
