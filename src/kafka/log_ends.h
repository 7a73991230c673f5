#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/topic_partition.h"
#include "kafka/properties.h"
#include "task/record_source.h"

namespace khs::kafka {

// Where the logs of partitions end, asked of the brokers every few seconds, on one thread for the
// whole process and by clients of its own: a consumer learns it only from what it fetches, which of
// a paused partition is nothing, and a request of its would wait behind a fetch that does.
class LogEnds {
 public:
  // What one consumer wants to know. Its owner's thread alone, but for what stands behind it.
  class Watch {
   public:
    virtual ~Watch() = default;
    // Asks for these, instead of those before.
    virtual void Follow(task::Partitions partitions) = 0;
    // Nothing when it is not known, or was not confirmed for long. Never blocks.
    virtual std::optional<int64_t> End(const base::TopicPartition& partition) const = 0;
    // For connections to come.
    virtual void Renew(const task::Credentials& credentials) = 0;
  };

  explicit LogEnds(std::chrono::milliseconds interval = std::chrono::seconds(5));
  ~LogEnds();
  LogEnds(const LogEnds&) = delete;
  LogEnds& operator=(const LogEnds&) = delete;

  // Those with the same properties share a client, which is there while one of them follows
  // partitions. What cannot be asked for stays unknown. Any thread.
  std::unique_ptr<Watch> Open(const Properties& properties);

 private:
  class Reader;
  class Subscriber;
  std::shared_ptr<Reader> reader_;
};

}  // namespace khs::kafka
