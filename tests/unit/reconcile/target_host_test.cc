#include <gmock/gmock.h>

#include <stdexcept>

#include "metrics/registry.h"
#include "reconcile/connector.h"

namespace khs::reconcile {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What the metrics show of a connector.
std::string Shown(bool host_is_secret) {
  config::ConnectorConfig config;
  config.name = "c";
  config.endpoint.url = "http://canary-host:8080/canary-path?canary-query";
  config.endpoint.host_is_secret = host_is_secret;
  const base::SystemClock clock;
  metrics::Registry registry({"0", "0", "0"});
  const Connections nothing{
      [](const auto&) -> std::unique_ptr<task::RecordSource> { throw std::runtime_error("none"); },
      [](const auto&) -> std::unique_ptr<task::Endpoint> { throw std::runtime_error("none"); },
      [](const auto&, int) -> std::unique_ptr<task::DeadLetterQueue> { return nullptr; }};
  const Connector connector(config, nothing, clock, registry, [] {});
  return registry.Render();
}

TEST(TargetHost, IsShownWithoutTheRestOfTheUrl) {
  EXPECT_THAT(Shown(false), AllOf(HasSubstr("target_host=\"canary-host:8080\""),
                                  Not(HasSubstr("path")), Not(HasSubstr("query"))));
}

TEST(TargetHost, IsHiddenWhenItCameFromASecret) {
  EXPECT_THAT(Shown(true), AllOf(HasSubstr("target_host=\"***\""), Not(HasSubstr("canary"))));
}

}  // namespace
}  // namespace khs::reconcile
