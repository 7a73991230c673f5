#include "app/group_access.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <semaphore>
#include <utility>

#include "app/cluster_watch.h"
#include "kafka/group_offsets.h"

namespace khs::app {
namespace {

using reconcile::GroupAccess;

// A REST call waits for the answer.
constexpr std::chrono::seconds kTimeout{15};

kafka::GroupOffsets OffsetsFor(const config::ConnectorConfig& config) {
  kafka::Properties properties = config.subscription.consumer_properties;
  properties.insert(config.kafka.begin(), config.kafka.end());
  return kafka::GroupOffsets(std::move(properties), config.name);
}

base::Unexpected<connect::CallError> ToCallError(const kafka::AdminError& error) {
  using Kind = connect::CallError::Kind;
  Kind kind = Kind::kUnavailable;
  if (error.kind == kafka::AdminError::Kind::kStillActive) kind = Kind::kStillActive;
  if (error.kind == kafka::AdminError::Kind::kNoPartition) kind = Kind::kInvalid;
  if (error.kind == kafka::AdminError::Kind::kFailed) kind = Kind::kFailed;
  return base::Unexpected<connect::CallError>({kind, error.text, {}});
}

// A call holds a thread of the REST API until the brokers answer or the timeout is over.
constexpr std::ptrdiff_t kMaxConcurrentCalls = 4;
using CallSlots = std::counting_semaphore<kMaxConcurrentCalls>;

// Makes the call if a slot is free.
template <class T>
connect::Result<T> CallInSlot(CallSlots& slots, const std::function<connect::Result<T>()>& call) {
  if (!slots.try_acquire()) {
    return base::Unexpected<connect::CallError>(
        {connect::CallError::Kind::kUnavailable, "too many calls ask the brokers for offsets", {}});
  }
  struct Release {
    CallSlots& slots;
    ~Release() { slots.release(); }
  };
  const Release release{slots};
  return call();
}

connect::Result<void> ToResult(const base::Expected<void, kafka::AdminError>& done) {
  if (!done) return ToCallError(done.error());
  return {};
}

}  // namespace

GroupAccess MakeGroupAccess(const ClusterWatch& cluster, kafka::GroupHistories& histories) {
  GroupAccess access;
  const auto slots = std::make_shared<CallSlots>(kMaxConcurrentCalls);
  const auto list =
      [](const config::ConnectorConfig& config) -> connect::Result<GroupAccess::Offsets> {
    const auto committed = OffsetsFor(config).List(config.subscription.group, kTimeout);
    if (!committed) return ToCallError(committed.error());
    GroupAccess::Offsets offsets;
    for (const kafka::GroupOffset& each : *committed) {
      offsets.push_back({each.topic_partition.topic, each.topic_partition.partition, each.offset});
    }
    return offsets;
  };
  // The remembered commits are invalid afterwards, also when only some offsets change.
  const auto alter = [&histories](const config::ConnectorConfig& config,
                                  const GroupAccess::Offsets& offsets) {
    histories.Get(config.subscription.group)->ForgetCommits();
    std::vector<kafka::GroupOffset> changes;
    for (const connect::PartitionOffset& each : offsets) {
      changes.push_back({{each.topic, each.partition}, each.offset});
    }
    return ToResult(OffsetsFor(config).Alter(config.subscription.group, changes, kTimeout));
  };
  const auto reset = [&histories](const config::ConnectorConfig& config) {
    histories.Get(config.subscription.group)->Clear();
    return ToResult(OffsetsFor(config).Reset(config.subscription.group, kTimeout));
  };
  access.list = [slots, list](const config::ConnectorConfig& config) {
    return CallInSlot<GroupAccess::Offsets>(*slots, [&] { return list(config); });
  };
  access.alter = [slots, alter](const config::ConnectorConfig& config,
                                const GroupAccess::Offsets& offsets) {
    return CallInSlot<void>(*slots, [&] { return alter(config, offsets); });
  };
  access.reset = [slots, reset](const config::ConnectorConfig& config) {
    return CallInSlot<void>(*slots, [&] { return reset(config); });
  };
  access.cluster_id = [&cluster] { return cluster.id(); };
  access.broker_answers = [&cluster] { return cluster.answers(); };
  return access;
}

}  // namespace khs::app
