#include "kafka/group_offsets.h"

#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <utility>

#include "kafka/admin_client.h"
#include "kafka/conversions.h"

namespace khs::kafka {
namespace {

using std::chrono::milliseconds;

using ListRequest = std::unique_ptr<rd_kafka_ListConsumerGroupOffsets_t,
                                    Deleter<rd_kafka_ListConsumerGroupOffsets_destroy>>;
using AlterRequest = std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t,
                                     Deleter<rd_kafka_AlterConsumerGroupOffsets_destroy>>;
using DeleteRequest = std::unique_ptr<rd_kafka_DeleteConsumerGroupOffsets_t,
                                      Deleter<rd_kafka_DeleteConsumerGroupOffsets_destroy>>;
using DeleteGroupRequest =
    std::unique_ptr<rd_kafka_DeleteGroup_t, Deleter<rd_kafka_DeleteGroup_destroy>>;
using MetadataHandle =
    std::unique_ptr<const rd_kafka_metadata_t, Deleter<rd_kafka_metadata_destroy>>;

using Done = base::Expected<void, AdminFailure>;

// The partitions that have an offset, or those that have none.
PartitionListHandle ToList(const std::vector<GroupOffset>& offsets, bool with_offset) {
  PartitionListHandle list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const GroupOffset& each : offsets) {
    if (each.offset.has_value() != with_offset) continue;
    rd_kafka_topic_partition_t* element = rd_kafka_topic_partition_list_add(
        list.get(), each.topic_partition.topic.c_str(), each.topic_partition.partition);
    if (with_offset) element->offset = *each.offset;
  }
  return list;
}

// The number of partitions of every topic that the client may see. Asking for all topics, and not
// for some by name, creates none.
base::Expected<std::map<std::string, int>, AdminFailure> PartitionCounts(const AdminClient& client,
                                                                         Deadline deadline) {
  const rd_kafka_metadata_t* raw = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(client.handle(), 1, nullptr, &raw,
                                                     static_cast<int>(TimeLeft(deadline).count()));
  if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) return AdminClient::Fail({code, client.WhyNoAnswer()});
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return AdminClient::Fail({code, rd_kafka_err2str(code)});
  }
  const MetadataHandle metadata(raw);
  std::map<std::string, int> counts;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    counts.emplace(metadata->topics[i].topic, metadata->topics[i].partition_cnt);
  }
  return counts;
}

Done CheckPartitions(const AdminClient& client, const std::vector<GroupOffset>& offsets,
                     Deadline deadline) {
  const auto counts = PartitionCounts(client, deadline);
  if (!counts) return AdminClient::Fail(counts.error());
  PartList unknown;
  for (const auto& [topic_partition, offset] : offsets) {
    const auto& [topic, partition] = topic_partition;
    const auto known = counts->find(topic);
    if (known == counts->end()) {
      unknown.Add("The cluster has no topic " + topic);
    } else if (partition >= known->second) {
      unknown.Add("The topic " + topic + " has no partition " + std::to_string(partition));
    }
  }
  if (unknown.empty()) return {};
  return AdminClient::Fail({RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, unknown.text()});
}

Done CommitOffsets(const AdminClient& client, const std::string& group,
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

Done DeleteOffsets(const AdminClient& client, const std::string& group,
                   const rd_kafka_topic_partition_list_t* list, Deadline deadline) {
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

Done DeleteGroup(const AdminClient& client, const std::string& group, Deadline deadline) {
  const DeleteGroupRequest request(rd_kafka_DeleteGroup_new(group.c_str()));
  const auto answer =
      client.Ask(RD_KAFKA_ADMIN_OP_DELETEGROUPS, rd_kafka_DeleteGroups_result_groups, deadline,
                 [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
                   rd_kafka_DeleteGroup_t* one = request.get();
                   rd_kafka_DeleteGroups(client.handle(), &one, 1, options, queue);
                 });
  if (answer || answer.error().code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) return {};
  return AdminClient::Fail(answer.error());
}

base::Expected<task::Positions, AdminFailure> ListCommits(const AdminClient& client,
                                                          const std::string& group,
                                                          Deadline deadline) {
  // Without a list of partitions it asks for all of them.
  const ListRequest request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
  const auto answer = client.Ask(
      RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, rd_kafka_ListConsumerGroupOffsets_result_groups,
      deadline, [&](const rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_ListConsumerGroupOffsets_t* one = request.get();
        rd_kafka_ListConsumerGroupOffsets(client.handle(), &one, 1, options, queue);
      });
  if (!answer) return AdminClient::Fail(answer.error());
  return CommittedPositions(rd_kafka_group_result_partitions(answer->group));
}

}  // namespace

GroupOffsets::GroupOffsets(Properties properties, std::optional<std::string> connector)
    : owner_{.connector = std::move(connector)}, properties_(std::move(properties)) {}

base::Expected<task::Positions, AdminError> GroupOffsets::Commits(const std::string& group,
                                                                  milliseconds timeout) const {
  return CallWithClient<task::Positions>(ClientLogContext(owner_, properties_), properties_,
                                         timeout,
                                         [&](const AdminClient& client, Deadline deadline) {
                                           return ListCommits(client, group, deadline);
                                         });
}

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

base::Expected<void, AdminError> GroupOffsets::Alter(const std::string& group,
                                                     const std::vector<GroupOffset>& offsets,
                                                     milliseconds timeout) const {
  return CallWithClient<void>(
      ClientLogContext(owner_, properties_), properties_, timeout,
      [&](const AdminClient& client, Deadline deadline) -> Done {
        auto done = CheckPartitions(client, offsets, deadline);
        // When the group has members, the broker rejects this request for all partitions. So it
        // goes first.
        if (done) done = CommitOffsets(client, group, ToList(offsets, true).get(), deadline);
        if (done) done = DeleteOffsets(client, group, ToList(offsets, false).get(), deadline);
        return done;
      });
}

base::Expected<void, AdminError> GroupOffsets::Reset(const std::string& group,
                                                     milliseconds timeout) const {
  return CallWithClient<void>(ClientLogContext(owner_, properties_), properties_, timeout,
                              [&](const AdminClient& client, Deadline deadline) {
                                return DeleteGroup(client, group, deadline);
                              });
}

}  // namespace khs::kafka
