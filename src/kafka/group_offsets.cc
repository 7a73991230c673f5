#include "kafka/group_offsets.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <array>
#include <exception>
#include <map>
#include <stdexcept>
#include <thread>
#include <utility>

#include "kafka/configuration.h"
#include "kafka/conversions.h"
#include "kafka/handles.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;
using Deadline = std::chrono::steady_clock::time_point;

// Between two requests while the group moves from one broker to another.
constexpr milliseconds kMovingPause{100};
// librdkafka says itself that the time is over; whether it does is not waited for any longer.
constexpr milliseconds kSlack{500};
// Nothing wakes librdkafka's own wait.
constexpr milliseconds kStopLook{100};
constexpr milliseconds kLongestTimeout{3'600'000};  // librdkafka takes no longer one
// An error names this many partitions at most.
constexpr int kNamedPartitions = 10;

using OptionsHandle =
    std::unique_ptr<rd_kafka_AdminOptions_t, Deleter<rd_kafka_AdminOptions_destroy>>;
using ListRequest = std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t,
                                    Deleter<rd_kafka_ListConsumerGroupOffsets_destroy>>;
using AlterRequest = std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t,
                                     Deleter<rd_kafka_AlterConsumerGroupOffsets_destroy>>;
using DeleteRequest = std::unique_ptr<rd_kafka_DeleteConsumerGroupOffsets_t,
                                      Deleter<rd_kafka_DeleteConsumerGroupOffsets_destroy>>;
using DeleteGroupRequest =
    std::unique_ptr<rd_kafka_DeleteGroup_t, Deleter<rd_kafka_DeleteGroup_destroy>>;

// Every kind of result is an event to librdkafka, and this gets the groups out of it.
using GroupsOf = const rd_kafka_group_result_t** (*)(const rd_kafka_event_t*, size_t*);

struct Failure {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  std::string text;
};

milliseconds Left(Deadline deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
  return std::clamp(left, milliseconds(1), kLongestTimeout);
}

// The group's broker is not known yet or not ready, which passes.
bool Moving(rd_kafka_resp_err_t code) {
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
      return Moving(code) || Classify(code) != task::ErrorClass::kTransient
                 ? AdminError::Kind::kUnavailable
                 : AdminError::Kind::kFailed;
  }
}

// The first error of a partition, with all the partitions that have one.
std::optional<Failure> FailureIn(const rd_kafka_topic_partition_list_t* list) {
  std::optional<Failure> failure;
  int failed = 0;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    if (element.err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    if (!failure) failure = Failure{element.err, {}};
    if (++failed > kNamedPartitions) continue;
    if (failed > 1) failure->text += "; ";
    failure->text += std::string(element.topic) + '[' + std::to_string(element.partition) +
                     "]: " + rd_kafka_err2str(element.err);
  }
  if (failed > kNamedPartitions) {
    failure->text += "; and " + std::to_string(failed - kNamedPartitions) + " more";
  }
  return failure;
}

std::optional<Failure> FailureIn(const rd_kafka_group_result_t* group) {
  if (const rd_kafka_error_t* error = rd_kafka_group_result_error(group)) {
    return Failure{rd_kafka_error_code(error), rd_kafka_error_string(error)};
  }
  return FailureIn(rd_kafka_group_result_partitions(group));
}

// What was answered about the one group that was asked for; lives as long as the event.
struct Answer {
  EventHandle event;
  const rd_kafka_group_result_t* group = nullptr;
};

// For one call. It is a member of no group.
class AdminClient {
 public:
  // Throws std::runtime_error with librdkafka's words. The voice outlives it.
  AdminClient(const ClientVoice& voice, Properties properties)
      : client_(NewOutsider(voice, std::move(properties))) {}

  rd_kafka_t* handle() const { return client_.get(); }

