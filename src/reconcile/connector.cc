#include "reconcile/connector.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/log.h"

namespace khs::reconcile {
namespace {

using metrics::ConnectorState;

// A stop by strategy waits for what is in flight, as long as the endpoint's own timeouts let it.
constexpr std::chrono::minutes kSiblingGrace{10};

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

// Scheme, path and credentials are nobody's label.
std::string HostOf(const config::EndpointConfig& endpoint) {
  if (endpoint.host_is_secret) return std::string(base::kHidden);
  const std::string& url = endpoint.url.Reveal();
  const size_t scheme = url.find("://");
  const size_t start = scheme == std::string::npos ? 0 : scheme + 3;
  return url.substr(start, url.find_first_of("/?#", start) - start);
}

}  // namespace

Connector::Connector(const config::ConnectorConfig& config, const Connections& connections,
                     const base::Clock& clock, metrics::Registry& registry,
                     std::function<void()> on_change)
    : config_(config),
      metrics_(registry,
               {config.name, config.subscription.group, HostOf(config.endpoint), "file"}) {
  for (const std::string& topic : config.subscription.topics) metrics_.AddTopic(topic);
  metrics_.SetState(ConnectorState::kUnassigned);
  try {
    StartTasks(connections, clock, on_change);
  } catch (const std::exception& error) {
    // Most often TLS files that can't be loaded. The tasks that were made end with this.
    tasks_.clear();
    metrics_.SetState(ConnectorState::kFailed);
    metrics_.SetTasksStopped(static_cast<size_t>(config.tasks_max));
    metrics_.TaskStopped(false);
    Log().Error("connector cannot start",
                {{"connector", config.name}, {"error", std::string(error.what())}});
  }
}

Connector::Connector(const std::string& name, metrics::Registry& registry)
    : metrics_(registry, {name, "", "", "file"}) {
  metrics_.SetState(ConnectorState::kFailed);
  metrics_.SetInvalid(true);
}

Connector::~Connector() = default;

void Connector::StartTasks(const Connections& connections, const base::Clock& clock,
                           const std::function<void()>& on_change) {
  failure_reported_.assign(static_cast<size_t>(config_->tasks_max), false);
  for (int id = 0; id < config_->tasks_max; ++id) {
    task::TaskTerms terms{
        config_->policy,
        config_->offset_flush_interval,
        [make = connections.make_source, config = *config_] { return make(config); },
        {},
        connections.make_dead_letters(*config_, id)};
    tasks_.push_back(std::make_unique<task::Task>(
        task::TaskIdentity{config_->name, id}, std::move(terms),
        connections.make_endpoint(*config_), clock, metrics_, on_change));
  }
}

void Connector::Observe() {
  if (tasks_.empty()) return;
  size_t failed = 0;
  bool running = false;
  for (size_t id = 0; id < tasks_.size(); ++id) {
    const task::TaskStatus status = tasks_[id]->status();
    running = running || status.state == task::TaskState::kRunning;
    if (status.state != task::TaskState::kFailed && !status.by_strategy) continue;
    ++failed;
    stopped_by_strategy_ = stopped_by_strategy_ || status.by_strategy;
    if (failure_reported_[id]) continue;
    failure_reported_[id] = true;
    metrics_.TaskStopped(status.by_strategy);
    Log().Error(status.by_strategy ? "connector stopped by its strategy" : "task failed",
                {{"connector", config_->name}, {"task", id}, {"trace", status.trace}});
  }
  if (stopped_by_strategy_) {
    RequestStop(kSiblingGrace);
    failed = tasks_.size();
  }
  metrics_.SetTasksStopped(failed);
  if (stopped_by_strategy_ || failed == tasks_.size()) {
    metrics_.SetState(ConnectorState::kFailed);
  } else if (running) {
    metrics_.SetState(ConnectorState::kRunning);
  }
}

void Connector::RequestStop(std::chrono::milliseconds grace) {
  for (const auto& task : tasks_) task->RequestStop(grace);
}

bool Connector::ended() const {
  return std::all_of(tasks_.begin(), tasks_.end(), [](const auto& task) {
    const task::TaskState state = task->status().state;
    return state == task::TaskState::kEnded || state == task::TaskState::kFailed;
  });
}

bool Connector::cut_off() const {
  return std::any_of(tasks_.begin(), tasks_.end(),
                     [](const auto& task) { return task->status().cut_off; });
}

std::optional<std::string> Connector::unready() const {
  for (size_t id = 0; id < tasks_.size(); ++id) {
    const task::TaskStatus status = tasks_[id]->status();
    if (status.state != task::TaskState::kJoining) continue;
    return "connector " + config_->name + ", task " + std::to_string(id) + ": " +
           (status.broker_problem.empty() ? "has not joined its group yet" : status.broker_problem);
  }
  return std::nullopt;
}

}  // namespace khs::reconcile
