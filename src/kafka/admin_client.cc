#include "kafka/admin_client.h"

#include <algorithm>
#include <array>

#include "kafka/configuration.h"
#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;

// librdkafka reports by itself that a request has timed out. It is given this much longer to do so.
constexpr milliseconds kTimeoutSlack{500};
constexpr milliseconds kMaxTimeout{3'600'000};  // librdkafka accepts no longer one
constexpr int kMaxParts = 10;

bool IsCoordinatorChanging(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
      return true;
    default:
      return false;
  }
}

// The code of the first partition with an error, and the messages of all of them.
std::optional<AdminFailure> FailureIn(const rd_kafka_topic_partition_list_t* list) {
  std::optional<AdminFailure> failure;
  PartList parts;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    if (element.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    if (!failure) failure = AdminFailure{element.err, {}};
    parts.Add(std::string(element.topic) + '[' + std::to_string(element.partition) +
              "]: " + rd_kafka_err2str(element.err));
  }
  if (failure) failure->text = parts.text();
  return failure;
}

std::optional<AdminFailure> FailureIn(const rd_kafka_group_result_t* group) {
  if (const rd_kafka_error_t* error = rd_kafka_group_result_error(group)) {
    return AdminFailure{rd_kafka_error_code(error), rd_kafka_error_string(error)};
  }
  return FailureIn(rd_kafka_group_result_partitions(group));
}

// Sets the answer's group from its event, or returns the error.
std::optional<AdminFailure> ReadAnswer(AdminClient::Answer& answer,
                                       AdminClient::GroupsOf groups_of) {
  if (!answer.event) return AdminFailure{RD_KAFKA_RESP_ERR__TIMED_OUT, {}};
  const rd_kafka_resp_err_t code = rd_kafka_event_error(answer.event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* text = rd_kafka_event_error_string(answer.event.get());
    return AdminFailure{code, text != nullptr ? text : rd_kafka_err2str(code)};
  }
  size_t count = 0;
  const rd_kafka_group_result_t** groups = groups_of(answer.event.get(), &count);
  if (groups == nullptr || count != 1) {
    return AdminFailure{RD_KAFKA_RESP_ERR__BAD_MSG, "the answer is not about the group"};
  }
  answer.group = groups[0];
  return FailureIn(answer.group);
}

}  // namespace

milliseconds TimeLeft(Deadline deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::clamp(left, milliseconds(1), kMaxTimeout);
}

void PartList::Add(const std::string& part) {
  if (++count_ > kMaxParts) return;
  text_ += (count_ > 1 ? "; " : "") + part;
}

std::string PartList::text() const {
  if (count_ <= kMaxParts) return text_;
  return text_ + "; and " + std::to_string(count_ - kMaxParts) + " more";
}

AdminClient::AdminClient(const ClientLogContext& log_context, Properties properties)
    : client_(NewGrouplessClient(log_context, std::move(properties))) {}

std::string AdminClient::WhyNoAnswer() const {
  std::string text = "no broker answered in time";
  const QueueHandle queue(rd_kafka_queue_get_main(handle()));
  while (const EventHandle event{rd_kafka_queue_poll(queue.get(), 0)}) {
    const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
      continue;
    }
    OnClientError(handle(), code);
    const char* message = rd_kafka_event_error_string(event.get());
    text = std::string("no broker answered in time: ") +
           (message != nullptr ? message : rd_kafka_err2str(code));
  }
  return text;
}

AdminClient::OptionsHandle AdminClient::MakeOptions(rd_kafka_admin_op_t operation,
                                                    milliseconds timeout,
                                                    AdminFailure& refused) const {
  OptionsHandle options(rd_kafka_AdminOptions_new(handle(), operation));
  std::array<char, 512> text{};
  refused.code = rd_kafka_AdminOptions_set_request_timeout(
      options.get(), static_cast<int>(timeout.count()), text.data(), text.size());
  refused.text = text.data();
  return options;
}

base::Expected<AdminClient::Answer, AdminFailure> AdminClient::AwaitAnswer(
    rd_kafka_queue_t* queue, milliseconds timeout, GroupsOf groups_of) const {
  Answer answer;
  answer.event.reset(
      rd_kafka_queue_poll(queue, static_cast<int>((timeout + kTimeoutSlack).count())));
  auto failure = ReadAnswer(answer, groups_of);
  if (!failure) return answer;
  if (failure->code == RD_KAFKA_RESP_ERR__TIMED_OUT) failure->text = WhyNoAnswer();
  return Fail(std::move(*failure));
}

AdminError::Kind KindOf(rd_kafka_resp_err_t code) {
  constexpr int kStaleMemberEpoch = 113;  // librdkafka 2.0 has no name for it
  switch (static_cast<int>(code)) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return AdminError::Kind::kNoPartition;
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP:
    case RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC:
    case kStaleMemberEpoch:
      return AdminError::Kind::kStillActive;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
      return AdminError::Kind::kUnavailable;
    default:
      return IsCoordinatorChanging(code) || Classify(code) != task::ErrorClass::kTransient
                 ? AdminError::Kind::kUnavailable
                 : AdminError::Kind::kFailed;
  }
}

bool ShouldRetry(rd_kafka_resp_err_t code, Deadline deadline) {
  return IsCoordinatorChanging(code) && std::chrono::steady_clock::now() + kRetryPause < deadline;
}

}  // namespace khs::kafka