  // `start` is given the options and the queue for a request about one group.
  template <class Start>
  base::Expected<Answer, Failure> Ask(rd_kafka_admin_op_t op, GroupsOf groups_of, Deadline deadline,
                                      Start&& start) const {
    const milliseconds left = Left(deadline);
    const OptionsHandle options(rd_kafka_AdminOptions_new(handle(), op));
    std::array<char, 512> words{};
    const rd_kafka_resp_err_t refused = rd_kafka_AdminOptions_set_request_timeout(
        options.get(), static_cast<int>(left.count()), words.data(), words.size());
    if (refused != RD_KAFKA_RESP_ERR_NO_ERROR) return Fail({refused, words.data()});

    const QueueHandle queue(rd_kafka_queue_new(handle()));
    start(options.get(), queue.get());
    Answer answer;
    answer.event.reset(rd_kafka_queue_poll(queue.get(), static_cast<int>((left + kSlack).count())));
    auto failure = Read(answer, groups_of);
    if (!failure) return answer;
    if (failure->code == RD_KAFKA_RESP_ERR__TIMED_OUT) failure->text = WhyNoAnswer();
    return Fail(std::move(*failure));
  }

  // What the client said of the brokers meanwhile: a refused connection, wrong credentials.
  std::string WhyNoAnswer() const {
    std::string text = "no broker answered in time";
    const QueueHandle queue(rd_kafka_queue_get_main(handle()));
    while (const EventHandle event{rd_kafka_queue_poll(queue.get(), 0)}) {
      const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        continue;
      }
      const char* words = rd_kafka_event_error_string(event.get());
      text = std::string("no broker answered in time: ") +
             (words != nullptr ? words : rd_kafka_err2str(code));
    }
    return text;
  }

  static tl::unexpected<Failure> Fail(Failure failure) {
    return tl::unexpected<Failure>(std::move(failure));
  }

 private:
  // Finds the group in the answer, or what is wrong with it.
  static std::optional<Failure> Read(Answer& answer, GroupsOf groups_of) {
    if (!answer.event) return Failure{RD_KAFKA_RESP_ERR__TIMED_OUT, {}};
    const rd_kafka_resp_err_t code = rd_kafka_event_error(answer.event.get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* text = rd_kafka_event_error_string(answer.event.get());
      return Failure{code, text != nullptr ? text : rd_kafka_err2str(code)};
    }
    size_t count = 0;
    const rd_kafka_group_result_t** groups = groups_of(answer.event.get(), &count);
    if (groups == nullptr || count != 1) {
      return Failure{RD_KAFKA_RESP_ERR__BAD_MSG, "the answer is not about the group"};
    }
    answer.group = groups[0];
    return FailureIn(answer.group);
  }

  const ClientHandle client_;
};

// Runs `call` on a client, and again on another while the group is moving: none knows for sure when
// to forget which broker it was at.
template <class T, class Call>
base::Expected<T, AdminError> Try(const ClientVoice& voice, const Properties& properties,
                                  milliseconds timeout, Call&& call) {
  const auto fail = [&voice](AdminError::Kind kind, std::string_view text) {
    return tl::unexpected<AdminError>(AdminError{kind, voice.redactor.Redact(text)});
  };
  try {
    const Deadline deadline = std::chrono::steady_clock::now() + std::min(timeout, kLongestTimeout);
    while (true) {
      base::Expected<T, Failure> result = call(AdminClient(voice, properties), deadline);
      if constexpr (std::is_void_v<T>) {
        if (result) return {};
      } else {
        if (result) return std::move(*result);
      }
      const Failure& failure = result.error();
      if (!Moving(failure.code) || std::chrono::steady_clock::now() + kMovingPause >= deadline) {
        return fail(KindOf(failure.code), failure.text);
      }
      std::this_thread::sleep_for(kMovingPause);
    }
  } catch (const std::exception& error) {
    return fail(AdminError::Kind::kFailed, error.what());
  }
}

// Those that are to be set, or those that are to be forgotten.
PartitionListHandle ToList(const std::vector<GroupOffset>& offsets, bool set) {
  PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const GroupOffset& each : offsets) {
    if (each.offset.has_value() != set) continue;
    rd_kafka_topic_partition_t* element = rd_kafka_topic_partition_list_add(
        list.get(), each.topic_partition.topic.c_str(), each.topic_partition.partition);
    if (set) element->offset = *each.offset;
  }
  return list;
}

