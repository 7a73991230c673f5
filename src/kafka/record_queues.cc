#include "kafka/record_queues.h"

#include <algorithm>

#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

constexpr std::chrono::milliseconds kNudgeTimeout{50};
constexpr std::chrono::milliseconds kNudgePause{1000};  // after one that failed

// Of a message that is one.
RecordQueues::Error ErrorOf(const rd_kafka_message_t* message) {
  const char* text = rd_kafka_message_errstr(message);
  return {message->err,
          text != nullptr ? text : "",
          {rd_kafka_topic_name(message->rkt), message->partition}};
}

}  // namespace

bool FetchNeedsNudge() { return rd_kafka_version() < 0x02020000; }

RecordQueues::RecordQueues(rd_kafka_t* client, rd_kafka_queue_t* events, size_t prefetch_bytes)
    : client_(client), share_(prefetch_bytes / kRecordQueues) {
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
  for (const auto& [partition, queue] : partitions_) Empty(queue.get());
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

void RecordQueues::Empty(const task::Partitions& unassigned) {
  for (const base::TopicPartition& partition : unassigned) {
    const auto found = partitions_.find(partition);
    if (found != partitions_.end()) Empty(found->second.get());
  }
}

void RecordQueues::Empty(rd_kafka_queue_t* partition) {
  rd_kafka_queue_forward(partition, nullptr);
  while (EventHandle(rd_kafka_queue_poll(partition, 0))) {
  }
}

// From the next queue that has any.
ssize_t RecordQueues::TakeInTurn(std::array<rd_kafka_message_t*, kBatch>& messages, size_t most) {
  for (size_t i = 0; i < kRecordQueues; ++i) {
    rd_kafka_queue_t* queue = queues_[next_queue_++ % kRecordQueues].get();
    if (rd_kafka_queue_length(queue) == 0) continue;
    const ssize_t count = rd_kafka_consume_batch_queue(queue, 0, messages.data(), most);
    if (count > 0) return count;
  }
  return 0;
}

// A batch is not asked for by its bytes; the next one is taken to be like the last.
RecordQueues::Taken RecordQueues::Take(size_t wanted_bytes) {
  std::array<rd_kafka_message_t*, kBatch> messages;
  const size_t most =
      std::clamp<size_t>(std::min(share_ / 4, wanted_bytes) / record_bytes_, 1, kBatch);
  const ssize_t count = TakeInTurn(messages, most);
  Taken taken;
  if (count <= 0) return taken;
  size_t held = 0;
  taken.records.reserve(static_cast<size_t>(count));
  popped_ += static_cast<size_t>(count);
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const MessageHandle message(messages[i]);
    popped_bytes_ += message->len + message->key_len;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      taken.records.push_back(CopyRecord(message.get()));
      held += taken.records.back().Bytes();
    } else {
      taken.errors.push_back(ErrorOf(message.get()));
    }
  }
  record_bytes_ = held / static_cast<size_t>(count) + 1;
  return taken;
}

bool RecordQueues::wants_nudge() const {
  return popped_bytes_ >= share_ / 2 || popped_ >= kReadAheadRecords / 2;
}

void RecordQueues::Nudge(const task::Partitions& assigned) {
  popped_ = 0;
  popped_bytes_ = 0;
  if (!FetchNeedsNudge() || assigned.empty()) return;
  // What it answers is of no interest; a broker that does not is not waited for each time.
  const auto now = std::chrono::steady_clock::now();
  if (now < next_nudge_) return;
  const PartitionListHandle list = ToList(assigned);
  for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
  const auto code =
      rd_kafka_offsets_for_times(client_, list.get(), static_cast<int>(kNudgeTimeout.count()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) next_nudge_ = now + kNudgePause;
}

}  // namespace khs::kafka
