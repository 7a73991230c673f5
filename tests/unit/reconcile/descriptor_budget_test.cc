#include "reconcile/descriptor_budget.h"

#include <gtest/gtest.h>

namespace khs::reconcile {
namespace {

config::ConnectorConfig Make(int tasks = 1) {
  config::ConnectorConfig config;
  config.name = "a";
  config.tasks_max = tasks;
  return config;
}

DescriptorUse Use(size_t open, size_t brokers) {
  return {100, 25, brokers, [open] { return open; }};
}

TEST(Descriptors, GrowWithTasksClientsAndBrokers) {
  const size_t one = DescriptorsOf(Make(), 1);
  EXPECT_EQ(one, 14u);
  EXPECT_EQ(DescriptorsOf(Make(3), 1), 3 * one);
  EXPECT_EQ(DescriptorsOf(Make(), 11), one + 30);
  EXPECT_EQ(DescriptorsOf(Make(), 0), DescriptorsOf(Make(), 3));  // not known yet
  config::ConnectorConfig with_queue = Make();
  with_queue.dead_letters.topic = "dead";
  EXPECT_EQ(DescriptorsOf(with_queue, 1), one + 11);
  config::ConnectorConfig with_properties = Make();
  with_properties.subscription.consumer_properties["client.id"] = base::Secret("x");
  EXPECT_EQ(DescriptorsOf(with_properties, 1), one + 11);
}

TEST(DescriptorBudget, AdmitsWhatFitsBelowTheReserve) {
  DescriptorBudget budget;
  budget.Begin(Use(40, 1));
  budget.EndCount();
  EXPECT_FALSE(budget.Admit(Make()));
  EXPECT_FALSE(budget.Admit(Make()));
  EXPECT_TRUE(budget.Admit(Make()));
  EXPECT_FALSE(budget.exceeded());
}

// The connector has opened almost nothing yet.
TEST(DescriptorBudget, CountsTheFutureNeedOfNewConnectors) {
  DescriptorBudget budget;
  budget.Begin(Use(40, 1));
  budget.EndCount();
  budget.Begin(Use(42, 1));
  budget.Count(Make());
  budget.Count(Make());
  budget.EndCount();
  EXPECT_TRUE(budget.Admit(Make()));
}

TEST(DescriptorBudget, CountsOpenDescriptorsWhenTheyExceedTheNeed) {
  DescriptorBudget budget;
  budget.Begin(Use(10, 1));
  budget.EndCount();
  budget.Begin(Use(45, 1));  // of the one that runs
  budget.Count(Make());
  budget.EndCount();
  EXPECT_FALSE(budget.Admit(Make()));
  EXPECT_FALSE(budget.Admit(Make()));
  EXPECT_TRUE(budget.Admit(Make()));
}

TEST(DescriptorBudget, AdmitsAChangeByItsAdditionalNeed) {
  DescriptorBudget budget;
  budget.Begin(Use(40, 1));  // 35 are left, 14 a task
  budget.EndCount();
  ASSERT_FALSE(budget.Admit(Make()));
  const auto why = budget.AdmitChange(Make(), Make(3));
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("it needs about 28 file descriptors, and 54 of the 75"), std::string::npos)
      << *why;
  EXPECT_FALSE(budget.exceeded());  // it was not counted
  EXPECT_FALSE(budget.AdmitChange(Make(), Make(2)));
  EXPECT_TRUE(budget.Admit(Make()));
  EXPECT_FALSE(budget.AdmitChange(Make(2), Make(2)));
  EXPECT_FALSE(budget.AdmitChange(Make(2), Make()));
}

TEST(DescriptorBudget, IsExceededWhenBrokersAreAdded) {
  DescriptorBudget budget;
  budget.Begin(Use(40, 1));
  budget.EndCount();
  budget.Begin(Use(60, 6));
  budget.Count(Make());
  budget.Count(Make());
  budget.EndCount();
  EXPECT_TRUE(budget.exceeded());
  budget.Release(Make());
  EXPECT_FALSE(budget.exceeded());
  EXPECT_TRUE(budget.Admit(Make()));
}

TEST(DescriptorBudget, ReportsTheShortageAndTheRemedy) {
  DescriptorBudget budget;
  budget.Begin(Use(70, 1));
  budget.EndCount();
  EXPECT_EQ(budget.Admit(Make()),
            "not started: it needs about 14 file descriptors, and 70 of the 75 that connectors may "
            "use are taken (the limit is 100, of which 25 are reserved). It starts when there are "
            "enough: raise the limit, or run fewer connectors");
}

}  // namespace
}  // namespace khs::reconcile