// The partitions of every topic that this client may see.
base::Expected<std::map<std::string, int>, Failure> PartitionCounts(const AdminClient& client,
                                                                    Deadline deadline) {
  const rd_kafka_metadata_t* raw = nullptr;
  // Asking for all of them creates none.
  const rd_kafka_resp_err_t code = rd_kafka_metadata(client.handle(), 1, nullptr, &raw,
                                                     static_cast<int>(Left(deadline).count()));
  if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) return AdminClient::Fail({code, client.WhyNoAnswer()});
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return AdminClient::Fail({code, rd_kafka_err2str(code)});
  }
  const std::unique_ptr<const rd_kafka_metadata_t, Deleter<rd_kafka_metadata_destroy>> metadata(
      raw);
  std::map<std::string, int> counts;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    counts.emplace(metadata->topics[i].topic, metadata->topics[i].partition_cnt);
  }
  return counts;
}

base::Expected<void, Failure> CheckPartitions(const AdminClient& client,
                                              const std::vector<GroupOffset>& offsets,
                                              Deadline deadline) {
  const auto counts = PartitionCounts(client, deadline);
  if (!counts) return AdminClient::Fail(counts.error());
  std::string text;
  int unknown = 0;
  for (const auto& [topic_partition, offset] : offsets) {
    const auto& [topic, partition] = topic_partition;
    const auto known = counts->find(topic);
    if (known != counts->end() && partition < known->second) continue;
    if (++unknown > kNamedPartitions) continue;
    if (unknown > 1) text += "; ";
    text += known == counts->end()
                ? "The cluster has no topic " + topic
                : "The topic " + topic + " has no partition " + std::to_string(partition);
  }
  if (unknown == 0) return {};
  if (unknown > kNamedPartitions) {
    text += "; and " + std::to_string(unknown - kNamedPartitions) + " more";
  }
  return AdminClient::Fail({RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, std::move(text)});
}

base::Expected<void, Failure> Set(const AdminClient& client, const std::string& group,
                                  const rd_kafka_topic_partition_list_t* list, Deadline deadline) {
  if (list->cnt == 0) return {};
  const AlterRequest request(rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list));
  const auto answer = client.Ask(
      RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS, rd_kafka_AlterConsumerGroupOffsets_result_groups,
      deadline, [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_AlterConsumerGroupOffsets_t* one = request.get();
        rd_kafka_AlterConsumerGroupOffsets(client.handle(), &one, 1, options, queue);
      });
  if (!answer) return AdminClient::Fail(answer.error());
  return {};
}

base::Expected<void, Failure> Delete(const AdminClient& client, const std::string& group,
                                     const rd_kafka_topic_partition_list_t* list,
                                     Deadline deadline) {
  if (list->cnt == 0) return {};
  const DeleteRequest request(rd_kafka_DeleteConsumerGroupOffsets_new(group.c_str(), list));
  const auto answer =
      client.Ask(RD_KAFKA_ADMIN_OP_DELETECONSUMERGROUPOFFSETS,
                 rd_kafka_DeleteConsumerGroupOffsets_result_groups, deadline,
                 [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                   rd_kafka_DeleteConsumerGroupOffsets_t* one = request.get();
                   rd_kafka_DeleteConsumerGroupOffsets(client.handle(), &one, 1, options, queue);
                 });
  if (answer || answer.error().code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return {};
  return AdminClient::Fail(answer.error());
}

}  // namespace

GroupOffsets::GroupOffsets(Properties properties, std::optional<std::string> connector)
    : owner_{.connector = std::move(connector)}, properties_(std::move(properties)) {}

base::Expected<std::vector<GroupOffset>, AdminError> GroupOffsets::List(
    const std::string& group, milliseconds timeout) const {
  auto commits = Commits(group, timeout);
  if (!commits) return base::Unexpected<AdminError>(std::move(commits.error()));
  std::vector<GroupOffset> offsets;
  for (task::Position& position : *commits) {
    offsets.push_back({std::move(position.topic_partition), position.offset});
  }
  return offsets;
}

