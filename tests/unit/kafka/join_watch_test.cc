#include "kafka/join_watch.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace khs::kafka
