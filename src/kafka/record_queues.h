#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "kafka/handles.h"
#include "task/record_source.h"

namespace khs::kafka {

// librdkafka delivers a producer's batch as a whole, up to a megabyte of one partition. With
// several queues the records of other partitions do not wait behind it.
constexpr size_t kRecordQueues = 8;
// The records that librdkafka may read ahead into one queue.
constexpr size_t kReadAheadRecords = 5000;

// The queues into which librdkafka puts a consumer's records. Partitions are spread over them, and
// they are read in turn. The task's poll thread alone; owned by Consumer::Client, and destroyed
// before the librdkafka client and its event queue.
class RecordQueues {
 public:
  // A record that comes into an empty queue wakes the poll of `events`.
  RecordQueues(rd_kafka_t* client, rd_kafka_queue_t* events, size_t prefetch_bytes);
  ~RecordQueues();
  RecordQueues(const RecordQueues&) = delete;
  RecordQueues& operator=(const RecordQueues&) = delete;

  // Sends the records of partitions that are about to be assigned to these queues.
  void Forward(const rd_kafka_topic_partition_list_t* assigned);
  // Discards what the queues of these partitions still hold from an earlier assignment, before they
  // are assigned again. See workarounds/client_destruction.h for what such records do.
  void Discard(const task::Partitions& unassigned);

  struct Error {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string text;
    base::TopicPartition partition;
  };
  struct Taken {
    task::Records records;
    std::vector<Error> errors;
    size_t messages = 0;  // of librdkafka: the records and the errors
    size_t bytes = 0;     // of their keys and values
  };
  // Takes a batch from one queue, of at most about `wanted_bytes`. Does not wait.
  Taken Take(size_t wanted_bytes);

 private:
  // The most records that are copied out of librdkafka at once.
  static constexpr size_t kBatch = 128;

  static void Discard(rd_kafka_queue_t* partition);
  ssize_t TakeFromNextQueue(std::array<rd_kafka_message_t*, kBatch>& messages, size_t most);

  rd_kafka_t* const client_;
  const size_t queue_bytes_;  // that librdkafka reads ahead into one queue
  std::array<QueueHandle, kRecordQueues> queues_;
  // librdkafka's own queue of every partition that was ever assigned.
  std::map<base::TopicPartition, QueueHandle> partitions_;
  size_t next_forward_ = 0;        // the queue that the next partition is forwarded to
  size_t next_queue_ = 0;          // the queue that is read next
  size_t record_bytes_ = 1 << 20;  // the average of the last batch
};

}  // namespace khs::kafka
