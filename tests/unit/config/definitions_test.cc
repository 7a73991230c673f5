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
      {"delivery.queue.max.kbytes", std::nullopt},
      {"delivery.queue.max.mbytes", std::nullopt},
      {"delivery.queue.max.k.bytes", std::nullopt},
      {"delivery.queue.max.megabytes", std::nullopt},
      {"delivery.queue.max.kib", std::nullopt},
      {"delivery.queue.max.mib", std::nullopt},
      {"deliveryQueueMaxKB", std::nullopt},
      {"delivery.timeout.days", std::nullopt},
      {"delivery.timeout.d", std::nullopt},
      {"delivery.timeout.h", std::nullopt},
      {"delivery.timeout.hr", std::nullopt},
      {"delivery.timeout.hours", std::nullopt},
      {"delivery.timeout.m", std::nullopt},
      {"delivery.timeout.min", std::nullopt},
      {"delivery.timeout.usec", std::nullopt},
      {"deliveryTimeoutSec", std::nullopt},
      {"deliveryTimeoutS", std::nullopt},
      {"delivery.timeoutsec", std::nullopt},
      {"retry.after.maxms", std::nullopt},
      {"retry.after.max.milliSeconds", std::nullopt},
      // The same unit by another name, glued to the word, or none.
      {"deliveryTimeoutMs", "delivery.timeout.ms"},
      {"delivery.timeout.millis", "delivery.timeout.ms"},
      {"delivery.timeoutms", "delivery.timeout.ms"},
      {"delivery_timeout", "delivery.timeout.ms"},
      {"delivery.timout.msec", "delivery.timeout.ms"},
      {"retry.after.maxsec", "retry.after.max.sec"},
      {"retry.after.max.s", "retry.after.max.sec"},
      {"delivery.queue.max", "delivery.queue.max.bytes"},
      {"transforms.", "transforms"},
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
