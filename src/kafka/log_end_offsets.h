#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/topic_partition.h"
#include "kafka/properties.h"
#include "task/record_source.h"

namespace khs::kafka {

// Reads the end offsets of partitions every few seconds, with one thread for the whole process and
// with clients of its own. A consumer knows an end only from its fetches, which a paused partition
// does not have, and its own request would wait behind a fetch that waits for records. Shared by
// the process's consumers. Any thread.
class LogEndOffsets {
 public:
  // The partitions of one consumer. Owned by the consumer and used by the task's poll thread.
  class Watch {
   public:
    virtual ~Watch() = default;
    // Replaces the partitions.
    virtual void SetPartitions(task::Partitions partitions) = 0;
    // Returns the end, or nothing when it is not known or too old. Never blocks.
    virtual std::optional<int64_t> EndOffset(const base::TopicPartition& partition) const = 0;
    // Replaces the credentials for new connections.
    virtual void Renew(const task::Credentials& credentials) = 0;
  };

  explicit LogEndOffsets(std::chrono::milliseconds interval = std::chrono::seconds(5));
  ~LogEndOffsets();
  LogEndOffsets(const LogEndOffsets&) = delete;
  LogEndOffsets& operator=(const LogEndOffsets&) = delete;

  // Watches with the same properties share a client, which is created when one of them has
  // partitions. When it cannot be created, the ends stay unknown. Any thread.
  std::unique_ptr<Watch> Open(const Properties& properties);

 private:
  class Reader;
  class WatchImpl;
  std::shared_ptr<Reader> reader_;
};

}  // namespace khs::kafka
