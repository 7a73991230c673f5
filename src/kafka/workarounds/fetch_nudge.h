#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstddef>

#include "task/record_source.h"

// Workaround: once librdkafka has read ahead enough, its broker thread does not fetch for a second,
// even when the records are taken at once. A request or a response wakes the thread.
//
// https://github.com/confluentinc/librdkafka/issues/2879
// Before 2.2. Obsolete from 2.2 on, where fetch.queue.backoff.ms shortens that second
// (consumer_properties.cc).

namespace khs::kafka {

bool NeedsFetchNudge();

// Sends a small request to the leaders of the assigned partitions after so many records were taken
// that librdkafka may have stopped fetching. The poll thread alone; owned by Consumer::Client.
class FetchNudge {
 public:
  // `queue_bytes` is what librdkafka reads ahead into one queue. The client outlives it.
  FetchNudge(rd_kafka_t* client, size_t queue_bytes) : client_(client), queue_bytes_(queue_bytes) {}

  void OnTaken(size_t messages, size_t bytes);
  bool is_due() const;
  // Waits at most 50 ms for the answer.
  void Send(const task::Partitions& assigned);

 private:
  rd_kafka_t* const client_;
  const size_t queue_bytes_;
  size_t taken_ = 0;  // messages since the last nudge
  size_t taken_bytes_ = 0;
  std::chrono::steady_clock::time_point next_nudge_{};
};

}  // namespace khs::kafka
