#include <gtest/gtest.h>

#include "reconcile/connector.h"

namespace khs::reconcile {
namespace {

std::string Shown(bool host_is_secret) {
  config::ConnectorConfig config;
  config.endpoint.url = "http://canary-host:8080/canary-path?canary-query";
  config.endpoint.host_is_secret = host_is_secret;
  return IdentityOf(config).target_host;
}

TEST(TargetHost, IsTheHostOfTheUrlOnly) { EXPECT_EQ(Shown(false), "canary-host:8080"); }

TEST(TargetHost, IsHiddenWhenItComesFromASecret) { EXPECT_EQ(Shown(true), "***"); }

}  // namespace
}  // namespace khs::reconcile
