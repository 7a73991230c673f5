#include "app/cluster_watch.h"

#include <utility>

#include "kafka/cluster.h"

namespace khs::app {
namespace {

constexpr std::chrono::seconds kTimeout{3};
constexpr std::chrono::seconds kRetryInterval{5};
constexpr std::chrono::seconds kPollInterval{10};

}  // namespace

ClusterWatch::ClusterWatch(kafka::Properties properties, ResolveProperties resolve)
    : properties_(std::move(properties)),
      resolve_(std::move(resolve)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}
ClusterWatch::~ClusterWatch() = default;

std::string ClusterWatch::id() const {
  const std::lock_guard lock(mutex_);
  return id_;
}

bool ClusterWatch::answers() const {
  const std::lock_guard lock(mutex_);
  return answers_;
}

size_t ClusterWatch::brokers() const {
  const std::lock_guard lock(mutex_);
  return brokers_;
}

void ClusterWatch::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (auto resolved = resolve_()) properties_ = std::move(*resolved);
    auto cluster = kafka::DescribeCluster(properties_, kTimeout, stop);
    std::unique_lock lock(mutex_);
    answers_ = cluster.has_value();
    if (cluster) {
      id_ = std::move(cluster->id);
      if (cluster->brokers > 0) brokers_ = cluster->brokers;
    }
    stopped_.wait_for(lock, stop, answers_ ? kPollInterval : kRetryInterval, [] { return false; });
  }
}

}  // namespace khs::app
