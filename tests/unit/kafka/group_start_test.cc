#include "kafka/group_start.h"

#include <gmock/gmock.h>

namespace khs::kafka {
namespace {

constexpr int64_t kStart = 1'700'000'000'000;
constexpr int64_t kMuchLater = kStart + 3'600'000;

GroupStart StartOf(uint32_t subscription, std::map<std::string, int32_t> partitions) {
  return {kStart, subscription, std::move(partitions)};
}

TEST(GroupStart, IsReadBackFromTheMetadataOfACommit) {
  const GroupStart start = StartOf(0xcafe, {{"a", 3}, {"b", 1}});
  const std::string metadata = PrependGroupStart(start, "a", "khs1:abc");
  const auto [read, rest] = SplitGroupStart("a", metadata);
  EXPECT_EQ(read, StartOf(0xcafe, {{"a", 3}}));
  EXPECT_EQ(rest, "khs1:abc");
}

TEST(GroupStart, LeavesOtherMetadataUnchanged) {
  for (const char* text : {"", "khs1:abc", "start=", "start=1", "start=1,2", "start=1,2,3",
                           "start=-1,2,3;", "start=1,-2,3;", "start=99999999999999999999,2,3;",
                           "start=1,2,99999999999;", "start=x,2,3;khs1:"}) {
    const auto [start, rest] = SplitGroupStart("a", text);
    EXPECT_EQ(start, std::nullopt) << text;
    EXPECT_EQ(rest, text);
  }
}

TEST(GroupStart, IsTheEarliestThatAnyMemberKnows) {
  std::optional<GroupStart> known;
  MergeGroupStart(known, std::nullopt);
  EXPECT_EQ(known, std::nullopt);
  MergeGroupStart(known, GroupStart{kStart + 5, 1, {{"a", 4}}});
  MergeGroupStart(known, GroupStart{kStart, 2, {{"a", 3}, {"b", 1}}});
  MergeGroupStart(known, GroupStart{kStart + 9, 3, {{"a", 5}}});
  EXPECT_EQ(known, (GroupStart{kStart, 2, {{"a", 3}, {"b", 1}}}));
}

TEST(GroupStart, SkipsAllRecordsOnlyWhenTheGroupStartsNow) {
  EXPECT_EQ(DecideLatest(std::nullopt, 1, kStart, {"a", 0}), LatestStart::kEnd);
  EXPECT_EQ(DecideLatest(StartOf(1, {{"a", 3}}), 1, kMuchLater, {"a", 2}),
            LatestStart::kSinceStart);
}

TEST(GroupStart, StartsAnAddedPartitionAtItsBeginning) {
  EXPECT_EQ(DecideLatest(StartOf(1, {{"a", 3}}), 1, kStart, {"a", 3}), LatestStart::kBeginning);
  EXPECT_EQ(DecideLatest(StartOf(1, {{"a", 0}}), 1, kStart, {"a", 0}), LatestStart::kBeginning);
}

TEST(GroupStart, StartsALaterTopicAtItsBeginning) {
  EXPECT_EQ(DecideLatest(StartOf(1, {{"a", 3}}), 1, kMuchLater, {"b", 0}), LatestStart::kBeginning);
}

// Another member may own the topic and not have committed its start yet.
TEST(GroupStart, UsesTimestampsWhileTheGroupIsYoung) {
  EXPECT_EQ(DecideLatest(StartOf(1, {{"a", 3}}), 1, kStart + 1'000, {"b", 0}),
            LatestStart::kSinceStart);
}

// The topic may be older than the change; nobody subscribed to it before.
TEST(GroupStart, UsesTimestampsForATopicOfAChangedSubscription) {
  EXPECT_EQ(DecideLatest(StartOf(1, {{"a", 3}}), 2, kMuchLater, {"b", 0}),
            LatestStart::kSinceStart);
}

TEST(GroupStart, DistinguishesSubscriptionsByTheirTopics) {
  const auto topics = [](std::vector<std::string> names) {
    return SubscriptionId({std::move(names), {}, "g"});
  };
  EXPECT_EQ(topics({"a", "b"}), topics({"b", "a"}));
  EXPECT_NE(topics({"a", "b"}), topics({"a"}));
  EXPECT_NE(topics({"a"}), SubscriptionId({{}, "a", "g"}));
  EXPECT_NE(SubscriptionId({{}, "a.*", "g"}), SubscriptionId({{}, "b.*", "g"}));
}

}  // namespace
}  // namespace khs::kafka
