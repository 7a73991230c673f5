#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/topic_partition.h"
#include "kafka/properties.h"
#include "task/record_source.h"

namespace khs::kafka {

// Why the brokers were not asked, or what they did not do.
struct AdminError {
  enum class Kind {
    kUnavailable,  // no answer in time; the same call may succeed later
    kStillActive,  // the group has members, by whose leave the same call may succeed
    kNoPartition,  // of an offset to alter: the cluster has no such topic or partition
    kFailed,       // refused, or the properties make no client
  };
  Kind kind = Kind::kFailed;
  std::string text;  // librdkafka's words, redacted, with the partitions they are about
};

struct GroupOffset {
  base::TopicPartition topic_partition;
  std::optional<int64_t> offset;  // none: nothing is committed, or is to be any more

  bool operator==(const GroupOffset&) const = default;
};

// What a consumer group has committed, seen and changed from outside of it, at the broker. A group
// that does not exist has committed nothing. Every call makes a client of its own and blocks for
// `timeout` at most, but for what ending a client takes; nothing is thrown. Any thread.
class GroupOffsets {
 public:
  // The properties of the process, overridden by those of the connector, which the log names.
  explicit GroupOffsets(Properties properties, std::optional<std::string> connector = {});

  // Every partition with a committed offset, in no order, with the commit's metadata.
  base::Expected<task::Positions, AdminError> Commits(const std::string& group,
                                                      std::chrono::milliseconds timeout) const;
  // The same without it.
  base::Expected<std::vector<GroupOffset>, AdminError> List(
      const std::string& group, std::chrono::milliseconds timeout) const;

  // Commits the offsets, without metadata: what was saved there of records beyond the old offset
  // (delivery/finished_offsets.h) is gone, so that none is skipped. Then forgets those partitions
  // that have none. Partitions that the cluster doesn't have are refused before anything is
  // changed; where one of several fails otherwise the others may have been changed. The group must
  // have no members; it is made when there is none.
  base::Expected<void, AdminError> Alter(const std::string& group,
                                         const std::vector<GroupOffset>& offsets,
                                         std::chrono::milliseconds timeout) const;

  // Forgets everything, and the group itself, which must have no members.
  base::Expected<void, AdminError> Reset(const std::string& group,
                                         std::chrono::milliseconds timeout) const;

 private:
  const ClientOwner owner_;
  const Properties properties_;
};

struct Cluster {
  std::string id;  // by which the brokers know it
  size_t brokers = 0;
};

// As GroupOffsets: blocks, throws nothing. A stop ends the wait, within a tenth of a second.
base::Expected<Cluster, AdminError> DescribeCluster(const Properties& properties,
                                                    std::chrono::milliseconds timeout,
                                                    const std::stop_token& stop = {});

}  // namespace khs::kafka
