#include "kafka/dead_letter_producer.h"

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
#include "kafka/workarounds/fatal_error.h"

namespace khs::kafka {
namespace {

using HeadersHandle = std::unique_ptr<rd_kafka_headers_t, Deleter<rd_kafka_headers_destroy>>;

// An acknowledged dead letter must not be lost, so nobody may override these. A batch has one
// record, because the broker accepts or rejects a whole batch: a rejection is then about its
// record.
Properties Managed() {
  return {{"enable.idempotence", "true"},
          {"acks", "all"},
          {"batch.num.messages", "1"},
          {"partitioner", "murmur2_random"}};
}

// After message.timeout.ms without a broker the task tries again. The topic limits the size of its
// records, so the client does not. A missing topic may be created later, so metadata is refreshed
// often.
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

const char* ExceptionName(delivery::DropReason reason) {
  switch (reason) {
    case delivery::DropReason::kRetriesExhausted:
      return "RetriesExhausted";
    case delivery::DropReason::kUnsendable:
      return "RecordFault";
    default:
      return "ResponseError";
  }
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
  add("exception.class.name", ExceptionName(cause.reason));
  const std::string after =
      " after " + std::to_string(cause.attempts) + (cause.attempts == 1 ? " attempt" : " attempts");
  add("exception.message", cause.attempts > 0 ? cause.answer + after : cause.answer);
  if (cause.http_status) add("http.status", std::to_string(*cause.http_status));
  add("attempts", std::to_string(cause.attempts));
}

// The broker's own message; librdkafka keeps it from 2.4 on.
const char* ErrorText(const rd_kafka_message_t* message) {
#if RD_KAFKA_VERSION >= 0x020400ff
  const char* const text = rd_kafka_message_produce_errstr(message);
  if (text != nullptr && *text != '\0') return text;
#endif
  return rd_kafka_err2str(message->err);
}

task::DeadLetterFailure FailureOf(rd_kafka_resp_err_t code, const std::string& topic,
                                  const std::string& reason) {
  return {"dead letter topic " + topic + ": " + reason, RejectsRecord(code)};
}

task::DeadLetterFailure ProducerFailed(const std::string& error) {
  return {"the producer failed: " + error, false};
}

}  // namespace

// A librdkafka producer with the thread that takes its delivery reports.
class DeadLetterProducer::Client {
 public:
  Client(ClientOwner owner, const Properties& properties);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The error after which the client cannot be used any more.
  struct Fatal {
    std::string error;
    base::MonotonicTime at;
  };
  std::optional<Fatal> fatal();
  // Whether a dead letter was acknowledged.
  bool has_worked() const { return has_worked_; }
  // Returns librdkafka's error, or none when `done` will be called.
  rd_kafka_resp_err_t Produce(const std::string& topic, const delivery::Record& record,
                              HeadersHandle headers, const Done& done);
  void Abandon();

 private:
  void Poll(const std::stop_token& stop);
  void OnReports(rd_kafka_event_t* event);
  void CheckFatalError();

  const ClientLogContext log_context_;  // before handle_, which refers to it
  ClientHandle handle_;
  QueueHandle queue_;
  std::atomic<bool> has_worked_{false};
  std::mutex mutex_;  // guards outstanding_ and fatal_
  std::condition_variable reported_;
  int outstanding_ = 0;
  std::optional<Fatal> fatal_;
  std::jthread thread_;  // last, because it uses all of the above
};

DeadLetterProducer::Client::Client(ClientOwner owner, const Properties& properties)
    : log_context_(std::move(owner), properties) {
  ConfHandle conf = MakeConfiguration(properties);
  SetLogCallback(conf.get(), &log_context_);
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  handle_.reset(NewClient(RD_KAFKA_PRODUCER, std::move(conf), log_context_.redactor));
  StartTokens(handle_.get(), properties);
  queue_.reset(rd_kafka_queue_get_main(handle_.get()));
  thread_ = std::jthread([this](const std::stop_token& stop) { Poll(stop); });
}

DeadLetterProducer::Client::~Client() {
  Abandon();
  thread_.request_stop();
  rd_kafka_queue_yield(queue_.get());
  thread_.join();
}

void DeadLetterProducer::Client::CheckFatalError() {
  const auto error = FindFatalError(handle_.get());
  if (!error) return;
  const std::lock_guard lock(mutex_);
  if (fatal_) return;
  fatal_ = Fatal{error->code + ": " + log_context_.redactor.Redact(error->text),
                 std::chrono::steady_clock::now()};
  // Otherwise records in flight would wait for their timeout.
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
  // librdkafka does not copy the value, because the record lives until its report.
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
  CheckFatalError();
  const std::lock_guard lock(mutex_);
  --outstanding_;
  reported_.notify_all();
  return code;
}

void DeadLetterProducer::Client::Abandon() {
  const auto code =
      rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Log().Error("cannot abort dead letter writes", {{"connector", log_context_.owner.connector},
                                                    {"task", log_context_.owner.task},
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
      OnReports(event.get());
    } else if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      CheckFatalError();
      OnClientError(handle_.get(), rd_kafka_event_error(event.get()));
      Log().Warn(
          "dead letter producer error",
          {{"connector", log_context_.owner.connector},
           {"task", log_context_.owner.task},
           {"code", rd_kafka_err2name(rd_kafka_event_error(event.get()))},
           {"error", log_context_.redactor.Redact(rd_kafka_event_error_string(event.get()))}});
    }
  }
}

void DeadLetterProducer::Client::OnReports(rd_kafka_event_t* event) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    const std::unique_ptr<Done> done(static_cast<Done*>(message->_private));
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      has_worked_ = true;
      (*done)(std::nullopt);
    } else {
      CheckFatalError();
      const auto fatal_error = fatal();
      (*done)(fatal_error
                  ? task::DeadLetterFailure{"the producer failed: " + fatal_error->error}
                  : FailureOf(message->err, rd_kafka_topic_name(message->rkt), ErrorText(message)));
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
      RemoveFailedClient();
      if (!client_) CreateClient();
      if (!client_) return ProducerFailed(failure_);
      const auto code = client_->Produce(settings_.topic, record, std::move(headers), done);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
      RemoveFailedClient();
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
  // Destroys a client after a fatal error. The lock must be held.
  void RemoveFailedClient() {
    const auto fatal = client_ ? client_->fatal() : std::nullopt;
    if (!fatal) return;
    if (client_->has_worked()) backoff_.OnSuccess();
    OnFailure(fatal->error, fatal->at);
    client_.reset();
  }

  void OnFailure(std::string error, base::MonotonicTime now) {
    failure_ = std::move(error);
    Log().Error("dead letter producer failed, recreating",
                {{"connector", settings_.connector},
                 {"task", settings_.task},
                 {"topic", settings_.topic},
                 {"error", failure_},
                 {"retry_in_ms", backoff_.delay().count()}});
    backoff_.OnFailure(now);
  }

  // Creates a client, unless the last failure was too recent. The lock must be held.
  void CreateClient() {
    const base::MonotonicTime now = std::chrono::steady_clock::now();
    if (now < backoff_.due()) return;
    try {
      client_ =
          std::make_unique<Client>(ClientOwner{settings_.connector, settings_.task}, properties_);
    } catch (const std::exception& error) {
      OnFailure(error.what(), now);
    }
  }

  const DeadLetterSettings settings_;
  Properties properties_;
  std::mutex mutex_;  // guards what follows; `done` must not call this object
  std::unique_ptr<Client> client_;
  ClientBackoff backoff_;
  std::string failure_;  // the last client's error
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