base::Expected<task::Positions, AdminError> GroupOffsets::Commits(const std::string& group,
                                                                  milliseconds timeout) const {
  return Try<task::Positions>(
      ClientVoice(owner_, properties_), properties_, timeout,
      [&](const AdminClient& client,
          Deadline deadline) -> base::Expected<task::Positions, Failure> {
        // No list of partitions asks for all there are.
        const ListRequest request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
        const auto answer = client.Ask(
            RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
            rd_kafka_ListConsumerGroupOffsets_result_groups, deadline,
            [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
              rd_kafka_ListConsumerGroupOffsets_t* one = request.get();
              rd_kafka_ListConsumerGroupOffsets(client.handle(), &one, 1, options, queue);
            });
        if (!answer) return AdminClient::Fail(answer.error());
        return CommittedIn(rd_kafka_group_result_partitions(answer->group));
      });
}

base::Expected<void, AdminError> GroupOffsets::Alter(const std::string& group,
                                                     const std::vector<GroupOffset>& offsets,
                                                     milliseconds timeout) const {
  return Try<void>(ClientVoice(owner_, properties_), properties_, timeout,
                   [&](const AdminClient& client, Deadline deadline) {
                     auto known = CheckPartitions(client, offsets, deadline);
                     if (!known) return known;
                     // The broker refuses the first for all partitions or for none when the group
                     // has members.
                     auto set = Set(client, group, ToList(offsets, true).get(), deadline);
                     return set ? Delete(client, group, ToList(offsets, false).get(), deadline)
                                : set;
                   });
}

base::Expected<void, AdminError> GroupOffsets::Reset(const std::string& group,
                                                     milliseconds timeout) const {
  return Try<void>(
      ClientVoice(owner_, properties_), properties_, timeout,
      [&](const AdminClient& client, Deadline deadline) -> base::Expected<void, Failure> {
        const DeleteGroupRequest request(rd_kafka_DeleteGroup_new(group.c_str()));
        const auto answer = client.Ask(
            RD_KAFKA_ADMIN_OP_DELETEGROUPS, rd_kafka_DeleteGroups_result_groups, deadline,
            [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
              rd_kafka_DeleteGroup_t* one = request.get();
              rd_kafka_DeleteGroups(client.handle(), &one, 1, options, queue);
            });
        if (answer || answer.error().code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return {};
        return AdminClient::Fail(answer.error());
      });
}

namespace {

// 0 when they can't be told.
size_t CountBrokers(rd_kafka_t* client, milliseconds timeout) {
  // Nothing wakes this wait, and somebody has just answered.
  timeout = std::min(timeout, milliseconds(500));
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto code =
      rd_kafka_metadata(client, 0, nullptr, &metadata, static_cast<int>(timeout.count()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return 0;
  const auto count = static_cast<size_t>(metadata->broker_cnt);
  rd_kafka_metadata_destroy(metadata);
  return count;
}

}  // namespace

base::Expected<Cluster, AdminError> DescribeCluster(const Properties& properties,
                                                    milliseconds timeout,
                                                    const std::stop_token& stop) {
  return Try<Cluster>(
      ClientVoice({}, properties), properties, timeout,
      [&stop](const AdminClient& client, Deadline deadline) -> base::Expected<Cluster, Failure> {
        const auto release = [&client](char* text) { rd_kafka_mem_free(client.handle(), text); };
        do {
          const milliseconds wait = std::min(Left(deadline), kStopLook);
          const std::unique_ptr<char, decltype(release)> id(
              rd_kafka_clusterid(client.handle(), static_cast<int>(wait.count())), release);
          if (id)
            return Cluster{std::string(id.get()), CountBrokers(client.handle(), Left(deadline))};
        } while (!stop.stop_requested() && std::chrono::steady_clock::now() < deadline);
        return AdminClient::Fail({RD_KAFKA_RESP_ERR__TIMED_OUT, client.WhyNoAnswer()});
      });
}

}  // namespace khs::kafka
