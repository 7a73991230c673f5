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
#include "metrics/error_history.h"

namespace khs::metrics {

class Registry;

// Why a connector was restarted.
enum class RestartReason { kConfig, kSecret, kApi, kError };
std::string_view Label(RestartReason reason);

// The series of one connector. Owned by its Entry in the reconciler. All series exist at 0 from
// construction, those of a topic from AddTopic or the first record on, and the destructor removes
// them. Any thread.
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

  // Creates the series of a topic at 0, before its first record.
  void AddTopic(const std::string& topic);
  void Consumed(const std::string& topic, size_t bytes);
  // The topics of which a record came since the start or the last reset, sorted.
  std::vector<std::string> ActiveTopics() const;
  void ResetActiveTopics();
  // `since_read` is the time since the record was read; `age` is absent without a timestamp.
  void Delivered(const std::string& topic, std::chrono::duration<double> since_read,
                 std::optional<std::chrono::duration<double>> age);
  void Dropped(const std::string& topic, delivery::DropReason reason,
               std::chrono::duration<double> since_read);
  void Lost(const std::string& topic, delivery::LossReason reason, int64_t records);
  void Retried(delivery::ErrorReason reason);
  // An attempt ended.
  void Requested(const delivery::Reply& reply, std::chrono::duration<double> duration);
  // An attempt, or the production of a dead letter, failed.
  void Failed(connect::RecordError error);
  // For the status.
  std::shared_ptr<const ErrorHistory> errors() const { return errors_; }
  void HeadersLeftOut(int count);
  // For an attempt connections were opened, could not be opened, or had been closed while they were
  // kept, so that the request was sent again.
  void Connected(int opened, int failed, int stale);
  // A 2xx lacked the retry indicator, which the definition requires.
  void LackedIndicator();
  // An attempt to produce a dead letter ended.
  void DeadLetter(bool produced);

  // Sets the labels of `connector_info`.
  void SetIdentity(const Identity& identity);
  void Restarted(RestartReason reason);
  void SetState(connect::RunState state);
  void SetInvalid(bool invalid);
  void SetTasksStopped(size_t count);
  void TaskStopped(bool by_strategy);
  // Gauges that add up the values of all tasks.
  void AddInFlight(int change);
  void AddBuffered(long records, long bytes, long waiting_retry);
  void AddAssigned(long change);
  // The records between the commit of a partition and the end of its log; nothing when unknown or
  // when the partition is not assigned.
  void SetLag(const base::TopicPartition& partition, std::optional<int64_t> records);
  void Rebalanced();
  void CommitEnded(bool ok);
  void KafkaError(const std::string& code, bool fatal);

 private:
  struct Series;
  std::unique_ptr<Series> series_;
  const std::shared_ptr<ErrorHistory> errors_ = std::make_shared<ErrorHistory>();
};

}  // namespace khs::metrics
