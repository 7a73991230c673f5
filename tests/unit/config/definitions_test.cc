#include "config/definitions.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

namespace khs::config {
namespace {

TEST(Definitions, ContainEachKeyOnceWithDocumentation) {
  for (const auto keys : {ConnectorKeys(), ProcessKeys()}) {
    std::set<std::string_view> names;
    for (const KeyDefinition& key : keys) {
      EXPECT_TRUE(names.insert(key.key).second) << key.key;
      EXPECT_FALSE(key.documentation.empty()) << key.key;
      EXPECT_FALSE(key.group.empty()) << key.key;
      EXPECT_FALSE(key.required && key.default_value) << key.key;
    }
  }
}

TEST(Definitions, FindAKeyByItsAliasAndItsFamily) {
  EXPECT_EQ(FindKey(ConnectorKeys(), "callback.request.methods")->key, "callback.request.method");
  EXPECT_EQ(FindKey(ConnectorKeys(), "consumer.override.x.y")->key, "consumer.override.*");
  EXPECT_EQ(FindKey(ConnectorKeys(), "value.converter")->key, "value.converter");
  EXPECT_EQ(FindKey(ConnectorKeys(), "value.converter.schemas.enable")->key, "value.converter.*");
  EXPECT_EQ(FindKey(ConnectorKeys(), "consumer.override."), nullptr);
  EXPECT_EQ(FindKey(ProcessKeys(), "kafka.bootstrap.servers")->key, "kafka.bootstrap.servers");
}

TEST(NearestKey, FindsTheIntendedKey) {
  const struct {
    std::string_view unknown;
    std::optional<std::string> nearest;
  } cases[] = {
      {"callback.request.ulr", "callback.request.url"},
      {"Callback.Request.URL", "callback.request.url"},
      {"callback.request.metods", "callback.request.methods"},
      {"callback.url", "callback.request.url"},
      {"topic", "topics"},
      {"topic.regex", "topics.regex"},
      {"tasksMax", "tasks.max"},
      {"tasks_max", "tasks.max"},
      {"retry.backoff.seconds", "retry.backoff.sec"},
      {"consumer.overide.auto.offset.reset", "consumer.override.auto.offset.reset"},
      {"max.in.flight", "delivery.max.in.flight"},
      {"callback.timeout.read", "callback.timeout.read.ms"},
      // Another unit is never suggested.
      {"request.retry.backoff.ms", std::nullopt},
      {"retry.after.max.ms", std::nullopt},
      {"callback.timeout.connect.sec", std::nullopt},
      {"callback.connection.max.age.ms", std::nullopt},
      {"delivery.timeout.seconds", std::nullopt},
      {"delivery.timeout.ns", std::nullopt},
      {"delivery.queue.max.mb", std::nullopt},
      {"foo", std::nullopt},
      {"headers", std::nullopt},
      {"transform", "transforms"},
      {"", std::nullopt},
      {std::string_view("\xFF\x00.", 3), std::nullopt},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(NearestKey(ConnectorKeys(), one.unknown), one.nearest) << one.unknown;
  }
}

}  // namespace
}  // namespace khs::config
