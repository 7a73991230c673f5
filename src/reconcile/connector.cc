#include "reconcile/connector.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "base/header_syntax.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/threads.h"

namespace khs::reconcile {
namespace {

using connect::RunState;

// How long the other tasks may finish what is in flight after one has stopped at a record.
constexpr std::chrono::minutes kSiblingGrace{10};

// What to do when a 2xx without the retry indicator means delivered.
const char* IndicatorHint(const delivery::Policy& policy) {
  return policy.statuses.success.empty()
             ? "set response.retry.indicator = \"optional\" if a 2xx alone means delivered"
             : "add its status to success.on.status.codes if it alone means delivered";
}

const base::Logger& Log() {
  static const base::Logger logger("reconcile");
  return logger;
}

// The host and port, for a label: without scheme, path and credentials.
std::string HostOf(const config::EndpointConfig& endpoint) {
  if (endpoint.host_is_secret) return std::string(base::kHidden);
  const std::string& url = endpoint.url.Reveal();
  const size_t scheme = url.find("://");
  const size_t start = scheme == std::string::npos ? 0 : scheme + 3;
  return url.substr(start, url.find_first_of("/?#", start) - start);
}

RunState RunStateOf(task::TaskState state) {
  switch (state) {
    case task::TaskState::kRunning:
    case task::TaskState::kStopping:
      return RunState::kRunning;
    case task::TaskState::kPaused:
      return RunState::kPaused;
    case task::TaskState::kFailed:
      return RunState::kFailed;
    case task::TaskState::kJoining:
    case task::TaskState::kEnded:
      break;
  }
  return RunState::kUnassigned;
}

// The SASL credentials of the consumer of this definition.
task::Credentials CredentialsOf(const config::ConnectorConfig& config) {
  const auto find = [&config](const char* property) -> std::string {
    const auto& own = config.subscription.consumer_properties;
    if (const auto found = own.find(property); found != own.end()) return found->second.Reveal();
    const auto found = config.kafka.find(property);
    return found != config.kafka.end() ? found->second.Reveal() : std::string();
  };
  if (base::EqualIgnoringCase(find("sasl.mechanism"), "OAUTHBEARER")) {
    return {find("sasl.oauthbearer.client.id"), find("sasl.oauthbearer.client.secret")};
  }
  return {find("sasl.username"), find("sasl.password")};
}

}  // namespace

metrics::ConnectorMetrics::Identity IdentityOf(const config::ConnectorConfig& config,
                                               Origin origin) {
  return {config.name, config.subscription.group, HostOf(config.endpoint), Name(origin)};
}

Connector::Connector(const config::ConnectorConfig& config, const Connections& connections,
                     const base::Clock& clock, metrics::ConnectorMetrics& metrics, bool paused,
                     std::function<void()> on_change)
    : config_(config),
      connections_(connections),
      clock_(clock),
      metrics_(metrics),
      on_change_(std::move(on_change)),
      failure_reported_(static_cast<size_t>(config.tasks_max), false),
      paused_(paused) {
  for (const std::string& topic : config.subscription.topics) metrics_.AddTopic(topic);
  metrics_.SetTasksStopped(0);
  try {
    StartTasks();
  } catch (const std::exception& error) {
    // The tasks that were created end by themselves.
    std::erase_if(tasks_, [](const Running& running) { return !running.task; });
    RequestStop(std::chrono::milliseconds(0));
    trace_ = base::Describe(error);
    phase_ = Phase::kCannotStart;
    metrics_.SetTasksStopped(static_cast<size_t>(config.tasks_max));
    metrics_.TaskStopped(false);
    Log().Error("connector cannot start", {{"connector", config.name}, {"error", trace_}});
  }
}

Connector::~Connector() = default;

std::shared_ptr<const task::DeliverySettings> Connector::DeliverySettingsOf(
    task::Route route, std::shared_ptr<task::DeadLetterQueue> dead_letters) const {
  // Only the first task that notices it logs it.
  auto on_missing_indicator = [missing = indicator_missing_, name = config_.name,
                               consequence = OutcomeWithoutIndicator(),
                               hint = IndicatorHint(config_.policy), on_change = on_change_] {
    if (missing->exchange(true)) return;
    Log().LogEach(base::LogLevel::kWarn, "endpoint answers 2xx without the retry indicator",
                  {{"connector", name}, {"consequence", consequence}, {"hint", hint}});
    on_change();
  };
  return std::make_shared<const task::DeliverySettings>(task::DeliverySettings{
      config_.policy,
      std::move(route),
      std::move(dead_letters),
      std::move(on_missing_indicator),
      {config_.policy.response_log_bytes, base::SecretFilter(config_.secrets)}});
}

task::TaskSettings Connector::SettingsOf(
    int task, std::shared_ptr<const task::DeliverySettings> delivery) const {
  return {std::move(delivery), config_.offset_flush_interval,
          [make = connections_.make_source, config = config_, task] { return make(config, task); }};
}

std::string Connector::OutcomeWithoutIndicator() const {
  return delivery::OutcomeWithoutIndicator(config_.policy, !config_.dead_letters.topic.empty());
}

std::vector<std::string> Connector::warnings() const {
  std::vector<std::string> warnings;
  if (*indicator_missing_) {
    warnings.push_back("the endpoint answers 2xx without the retry indicator: " +
                       OutcomeWithoutIndicator() + "; " + IndicatorHint(config_.policy));
  }
  for (size_t id = 0; id < tasks_.size(); ++id) {
    const std::string problem = tasks_[id].task->status().dead_letter_problem;
    if (!problem.empty()) warnings.push_back("task " + std::to_string(id) + ": " + problem);
  }
  return warnings;
}

void Connector::StartTasks() {
  for (int id = static_cast<int>(tasks_.size()); id < config_.tasks_max; ++id) {
    task::Route route = connections_.make_route(config_, nullptr);
    auto endpoint = connections_.make_endpoint(config_);
    auto dead_letters = connections_.make_dead_letters(config_, id);
    auto delivery = DeliverySettingsOf(route, std::move(dead_letters));
    tasks_.push_back({nullptr, std::move(route), delivery});
    tasks_.back().task = std::make_unique<task::Task>(
        task::TaskIdentity{config_.name, id}, SettingsOf(id, std::move(delivery)),
        std::move(endpoint), clock_, metrics_, on_change_);
    tasks_.back().task->SetPaused(paused_);
  }
}

void Connector::SetPaused(bool paused) {
  if (std::exchange(paused_, paused) == paused) return;
  for (const Running& running : tasks_) running.task->SetPaused(paused);
}

void Connector::Apply(const config::ConnectorConfig& config, const Difference& difference) {
  std::vector<task::Route> routes;
  for (const Running& running : tasks_) {
    routes.push_back(difference.endpoint ? connections_.make_route(config, &running.route)
                                         : running.route);
  }
  // All that may throw comes first.
  std::vector<std::shared_ptr<task::DeadLetterQueue>> dead_letters(tasks_.size());
  for (size_t id = 0; difference.dead_letters && id < tasks_.size(); ++id) {
    dead_letters[id] = connections_.make_dead_letters(config, static_cast<int>(id));
  }
  config_ = config;
  const bool changes_delivery = difference.endpoint || difference.terms || difference.dead_letters;
  if (changes_delivery) indicator_missing_ = std::make_shared<std::atomic<bool>>();
  for (size_t id = 0; id < tasks_.size(); ++id) {
    Running& running = tasks_[id];
    auto delivery = running.delivery.lock();
    running.route = std::move(routes[id]);
    if (changes_delivery || !delivery) {
      if (!difference.dead_letters && delivery) dead_letters[id] = delivery->dead_letters;
      delivery = DeliverySettingsOf(running.route, std::move(dead_letters[id]));
      running.delivery = delivery;
    }
    task::TaskSettings settings = SettingsOf(static_cast<int>(id), std::move(delivery));
    if (difference.credentials) settings.credentials = CredentialsOf(config_);
    running.task->Reconfigure(std::move(settings));
  }
  failure_reported_.resize(static_cast<size_t>(config_.tasks_max), false);
  try {
    StartTasks();
  } catch (const std::exception&) {
    std::erase_if(tasks_, [](const Running& running) { return !running.task; });
    config_.tasks_max = static_cast<int>(tasks_.size());
    throw;
  }
}

void Connector::Observe() {
  if (!trace_.empty()) return;
  size_t failed = 0;
  size_t running = 0;
  bool by_strategy = false;
  bool overtaken = false;
  for (size_t id = 0; id < tasks_.size(); ++id) {
    const task::TaskStatus status = tasks_[id].task->status();
    const bool works =
        status.state == task::TaskState::kRunning || status.state == task::TaskState::kPaused;
    if (works) ++running;
    if (status.state != task::TaskState::kFailed && !status.by_strategy) continue;
    ++failed;
    by_strategy = by_strategy || status.by_strategy;
    overtaken = overtaken || status.overtaken;
    if (failure_reported_[id]) continue;
    failure_reported_[id] = true;
    metrics_.TaskStopped(status.by_strategy);
    Log().LogEach(base::LogLevel::kError, status.by_strategy ? "connector stopped" : "task failed",
                  {{"connector", config_.name}, {"task", id}, {"error", status.trace}});
  }
  if (by_strategy) {
    RequestStop(kSiblingGrace);
    failed = tasks_.size();
    phase_ = overtaken ? Phase::kSuperseded : Phase::kFailed;
  } else if (failed > 0 && phase_ != Phase::kFailed) {
    phase_ = Phase::kCannotStart;
  } else if (running > 0 && phase_ == Phase::kStarting) {
    phase_ = Phase::kRunning;
  }
  metrics_.SetTasksStopped(failed);
}

void Connector::RequestStop(std::chrono::milliseconds grace) {
  for (const Running& running : tasks_) running.task->RequestStop(grace);
}

bool Connector::ended() const {
  return std::all_of(tasks_.begin(), tasks_.end(), [](const Running& running) {
    const task::TaskState state = running.task->status().state;
    return state == task::TaskState::kEnded || state == task::TaskState::kFailed;
  });
}

bool Connector::cut_off() const {
  return std::any_of(tasks_.begin(), tasks_.end(),
                     [](const Running& running) { return running.task->status().cut_off; });
}

std::optional<std::string> Connector::unready() const {
  if (!trace_.empty()) return std::nullopt;
  for (size_t id = 0; id < tasks_.size(); ++id) {
    const task::TaskStatus status = tasks_[id].task->status();
    if (status.state != task::TaskState::kJoining) continue;
    return "connector " + config_.name + ", task " + std::to_string(id) + ": " +
           (status.broker_problem.empty() ? "has not joined its group yet" : status.broker_problem);
  }
  return std::nullopt;
}

std::vector<connect::TaskStatus> Connector::tasks() const {
  std::vector<connect::TaskStatus> tasks;
  if (!trace_.empty()) return tasks;  // a connector that can't start shows no tasks
  std::string stopped_by;
  for (size_t id = 0; id < tasks_.size(); ++id) {
    const task::TaskStatus status = tasks_[id].task->status();
    if (status.by_strategy) stopped_by = status.trace;
    tasks.push_back({static_cast<int>(id), RunStateOf(status.state), status.trace});
  }
  if (phase_ != Phase::kFailed && phase_ != Phase::kSuperseded) return tasks;
  for (connect::TaskStatus& task : tasks) {
    task.state = RunState::kFailed;
    if (task.trace.empty()) task.trace = stopped_by;
  }
  return tasks;
}

}  // namespace khs::reconcile
