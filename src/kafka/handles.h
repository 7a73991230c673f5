#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>

namespace khs::kafka {

// Owning pointers to librdkafka's C handles. Private to the room.
template <auto Destroy>
struct Deleter {
  template <class T>
  void operator()(T* handle) const noexcept {
    Destroy(handle);
  }
};

// Ends the supply of a client's tokens, and destroys it.
void DestroyClient(rd_kafka_t* client) noexcept;

using ClientHandle = std::unique_ptr<rd_kafka_t, Deleter<DestroyClient>>;
using ConfHandle = std::unique_ptr<rd_kafka_conf_t, Deleter<rd_kafka_conf_destroy>>;
using QueueHandle = std::unique_ptr<rd_kafka_queue_t, Deleter<rd_kafka_queue_destroy>>;
using EventHandle = std::unique_ptr<rd_kafka_event_t, Deleter<rd_kafka_event_destroy>>;
using MessageHandle = std::unique_ptr<rd_kafka_message_t, Deleter<rd_kafka_message_destroy>>;
using ErrorHandle = std::unique_ptr<rd_kafka_error_t, Deleter<rd_kafka_error_destroy>>;
using PartitionListHandle = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                            Deleter<rd_kafka_topic_partition_list_destroy>>;

}  // namespace khs::kafka
