#include "kafka/record_queues.h"

#include <algorithm>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

RecordQueues::Error ErrorOf(const rd_kafka_message_t* message) {
  const char* text = rd_kafka_message_errstr(message);
  return {message->err,
          text != nullptr ? text : "",
          {rd_kafka_topic_name(message->rkt), message->partition}};
}

}  // namespace

RecordQueues::RecordQueues(rd_kafka_t* client, rd_kafka_queue_t* events, size_t prefetch_bytes)
    : client_(client), queue_bytes_(prefetch_bytes / kRecordQueues) {
  for (QueueHandle& queue : queues_) {
    queue.reset(rd_kafka_queue_new(client));
    rd_kafka_queue_cb_event_enable(
        queue.get(),
        [](rd_kafka_t*, void* woken) noexcept {
          rd_kafka_queue_yield(static_cast<rd_kafka_queue_t*>(woken));
        },
        events);
  }
}

RecordQueues::~RecordQueues() {
  for (const auto& [partition, queue] : partitions_) Discard(queue.get());
  for (const QueueHandle& queue : queues_) {
    rd_kafka_queue_cb_event_enable(queue.get(), nullptr, nullptr);
  }
}

void RecordQueues::Forward(const rd_kafka_topic_partition_list_t* assigned) {
  for (int i = 0; i < assigned->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = assigned->elems[i];
    QueueHandle& partition = partitions_[{element.topic, element.partition}];
    partition.reset(rd_kafka_queue_get_partition(client_, element.topic, element.partition));
    rd_kafka_queue_forward(partition.get(), queues_[next_forward_++ % kRecordQueues].get());
  }
}

void RecordQueues::Discard(const task::Partitions& unassigned) {
  for (const base::TopicPartition& partition : unassigned) {
    const auto found = partitions_.find(partition);
    if (found != partitions_.end()) Discard(found->second.get());
  }
}

void RecordQueues::Discard(rd_kafka_queue_t* partition) {
  rd_kafka_queue_forward(partition, nullptr);
  while (EventHandle(rd_kafka_queue_poll(partition, 0))) {
  }
}

ssize_t RecordQueues::TakeFromNextQueue(std::array<rd_kafka_message_t*, kBatch>& messages,
                                        size_t most) {
  for (size_t i = 0; i < kRecordQueues; ++i) {
    rd_kafka_queue_t* queue = queues_[next_queue_++ % kRecordQueues].get();
    if (rd_kafka_queue_length(queue) == 0) continue;
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 0, messages.data(), most);
    if (count > 0) return count;
  }
  return 0;
}

// librdkafka limits a batch by its number of records and not by bytes, so the size of the last
// batch's records is taken for the next.
RecordQueues::Taken RecordQueues::Take(size_t wanted_bytes) {
  std::array<rd_kafka_message_t*, kBatch> messages;
  const size_t most =
      std::clamp<size_t>(std::min(queue_bytes_ / 4, wanted_bytes) / record_bytes_, 1, kBatch);
  const ssize_t count = TakeFromNextQueue(messages, most);
  Taken taken;
  if (count <= 0) return taken;
  taken.messages = static_cast<size_t>(count);
  taken.records.reserve(taken.messages);
  size_t held = 0;
  for (size_t i = 0; i < taken.messages; ++i) {
    const MessageHandle message(messages[i]);
    taken.bytes += message->len + message->key_len;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      taken.records.push_back(CopyRecord(message.get()));
      held += taken.records.back().Bytes();
    } else {
      taken.errors.push_back(ErrorOf(message.get()));
    }
  }
  record_bytes_ = held / taken.messages + 1;
  return taken;
}

}  // namespace khs::kafka
