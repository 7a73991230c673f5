#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/topic_partition.h"
#include "kafka/admin_error.h"
#include "kafka/properties.h"
#include "task/record_source.h"

namespace khs::kafka {

// A partition's commit in a consumer group.
struct GroupOffset {
  base::TopicPartition topic_partition;
  std::optional<int64_t> offset;  // nothing: no offset is committed, or the commit is to be deleted

  bool operator==(const GroupOffset&) const = default;
};

// Reads and changes the commits of a consumer group from outside of the group. A group that does
// not exist has no commits. Each call creates a client of its own and blocks for about `timeout`;
// it throws nothing. Any thread.
class GroupOffsets {
 public:
  // The properties are the process's, overridden by the connector's. The connector's name is for
  // log lines.
  explicit GroupOffsets(Properties properties, std::optional<std::string> connector = {});

  // Returns all commits with their metadata, in no order.
  base::Expected<task::Positions, AdminError> Commits(const std::string& group,
                                                      std::chrono::milliseconds timeout) const;
  // Returns them without metadata.
  base::Expected<std::vector<GroupOffset>, AdminError> List(
      const std::string& group, std::chrono::milliseconds timeout) const;

  // Commits the offsets, then deletes the commits of the partitions without one. The group must
  // have no members; it is created when it does not exist. The commits have no metadata, so records
  // that were finished beyond the old offset (delivery/finished_offsets.h) are delivered again.
  // Nothing is changed when the cluster does not have one of the partitions. After any other error
  // some of the partitions may have been changed.
  base::Expected<void, AdminError> Alter(const std::string& group,
                                         const std::vector<GroupOffset>& offsets,
                                         std::chrono::milliseconds timeout) const;

  // Deletes the group with its commits. It must have no members.
  base::Expected<void, AdminError> Reset(const std::string& group,
                                         std::chrono::milliseconds timeout) const;

 private:
  const ClientOwner owner_;
  const Properties properties_;
};

}  // namespace khs::kafka
