#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/topic_partition.h"
#include "connect/states.h"
#include "delivery/decision.h"
#include "delivery/loss.h"
#include "delivery/reply.h"

namespace khs::metrics {

class Registry;

// Why a connector was stopped and started again.
enum class RestartReason { kConfig, kSecret, kApi, kError };
std::string_view Label(RestartReason reason);

// The series of one connector: all of them exist at 0 from construction, and go with the object.
// Those of a topic from AddTopic or its first record on. Any thread.
class ConnectorMetrics {
 public:
  struct Identity {
    std::string connector;
    std::string group;
    std::string target_host;
    std::string origin;  // "file" or "rest"
  };

  ConnectorMetrics(Registry& registry, const Identity& identity);
  ~ConnectorMetrics();
  ConnectorMetrics(const ConnectorMetrics&) = delete;
  ConnectorMetrics& operator=(const ConnectorMetrics&) = delete;

  // Makes the series of a topic at 0, before its first record.
  void AddTopic(const std::string& topic);
  void Consumed(const std::string& topic, size_t bytes);
  // Those of which a record came since the start or the last reset, in order.
  std::vector<std::string> ActiveTopics() const;
  void ResetActiveTopics();
  // The record's way from being read, and its age when its timestamp is known.
  void Delivered(const std::string& topic, std::chrono::duration<double> since_read,
                 std::optional<std::chrono::duration<double>> age);
  void Dropped(const std::string& topic, delivery::DropReason reason,
               std::chrono::duration<double> since_read);
  void Lost(const std::string& topic, delivery::LossReason reason, int64_t records);
  void Retried(delivery::ErrorReason reason);
  // One attempt that came to an end.
  void Requested(const delivery::Reply& reply, std::chrono::duration<double> duration);
  // It was not a delivery.
  void AttemptFailed();
  void HeadersLeftOut(int count);
  // A request was sent again because a connection ended when it was used again.
  void Resent();
  // A 2xx lacked the retry indicator, which the definition requires.
  void LackedIndicator();
  // One attempt to produce a dead letter.
  void DeadLetter(bool produced);

  // The labels of `connector_info`, which follow the definition.
  void SetIdentity(const Identity& identity);
  void Restarted(RestartReason reason);
  void SetState(connect::RunState state);
  void SetInvalid(bool invalid);
  void SetTasksStopped(size_t count);
  void TaskStopped(bool by_strategy);
  // Gauges of which every task adds its own part.
  void AddInFlight(int change);
  void AddBuffered(long records, long bytes, long waiting_retry);
  void AddAssigned(long change);
  // Records between what is committed of a partition and the end of its log; nothing when that is
  // not known, or the partition not assigned.
  void SetLag(const base::TopicPartition& partition, std::optional<int64_t> records);
  void Rebalanced();
  void CommitEnded(bool ok);
  void KafkaError(const std::string& code, bool fatal);

 private:
  struct Series;
  std::unique_ptr<Series> series_;
};

}  // namespace khs::metrics
