#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "app/commands.h"
#include "app/connections.h"
#include "app/signals.h"
#include "app/version.h"
#include "auth/token_service.h"
#include "base/log.h"
#include "kafka/embedded_broker.h"
#include "kafka/producer.h"
#include "metrics/registry.h"
#include "reconcile/connector.h"
#include "rest/http_server.h"

namespace khs::app {
namespace {

constexpr int kPartitions = 3;
constexpr std::chrono::milliseconds kRecordInterval{700};
constexpr std::chrono::seconds kShutdownTimeout{15};

constexpr const char* kDefinition = R"(topics = ["orders"]
callback.request.url = "http://127.0.0.1:{}/orders"
retry.backoff.sec = [0.5, 1]
)";

void Print(const std::string& line) {
  std::fputs((line + '\n').c_str(), stdout);
  std::fflush(stdout);
}

// An event that Ctrl-C sets. Any thread may use it.
class StopEvent {
 public:
  void Set() {
    const std::lock_guard lock(mutex_);
    is_set_ = true;
    changed_.notify_all();
  }
  // Returns false on a timeout.
  bool Await(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [this] { return is_set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

// The endpoint of the demo. Every fourth order asks for one retry. Every ninth always asks for one,
// so the connector drops it once its back-off list is exhausted.
class Receiver {
 public:
  rest::Response Answer(const rest::Request& request) {
    const auto header = [&](const char* name) {
      const auto found = request.headers.find(name);
      return found == request.headers.end() ? std::string() : found->second;
    };
    const std::string key = header("x-kafka-key");
    const int number = std::atoi(key.c_str() + std::min<size_t>(key.size(), 6));  // "order-N"
    const std::string place = fmt::format("{}[{}]@{}", header("x-kafka-topic"),
                                          header("x-kafka-partition"), header("x-kafka-offset"));
    int attempt = 0;
    {
      const std::lock_guard lock(mutex_);
      attempt = ++attempts_[place];
    }
    const bool never = number % 9 == 5;
    const bool retry = never || (number % 4 == 3 && attempt == 1);
    const char* outcome = retry ? "asks for a retry" : "delivered       ";
    Print(fmt::format("  {}  {:<12} attempt {}  {}", outcome, place, attempt, request.body));
    return {200, "application/json", retry ? R"({"retry":true})" : R"({"retry":false})", {}};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> attempts_;
};

void ProduceUntil(StopEvent& stop, const std::string& bootstrap_servers) {
  kafka::Producer producer({{"bootstrap.servers", bootstrap_servers}, {"linger.ms", "0"}});
  static constexpr std::array kItems{"tea", "coffee", "bread", "honey", "salt"};
  for (size_t n = 1; !stop.Await(kRecordInterval); ++n) {
    const std::string key = fmt::format("order-{}", n);
    const std::string value =
        fmt::format(R"({{"order":{},"item":"{}"}})", n, kItems[n % kItems.size()]);
    producer.Produce("orders", static_cast<int>(n % kPartitions), key, value);
  }
  producer.Flush(kRecordInterval);
}

int RunDemo(Signals& signals) {
  // Each object outlives the ones declared after it.
  StopEvent stop;
  Receiver receiver;
  const base::SystemClock clock;
  kafka::EmbeddedBroker broker;
  broker.CreateTopic("orders", kPartitions);
  metrics::Registry registry({kVersion, kRevision, kafka::LibraryVersion()});
  const rest::HttpServer endpoint("127.0.0.1", 0, [&receiver](const rest::Request& request) {
    return receiver.Answer(request);
  });
  const std::string definition = fmt::format(kDefinition, endpoint.port());
  const auto parsed = config::ParseConnectorToml({"orders.toml", "orders"}, definition);
  if (!parsed.config) throw std::logic_error(config::Format(parsed.problems.front()));

  const auto listening = signals.Listen([&stop] { stop.Set(); }, [] {}, kShutdownTimeout);
  Print(fmt::format("embedded broker: {}", broker.bootstrap_servers()));
  Print("This connector delivers every record of the topic \"orders\"; Ctrl-C ends the demo:\n\n" +
        definition + "\nJoining the group takes about three seconds.");
  config::ConnectorConfig config = *parsed.config;
  config.kafka["bootstrap.servers"] = broker.bootstrap_servers();
  kafka::GroupHistories histories;
  auth::TokenService tokens({}, clock, registry);  // unused: the endpoint wants no token
  const reconcile::Connections connections = MakeConnections(clock, histories, tokens);
  metrics::ConnectorMetrics metrics(registry, reconcile::IdentityOf(config));
  reconcile::Connector connector(config, connections, clock, metrics, false, [] {});
  ProduceUntil(stop, broker.bootstrap_servers());
  connector.RequestStop(std::chrono::seconds(5));
  return kExitOk;
}

}  // namespace

int Demo() {
  Signals signals;
  // Drops are warnings; the receiver prints everything else.
  base::ConfigureLog(base::LogLevel::kWarn, base::LogFormat::kLogfmt);
  try {
    return RunDemo(signals);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "demo: %s\n", error.what());
    return kExitFailed;
  }
}

}  // namespace khs::app
