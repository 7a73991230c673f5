#include "kafka/join_watch.h"

#include <gtest/gtest.h>
#include <syslog.h>

#include <string>

namespace khs::kafka {
namespace {

TEST(JoinWatch, KnowsTheStatesInWhichABrokerHoldsAnswersBack) {
  for (const char* state : {"init", "wait-join", "wait-metadata", "wait-sync"}) {
    EXPECT_TRUE(
        SaysJoining(std::string("[thrd:main]: Group \"a -> b\" changed join state steady -> ") +
                    state + " (state up)"))
        << state;
  }
  for (const char* state : {"steady", "wait-assign-call", "wait-unassign-call",
                            "wait-unassign-to-complete", "wait-incr-unassign-to-complete"}) {
    EXPECT_FALSE(
        SaysJoining(std::string("Group \"g\" changed join state wait-sync -> ") + state + " (x)"))
        << state;
  }
  EXPECT_FALSE(SaysJoining("something else"));
}

TEST(JoinWatch, KnowsWhenTheAssignmentIsAboutToChange) {
  for (const char* state :
       {"init", "wait-join", "wait-metadata", "wait-sync", "wait-assign-call", "wait-unassign-call",
        "wait-unassign-to-complete", "wait-incr-unassign-to-complete"}) {
    EXPECT_TRUE(SaysRebalancing(std::string("Group \"g\" changed join state steady -> ") + state +
                                " (state up)"))
        << state;
  }
  EXPECT_FALSE(SaysRebalancing("Group \"g\" changed join state wait-sync -> steady (state up)"));
  // Another version's words must not keep a partition from being read on.
  EXPECT_FALSE(SaysRebalancing("something else"));
}

TEST(JoinWatch, PassesOnWhatLibrdkafkaWouldWithoutTheDebugLinesThatItNeedsItself) {
  const JoinWatch watch({"c", 0}, {});
  EXPECT_EQ(watch.Shown(LOG_ERR), base::LogLevel::kError);
  EXPECT_EQ(watch.Shown(LOG_INFO), base::LogLevel::kInfo);
  EXPECT_EQ(watch.Shown(LOG_DEBUG), base::LogLevel::kTrace);
}

TEST(JoinWatch, RespectsLogLevelAndDebugAsLibrdkafkaDoes) {
  const JoinWatch calm({"c", 0}, {{"log_level", "3"}});
  EXPECT_EQ(calm.Shown(LOG_ERR), base::LogLevel::kError);
  EXPECT_EQ(calm.Shown(LOG_WARNING), std::nullopt);
  EXPECT_EQ(calm.Shown(LOG_DEBUG), base::LogLevel::kTrace);
  const JoinWatch loud({"c", 0}, {{"log_level", "3"}, {"debug", "broker"}});
  EXPECT_EQ(loud.Shown(LOG_INFO), base::LogLevel::kInfo);
  EXPECT_EQ(loud.Shown(LOG_DEBUG), base::LogLevel::kDebug);
}

}  // namespace
}  // namespace khs::kafka
