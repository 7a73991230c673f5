#include "kafka/dead_letter_producer.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/threads.h"
#include "kafka/client_log.h"
#include "kafka/configuration.h"

namespace khs::kafka {
namespace {

using HeadersHandle = std::unique_ptr<rd_kafka_headers_t, Deleter<rd_kafka_headers_destroy>>;

// What makes "acknowledged" a promise, and therefore nobody's to change.
Properties Managed() {
  return {{"enable.idempotence", "true"}, {"acks", "all"}, {"partitioner", "murmur2_random"}};
}

// A dead letter that finds no broker for so long is told as failed, and tried again by the task.
// How large a record may be is the topic's to say, and a topic that is missing may come.
Properties Defaults() {
  return {{"message.timeout.ms", "10000"},
          {"linger.ms", "5"},
          {"message.max.bytes", "1000000000"},
          {"topic.metadata.refresh.interval.ms", "10000"},
          {"socket.keepalive.enable", "true"}};
}

void Add(rd_kafka_headers_t* headers, const std::string& name, const std::string* value) {
  const auto code = rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()),
                                        value != nullptr ? value->data() : nullptr,
                                        value != nullptr ? static_cast<ssize_t>(value->size()) : 0);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error(rd_kafka_err2str(code));
}

void AddContext(rd_kafka_headers_t* headers, const DeadLetterSettings& settings,
                const delivery::Record& record, const task::DeadLetterCause& cause) {
  const auto add = [headers](const char* name, const std::string& value) {
    Add(headers, std::string("__connect.errors.") + name, &value);
  };
  add("topic", record.topic_partition.topic);
  add("partition", std::to_string(record.topic_partition.partition));
  add("offset", std::to_string(record.offset));
  add("connector.name", settings.connector);
  add("task.id", std::to_string(settings.task));
  add("stage", "TASK_PUT");
  add("class.name", "HttpSink");
  add("exception.class.name", cause.reason == delivery::DropReason::kRetriesExhausted
                                  ? "RetriesExhausted"
                                  : "ResponseError");
  add("exception.message", cause.answer + " after " + std::to_string(cause.attempts) +
                               (cause.attempts == 1 ? " attempt" : " attempts"));
  if (cause.http_status) add("http.status", std::to_string(*cause.http_status));
  add("attempts", std::to_string(cause.attempts));
}

}  // namespace

// A producer and the thread that takes its delivery reports.
class DeadLetterProducer::Client {
 public:
  Client(ClientOwner owner, const Properties& properties);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // librdkafka will not take anything any more.
  bool broken() const { return broken_; }
  // What went wrong at once; nothing when `done` will be called.
  std::optional<std::string> Produce(const std::string& topic, const delivery::Record& record,
                                     HeadersHandle headers, const Done& done);
  void Abandon();

 private:
  void Poll(const std::stop_token& stop);
  void Report(rd_kafka_event_t* event);

