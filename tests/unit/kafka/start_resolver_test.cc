// What is read of a partition when its topic changes while the brokers are asked about it.

#include "kafka/start_resolver.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

namespace khs::kafka {
namespace {

using delivery::LossReason;

const base::TopicPartition kPartition{"orders", 2};

// The group has committed 582, and reads the commit before it reads the range of the log.
class StartResolverTest : public ::testing::Test {
 protected:
  StartResolver Resolver() {
    StartResolver::Questions questions;
    questions.committed = [this](const task::Partitions&) -> Asked<task::Positions> {
      ++asked_;
      if (!committed_) return task::Positions{};
      return task::Positions{{kPartition, *committed_}};
    };
    questions.ranges = [this](const task::Partitions&) {
      if (recreated_in_between_) committed_.reset();
      return Asked<std::map<base::TopicPartition, LogRange>>({{kPartition, range_}});
    };
    return {std::move(questions), Subscription{{"orders"}, {}, "g"}, ResetPolicy::kEarliest,
            history_};
  }

  std::optional<int64_t> committed_ = 582;
  LogRange range_{0, 3};
  bool recreated_in_between_ = false;  // brokers delete a group's commits together with a topic
  int asked_ = 0;
  std::shared_ptr<GroupHistory> history_ = std::make_shared<GroupHistory>();
};

TEST_F(StartResolverTest, ReportsATruncatedLog) {
  const auto starts = Resolver().ResolveStarts({kPartition});
  ASSERT_TRUE(starts);
  EXPECT_EQ(starts->losses, (task::Losses{{kPartition, 582, 0, 579, LossReason::kTruncated}}));
  EXPECT_EQ(starts->offsets, (task::Positions{{kPartition, 0}}));
}

TEST_F(StartResolverTest, ReportsATopicThatIsRecreatedBetweenTheQuestions) {
  recreated_in_between_ = true;
  const auto starts = Resolver().ResolveStarts({kPartition});
  ASSERT_TRUE(starts);
  EXPECT_EQ(starts->losses, (task::Losses{{kPartition, 582, 0, 0, LossReason::kRecreated}}));
  EXPECT_EQ(starts->offsets, (task::Positions{{kPartition, 0}}));
  EXPECT_EQ(starts->committed, task::Positions());
}

TEST_F(StartResolverTest, ReportsATopicThatIsRecreatedWhileItIsRead) {
  history_->RecordCommit(kPartition, 582, 600);
  recreated_in_between_ = true;
  const auto moves = Resolver().ResolveMoves({{kPartition, {590, true}}});
  ASSERT_TRUE(moves);
  EXPECT_EQ(moves->losses, (task::Losses{{kPartition, 590, 0, 10, LossReason::kRecreated}}));
  EXPECT_EQ(moves->offsets, (task::Positions{{kPartition, 0}}));
}

TEST_F(StartResolverTest, AsksOnceForAnOrdinaryStart) {
  range_ = {0, 600};
  const auto starts = Resolver().ResolveStarts({kPartition});
  ASSERT_TRUE(starts);
  EXPECT_EQ(starts->offsets, (task::Positions{{kPartition, 582}}));
  EXPECT_EQ(asked_, 1);
}

}  // namespace
}  // namespace khs::kafka
