#include "kafka/producer.h"

#include <atomic>
#include <stdexcept>

#include "kafka/client_log.h"
#include "kafka/configuration.h"

namespace khs::kafka {

struct Producer::Client {
  explicit Client(const Properties& properties) {
    ConfHandle conf = MakeConfiguration(properties);
    SetLogCallback(conf.get());
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(
        conf.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* self) noexcept {
          if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<Client*>(self)->failed = true;
        });
    handle.reset(NewClient(RD_KAFKA_PRODUCER, std::move(conf), Redactor(properties)));
    StartTokens(handle.get(), properties);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::atomic<bool> failed{false};
  ClientHandle handle;  // last: it calls back until it is destroyed
};

Producer::Producer(const Properties& properties) : client_(std::make_unique<Client>(properties)) {}
Producer::~Producer() = default;

void Producer::Produce(const std::string& topic, int partition, std::optional<std::string_view> key,
                       std::optional<std::string_view> value) {
  const auto bytes = [](std::optional<std::string_view> text) -> void* {
    // A null pointer would make a tombstone of an empty value.
    return text ? const_cast<char*>(text->data() != nullptr ? text->data() : "") : nullptr;
  };
  const size_t key_size = key ? key->size() : 0;
  const size_t value_size = value ? value->size() : 0;
  while (true) {
    const auto code = rd_kafka_producev(
        client_->handle.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_KEY(bytes(key), key_size), RD_KAFKA_V_VALUE(bytes(value), value_size),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) throw std::runtime_error(rd_kafka_err2str(code));
    rd_kafka_poll(client_->handle.get(), 100);
  }
  rd_kafka_poll(client_->handle.get(), 0);
}

bool Producer::Flush(std::chrono::milliseconds timeout) {
  const auto code = rd_kafka_flush(client_->handle.get(), static_cast<int>(timeout.count()));
  return code == RD_KAFKA_RESP_ERR_NO_ERROR && !client_->failed.exchange(false);
}

}  // namespace khs::kafka
