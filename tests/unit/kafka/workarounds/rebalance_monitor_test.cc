#include "kafka/workarounds/rebalance_monitor.h"

#include <gtest/gtest.h>
#include <syslog.h>

#include <string>

namespace khs::kafka {
namespace {

TEST(RebalanceMonitor, RecognizesTheStatesOfAJoin) {
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

TEST(RebalanceMonitor, RecognizesTheStatesOfARebalance) {
  for (const char* state :
       {"init", "wait-join", "wait-metadata", "wait-sync", "wait-assign-call", "wait-unassign-call",
        "wait-unassign-to-complete", "wait-incr-unassign-to-complete"}) {
    EXPECT_TRUE(SaysRebalancing(std::string("Group \"g\" changed join state steady -> ") + state +
                                " (state up)"))
        << state;
  }
  EXPECT_FALSE(SaysRebalancing("Group \"g\" changed join state wait-sync -> steady (state up)"));
  // Other wording of another version must not stop the recovery of partitions.
  EXPECT_FALSE(SaysRebalancing("something else"));
}

TEST(RebalanceMonitor, RecognizesAMemberOutsideItsGroup) {
  EXPECT_TRUE(SaysOutsideGroup("Group \"g\" changed join state steady -> init (state up)"));
  for (const char* state :
       {"wait-join", "wait-metadata", "wait-sync", "wait-assign-call", "wait-unassign-call",
        "wait-unassign-to-complete", "wait-incr-unassign-to-complete", "steady"}) {
    EXPECT_FALSE(SaysOutsideGroup(std::string("Group \"g\" changed join state init -> ") + state +
                                  " (state up)"))
        << state;
  }
}

TEST(RebalanceMonitor, LogsItsOwnDebugLinesAtTraceLevel) {
  const RebalanceMonitor monitor({"c", 0}, {});
  EXPECT_EQ(monitor.VisibleLevel(LOG_ERR), base::LogLevel::kError);
  EXPECT_EQ(monitor.VisibleLevel(LOG_INFO), base::LogLevel::kInfo);
  EXPECT_EQ(monitor.VisibleLevel(LOG_DEBUG), base::LogLevel::kTrace);
}

TEST(RebalanceMonitor, AppliesLogLevelAndDebugAsLibrdkafkaDoes) {
  const RebalanceMonitor quiet({"c", 0}, {{"log_level", "3"}});
  EXPECT_EQ(quiet.VisibleLevel(LOG_ERR), base::LogLevel::kError);
  EXPECT_EQ(quiet.VisibleLevel(LOG_WARNING), std::nullopt);
  EXPECT_EQ(quiet.VisibleLevel(LOG_DEBUG), base::LogLevel::kTrace);
  const RebalanceMonitor verbose({"c", 0}, {{"log_level", "3"}, {"debug", "broker"}});
  EXPECT_EQ(verbose.VisibleLevel(LOG_INFO), base::LogLevel::kInfo);
  EXPECT_EQ(verbose.VisibleLevel(LOG_DEBUG), base::LogLevel::kDebug);
}

}  // namespace
}  // namespace khs::kafka
