#pragma once

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include "base/result.h"
#include "kafka/admin_error.h"
#include "kafka/client_log.h"
#include "kafka/handles.h"
#include "kafka/properties.h"

// librdkafka's admin requests. Private to the room.

namespace khs::kafka {

using Deadline = std::chrono::steady_clock::time_point;

// The time until the deadline, as librdkafka accepts it: at least 1 ms.
std::chrono::milliseconds TimeLeft(Deadline deadline);

// An error of librdkafka; the text is not redacted.
struct AdminFailure {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string text;
};

// The list of the parts of an error message, joined with "; ". After ten parts it only counts.
// Lives for one call.
class PartList {
 public:
  void Add(const std::string& part);
  bool empty() const { return count_ == 0; }
  std::string text() const;

 private:
  int count_ = 0;
  std::string text_;
};

// A client for the requests of one call, which is a member of no group. Used and owned by the
// calling thread.
class AdminClient {
 public:
  using OptionsHandle =
      std::unique_ptr<rd_kafka_AdminOptions_t, Deleter<rd_kafka_AdminOptions_destroy>>;
  // Gets the results by group out of an event; librdkafka has such a function for each operation.
  using GroupsOf = const rd_kafka_group_result_t** (*)(const rd_kafka_event_t*, size_t*);
  // The result for one group. It lives as long as the event.
  struct Answer {
    EventHandle event;
    const rd_kafka_group_result_t* group = nullptr;
  };

  // Throws std::runtime_error with librdkafka's message. The context outlives it.
  AdminClient(const ClientLogContext& log_context, Properties properties);

  rd_kafka_t* handle() const { return client_.get(); }

  // Sends a request about one group and waits for its answer. `send` is given the options and the
  // queue for the answer.
  template <class Send>
  base::Expected<Answer, AdminFailure> Ask(rd_kafka_admin_op_t operation, GroupsOf groups_of,
                                           Deadline deadline, Send&& send) const {
    AdminFailure refused;
    const std::chrono::milliseconds timeout = TimeLeft(deadline);
    const OptionsHandle options = MakeOptions(operation, timeout, refused);
    if (refused.code != RD_KAFKA_RESP_ERR_NO_ERROR) return Fail(std::move(refused));
    const QueueHandle queue(rd_kafka_queue_new(handle()));
    send(options.get(), queue.get());
    return AwaitAnswer(queue.get(), timeout, groups_of);
  }

  // Says why no broker answered, from the errors that the client has reported: a refused
  // connection, wrong credentials.
  std::string WhyNoAnswer() const;

  static base::Unexpected<AdminFailure> Fail(AdminFailure failure) {
    return base::Unexpected<AdminFailure>(std::move(failure));
  }

 private:
  OptionsHandle MakeOptions(rd_kafka_admin_op_t operation, std::chrono::milliseconds timeout,
                            AdminFailure& refused) const;
  base::Expected<Answer, AdminFailure> AwaitAnswer(rd_kafka_queue_t* queue,
                                                   std::chrono::milliseconds timeout,
                                                   GroupsOf groups_of) const;

  const ClientHandle client_;
};

AdminError::Kind KindOf(rd_kafka_resp_err_t code);
// Whether another attempt may succeed before the deadline, because the group's coordinator is not
// known or not ready.
bool ShouldRetry(rd_kafka_resp_err_t code, Deadline deadline);
// The pause before that attempt.
inline constexpr std::chrono::milliseconds kRetryPause{100};

// Runs `call` with a client, and again with a new client while the group's coordinator changes,
// since a client may keep the old one for long. Throws nothing.
template <class T, class Call>
base::Expected<T, AdminError> CallWithClient(const ClientLogContext& log_context,
                                             const Properties& properties,
                                             std::chrono::milliseconds timeout, Call&& call) {
  const auto fail = [&log_context](AdminError::Kind kind, std::string_view text) {
    return base::Unexpected<AdminError>(AdminError{kind, log_context.redactor.Redact(text)});
  };
  try {
    const Deadline deadline = std::chrono::steady_clock::now() +
                              std::min<std::chrono::milliseconds>(timeout, std::chrono::hours(1));
    while (true) {
      base::Expected<T, AdminFailure> result = call(AdminClient(log_context, properties), deadline);
      if constexpr (std::is_void_v<T>) {
        if (result) return {};
      } else {
        if (result) return std::move(*result);
      }
      const AdminFailure& failure = result.error();
      if (!ShouldRetry(failure.code, deadline)) return fail(KindOf(failure.code), failure.text);
      std::this_thread::sleep_for(kRetryPause);
    }
  } catch (const std::exception& error) {
    return fail(AdminError::Kind::kFailed, error.what());
  }
}

}  // namespace khs::kafka
