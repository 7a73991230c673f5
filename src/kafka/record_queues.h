#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "kafka/handles.h"
#include "task/record_source.h"

namespace khs::kafka {

// A producer's batch comes whole, up to a megabyte of one partition; what other partitions brought
// must not stand behind it.
constexpr size_t kRecordQueues = 8;
// That librdkafka may read ahead, of one queue.
constexpr size_t kReadAheadRecords = 5000;

// Before 2.2 librdkafka's broker thread sleeps for a second once enough was read ahead, whatever
// becomes of that meanwhile, unless a request or an answer wakes it (librdkafka issue 2879).
bool FetchNeedsNudge();

// Where a consumer's partitions put their records, dealt out among queues that are read in turn.
// The task's poll thread alone; goes before the client and its queue of events.
class RecordQueues {
 public:
  // What comes into an empty queue wakes whoever polls `events`.
  RecordQueues(rd_kafka_t* client, rd_kafka_queue_t* events, size_t prefetch_bytes);
  ~RecordQueues();
  RecordQueues(const RecordQueues&) = delete;
  RecordQueues& operator=(const RecordQueues&) = delete;

  // From the assignment on.
  void Forward(const rd_kafka_topic_partition_list_t* assigned);
  // Throws away what the queues of these partitions, which are about to be assigned, still have
  // from before. What a partition that was deleted has in its queue refers to the partition, which
  // keeps the queue: before librdkafka 2.6.1 (its issue 4724) such a client never ends.
  void Empty(const task::Partitions& unassigned);

  struct Error {
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    std::string text;
    base::TopicPartition partition;
  };
  struct Taken {
    task::Records records;
    std::vector<Error> errors;
  };
  // A batch of one queue, of about so many bytes at most. Does not wait.
  Taken Take(size_t wanted_bytes);

  // So much was taken that librdkafka may have stopped fetching.
  bool wants_nudge() const;
  // Asks for something small of the brokers that lead these partitions, which makes their threads
  // look whether there is room to fetch again. Waits for 50 ms at most.
  void Nudge(const task::Partitions& assigned);

 private:
  // Records that are copied out of librdkafka at once.
  static constexpr size_t kBatch = 128;

  static void Empty(rd_kafka_queue_t* partition);
  ssize_t TakeInTurn(std::array<rd_kafka_message_t*, kBatch>& messages, size_t most);

  rd_kafka_t* const client_;
  const size_t share_;  // of the prefetch, of one queue
  std::array<QueueHandle, kRecordQueues> queues_;
  std::map<base::TopicPartition, QueueHandle> partitions_;  // the own ones of all that ever were
  size_t next_forward_ = 0;                                 // the queue of the next partition
  size_t next_queue_ = 0;                                   // whose turn it is
  size_t record_bytes_ = 1 << 20;                           // of one, about
  size_t popped_ = 0;                                       // since the last nudge
  size_t popped_bytes_ = 0;
  std::chrono::steady_clock::time_point next_nudge_{};
};

}  // namespace khs::kafka
