#include "kafka/dead_letter_producer.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "base/threads.h"
#include "kafka/client_backoff.h"
#include "kafka/client_log.h"
#include "kafka/configuration.h"
#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using HeadersHandle = std::unique_ptr<rd_kafka_headers_t, Deleter<rd_kafka_headers_destroy>>;

// What makes "acknowledged" a promise, and therefore nobody's to change. One record a batch,
// because the broker accepts or refuses a batch as a whole: so a refusal is always that of its
// record, and the sizes of others do not count.
Properties Managed() {
  return {{"enable.idempotence", "true"},
          {"acks", "all"},
          {"batch.num.messages", "1"},
          {"partitioner", "murmur2_random"}};
}

// A dead letter that finds no broker for so long is told as failed, and tried again by the task.
// How large a record may be is the topic's to say, and a topic that is missing may come.
Properties Defaults() {
  return {{"message.timeout.ms", "10000"},
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

// The broker's own words where librdkafka keeps them.
const char* ReasonOf(const rd_kafka_message_t* message) {
#if RD_KAFKA_VERSION >= 0x020400ff
  const char* const text = rd_kafka_message_produce_errstr(message);
  if (text != nullptr && *text != '\0') return text;
#endif
  return rd_kafka_err2str(message->err);
}

task::DeadLetterFailure FailureOf(rd_kafka_resp_err_t code, const std::string& topic,
                                  const std::string& reason) {
  return {"dead letter topic " + topic + ": " + reason, RefusesRecord(code)};
}

task::DeadLetterFailure ProducerFailed(const std::string& error) {
  return {"the producer failed: " + error, false};
}

}  // namespace

// A producer and the thread that takes its delivery reports.
class DeadLetterProducer::Client {
 public:
  Client(ClientOwner owner, const Properties& properties);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Why librdkafka will not accept anything any more, and since when; nothing while it does.
  struct Fatal {
    std::string error;
    base::MonotonicTime at;
  };
  std::optional<Fatal> fatal();
  // Some dead letter was acknowledged.
  bool has_worked() const { return has_worked_; }
  // What librdkafka refused at once; none when `done` will be called.
  rd_kafka_resp_err_t Produce(const std::string& topic, const delivery::Record& record,
                              HeadersHandle headers, const Done& done);
  void Abandon();

 private:
  void Poll(const std::stop_token& stop);
  void Report(rd_kafka_event_t* event);
  void LookForFatalError();

  const ClientVoice voice_;  // the client's opaque
  ClientHandle handle_;
  QueueHandle queue_;
  std::atomic<bool> has_worked_{false};
  std::mutex mutex_;  // guards outstanding_ and fatal_
  std::condition_variable reported_;
  int outstanding_ = 0;
  std::optional<Fatal> fatal_;
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

// A fatal error comes as an event that carries its cause, and as another code with every record
// afterwards: so librdkafka is asked after every error.
void DeadLetterProducer::Client::LookForFatalError() {
  std::array<char, 512> text{};
  const auto code = rd_kafka_fatal_error(handle_.get(), text.data(), text.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const std::lock_guard lock(mutex_);
  if (fatal_) return;
  fatal_ = Fatal{std::string(rd_kafka_err2name(code)) + ": " + voice_.redactor.Redact(text.data()),
                 std::chrono::steady_clock::now()};
  // What is under way would wait for its timeout.
  (void)rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

std::optional<DeadLetterProducer::Client::Fatal> DeadLetterProducer::Client::fatal() {
  const std::lock_guard lock(mutex_);
  return fatal_;
}

rd_kafka_resp_err_t DeadLetterProducer::Client::Produce(const std::string& topic,
                                                        const delivery::Record& record,
                                                        HeadersHandle headers, const Done& done) {
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
    return code;
  }
  LookForFatalError();
  const std::lock_guard lock(mutex_);
  --outstanding_;
  reported_.notify_all();
  return code;
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
      LookForFatalError();
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
      has_worked_ = true;
      (*done)(std::nullopt);
    } else {
      LookForFatalError();
      const auto broken = fatal();
      (*done)(broken
                  ? task::DeadLetterFailure{"the producer failed: " + broken->error}
                  : FailureOf(message->err, rd_kafka_topic_name(message->rkt), ReasonOf(message)));
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

  std::optional<task::DeadLetterFailure> Produce(const delivery::Record& record,
                                                 const task::DeadLetterCause& cause,
                                                 const Done& done) {
    try {
      HeadersHandle headers(rd_kafka_headers_new(record.headers.size() + 11));
      for (const delivery::RecordHeader& header : record.headers) {
        Add(headers.get(), header.name, header.value ? &*header.value : nullptr);
      }
      if (settings_.context_headers) AddContext(headers.get(), settings_, record, cause);
      const std::lock_guard lock(mutex_);
      RetireFailedClient();
      if (!client_) MakeClient();
      if (!client_) return ProducerFailed(failure_);
      const auto code = client_->Produce(settings_.topic, record, std::move(headers), done);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
      RetireFailedClient();
      if (!client_) return ProducerFailed(failure_);
      return FailureOf(code, settings_.topic, rd_kafka_err2str(code));
    } catch (const std::exception& error) {
      return task::DeadLetterFailure{base::Describe(error)};
    }
  }

  void Abandon() {
    const std::lock_guard lock(mutex_);
    if (client_) client_->Abandon();
  }

 private:
  // With the lock held: ends a client that has met a fatal error, as it will not recover.
  void RetireFailedClient() {
    const auto fatal = client_ ? client_->fatal() : std::nullopt;
    if (!fatal) return;
    if (client_->has_worked()) backoff_.Worked();
    NoteFailure(fatal->error, fatal->at);
    client_.reset();
  }

  void NoteFailure(std::string error, base::MonotonicTime now) {
    failure_ = std::move(error);
    Log().Error("dead letter producer failed, recreating",
                {{"connector", settings_.connector},
                 {"task", settings_.task},
                 {"topic", settings_.topic},
                 {"error", failure_},
                 {"retry_in_ms", backoff_.delay().count()}});
    backoff_.Failed(now);
  }

  // With the lock held: unless it is too early after the last one failed, or this one can't be
  // made.
  void MakeClient() {
    const base::MonotonicTime now = std::chrono::steady_clock::now();
    if (now < backoff_.due()) return;
    try {
      client_ =
          std::make_unique<Client>(ClientOwner{settings_.connector, settings_.task}, properties_);
    } catch (const std::exception& error) {
      NoteFailure(error.what(), now);
    }
  }

  const DeadLetterSettings settings_;
  Properties properties_;
  std::mutex mutex_;  // guards what follows; what `done` calls must not come back here
  std::unique_ptr<Client> client_;
  ClientBackoff backoff_;
  std::string failure_;  // of the last client
};

DeadLetterProducer::DeadLetterProducer(DeadLetterSettings settings, Properties properties)
    : impl_(std::make_unique<Impl>(std::move(settings), std::move(properties))) {}
DeadLetterProducer::~DeadLetterProducer() = default;

void DeadLetterProducer::Produce(const delivery::Record& record, const task::DeadLetterCause& cause,
                                 Done done) {
  if (auto failure = impl_->Produce(record, cause, done)) done(std::move(failure));
}

void DeadLetterProducer::Abandon() { impl_->Abandon(); }

}  // namespace khs::kafka