  const ClientVoice voice_;  // the client's opaque
  ClientHandle handle_;
  QueueHandle queue_;
  std::atomic<bool> broken_{false};
  std::mutex mutex_;  // guards outstanding_
  std::condition_variable reported_;
  int outstanding_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

DeadLetterProducer::Client::Client(ClientOwner owner, const Properties& properties)
    : voice_(std::move(owner), properties) {
  ConfHandle conf = MakeConfiguration(properties);
  LogToOurs(conf.get(), &voice_);
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  handle_.reset(NewClient(RD_KAFKA_PRODUCER, std::move(conf), voice_.redactor));
  queue_.reset(rd_kafka_queue_get_main(handle_.get()));
  thread_ = std::jthread([this](const std::stop_token& stop) { Poll(stop); });
}

DeadLetterProducer::Client::~Client() {
  Abandon();
  thread_.request_stop();
  rd_kafka_queue_yield(queue_.get());
  thread_.join();
}

std::optional<std::string> DeadLetterProducer::Client::Produce(const std::string& topic,
                                                               const delivery::Record& record,
                                                               HeadersHandle headers,
                                                               const Done& done) {
  const auto bytes = [](const std::optional<std::string>& text) -> void* {
    return text ? const_cast<char*>(text->data()) : nullptr;
  };
  const auto size = [](const std::optional<std::string>& text) { return text ? text->size() : 0; };
  const int64_t timestamp = record.timestamp ? record.timestamp->count() : 0;  // 0: now
  auto pending = std::make_unique<Done>(done);
  {
    const std::lock_guard lock(mutex_);
    ++outstanding_;
  }
  // Neither copied nor freed: the record stays until the report. The key is always copied.
  const auto code = rd_kafka_producev(
      handle_.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
      RD_KAFKA_V_KEY(bytes(record.key), size(record.key)),
      RD_KAFKA_V_VALUE(bytes(record.value), size(record.value)), RD_KAFKA_V_TIMESTAMP(timestamp),
      RD_KAFKA_V_HEADERS(headers.get()), RD_KAFKA_V_OPAQUE(pending.get()), RD_KAFKA_V_END);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
    (void)headers.release();
    (void)pending.release();
    return std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  --outstanding_;
  reported_.notify_all();
  return rd_kafka_err2str(code);
}

void DeadLetterProducer::Client::Abandon() {
  const auto code =
      rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Log().Error("cannot purge dead letters", {{"connector", voice_.owner.connector},
                                              {"task", voice_.owner.task},
                                              {"error", rd_kafka_err2str(code)}});
  }
  std::unique_lock lock(mutex_);
  reported_.wait(lock, [this] { return outstanding_ == 0; });
}

void DeadLetterProducer::Client::Poll(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const EventHandle event(rd_kafka_queue_poll(queue_.get(), 1000));
    if (!event) continue;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) {
      Report(event.get());
    } else if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR__FATAL) broken_ = true;
      Log().Warn("producer of dead letters reports an error",
                 {{"connector", voice_.owner.connector},
                  {"task", voice_.owner.task},
                  {"code", rd_kafka_err2name(rd_kafka_event_error(event.get()))},
                  {"error", voice_.redactor.Redact(rd_kafka_event_error_string(event.get()))}});
    }
  }
}

void DeadLetterProducer::Client::Report(rd_kafka_event_t* event) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    const std::unique_ptr<Done> done(static_cast<Done*>(message->_private));
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      (*done)(std::nullopt);
    } else {
      (*done)(rd_kafka_err2str(message->err));
    }
    const std::lock_guard lock(mutex_);
    --outstanding_;
    reported_.notify_all();
  }
}

class DeadLetterProducer::Impl {
 public:
  Impl(DeadLetterSettings settings, Properties properties)
      : settings_(std::move(settings)), properties_(Managed()) {
    properties_.merge(properties);
    properties_.merge(Defaults());
  }

  std::optional<std::string> Produce(const delivery::Record& record,
                                     const task::DeadLetterCause& cause, const Done& done) {
    try {
      HeadersHandle headers(rd_kafka_headers_new(record.headers.size() + 11));
      for (const delivery::RecordHeader& header : record.headers) {
        Add(headers.get(), header.name, header.value ? &*header.value : nullptr);
      }
      if (settings_.context_headers) AddContext(headers.get(), settings_, record, cause);
      const std::lock_guard lock(mutex_);
      if (client_ && client_->broken()) client_.reset();
      if (!client_) {
        client_ =
            std::make_unique<Client>(ClientOwner{settings_.connector, settings_.task}, properties_);
      }
      return client_->Produce(settings_.topic, record, std::move(headers), done);
    } catch (const std::exception& error) {
      return base::Describe(error);
    }
  }

  void Abandon() {
    const std::lock_guard lock(mutex_);
    if (client_) client_->Abandon();
  }

 private:
  const DeadLetterSettings settings_;
  Properties properties_;
  std::mutex mutex_;  // guards what follows; what `done` calls must not come back here
  std::unique_ptr<Client> client_;
};

DeadLetterProducer::DeadLetterProducer(DeadLetterSettings settings, Properties properties)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(properties))) {}
DeadLetterProducer::~DeadLetterProducer() = default;

void DeadLetterProducer::Produce(const delivery::Record& record, const task::DeadLetterCause& cause,
                                 Done done) {
  if (auto error = impl_->Produce(record, cause, done)) done(std::move(error));
}

void DeadLetterProducer::Abandon() { impl_->Abandon(); }

}  // namespace khs::kafka
