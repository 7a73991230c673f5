#include "kafka/group_offsets.h"

#include <gmock/gmock.h>

#include <chrono>

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;

TEST(GroupOffsets, ReturnLibrdkafkasMessageWhenNoClientCanBeCreated) {
  const GroupOffsets offsets(Properties{{"no.such.property", "x"}});
  const auto listed = offsets.List("g", 1s);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind, AdminError::Kind::kFailed);
  EXPECT_NE(listed.error().text.find("no.such.property"), std::string::npos) << listed.error().text;
}

TEST(GroupOffsets, TimeOutWhenNoBrokerListens) {
  const GroupOffsets offsets(Properties{{"bootstrap.servers", "127.0.0.1:1"}});
  const auto start = std::chrono::steady_clock::now();
  const auto reset = offsets.Reset("g", 300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);  // librdkafka's own timeout is a minute
  ASSERT_FALSE(reset);
  EXPECT_EQ(reset.error().kind, AdminError::Kind::kUnavailable);
  EXPECT_NE(reset.error().text.find("Connection refused"), std::string::npos) << reset.error().text;
}

TEST(GroupOffsets, IgnoreGroupPropertiesOfTheConnector) {
  const GroupOffsets offsets(Properties{{"bootstrap.servers", "127.0.0.1:1"},
                                        {"group.id", "own"},
                                        {"group.instance.id", "pod-0"},
                                        {"auto.offset.reset", "latest"}});
  const auto listed = offsets.List("own", 1ms);
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind, AdminError::Kind::kUnavailable) << listed.error().text;
}

TEST(GroupOffsets, RedactSecrets) {
  const GroupOffsets offsets(
      Properties{{"bootstrap.servers", base::Secret::FromReference("127.0.0.1:1")}});
  const auto reset = offsets.Reset("g", 300ms);
  ASSERT_FALSE(reset);
  EXPECT_THAT(reset.error().text, testing::AllOf(testing::HasSubstr("[hidden]"),
                                                 testing::Not(testing::HasSubstr("127.0.0.1"))));
}

}  // namespace
}  // namespace khs::kafka
