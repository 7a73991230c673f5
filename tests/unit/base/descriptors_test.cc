#include "base/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/unique_fd.h"

namespace khs::base {
namespace {

// Changes the soft limit and restores it.
class DescriptorsTest : public testing::Test {
 protected:
  DescriptorsTest() { EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0); }
  ~DescriptorsTest() override { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

  void Limit(size_t soft) {
    const rlimit limit{soft, before_.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  static size_t NextNumber() { return static_cast<size_t>(UniqueFd(::dup(0)).get()); }
  static UniqueFd Open(Claim claim) {
    errno = 0;
    return UniqueFd(OpenSocket(AF_INET, SOCK_STREAM, 0, claim));
  }

  rlimit before_{};
};

TEST_F(DescriptorsTest, ReserveAHundredAndAtMostAQuarter) {
  EXPECT_EQ(ReservedDescriptors(524'288), 100u);
  EXPECT_EQ(ReservedDescriptors(1'024), 100u);
  EXPECT_EQ(ReservedDescriptors(400), 100u);
  EXPECT_EQ(ReservedDescriptors(256), 64u);
  EXPECT_EQ(ReservedDescriptors(0), 0u);
}

TEST_F(DescriptorsTest, AreCounted) {
  const auto before = OpenDescriptors();
  ASSERT_TRUE(before);
  const UniqueFd one(::dup(0));
  EXPECT_EQ(OpenDescriptors(), *before + 1);
}

TEST_F(DescriptorsTest, AreRaisedToTheHardLimit) {
  Limit(before_.rlim_max - 1);
  const RaisedLimit raised = RaiseMaxDescriptors();
  EXPECT_EQ(raised.before, before_.rlim_max - 1);
  EXPECT_EQ(raised.now, before_.rlim_max);
  EXPECT_EQ(MaxDescriptors(), before_.rlim_max);
}

// The next descriptor is the last below the reserve, and then the first in it.
TEST_F(DescriptorsTest, ConnectionsMayNotUseTheReserve) {
  std::vector<UniqueFd> taken;
  while (NextNumber() < 29) taken.emplace_back(::dup(0));
  ASSERT_EQ(NextNumber(), 29u);
  Limit(40);  // of which ten are the reserve
  EXPECT_TRUE(Open(Claim::kNeeded));
  taken.emplace_back(::dup(0));
  EXPECT_FALSE(Open(Claim::kNeeded));
  EXPECT_EQ(errno, EMFILE);
  const UniqueFd file(::dup(0));
  ASSERT_TRUE(file) << "the reserve is there for others";
  EXPECT_TRUE(IsReserved(file.get()));
  EXPECT_EQ(NextNumber(), 31u) << "what was refused is closed";
  EXPECT_FALSE(IsReserved(taken.back().get()));
  Limit(400);
  EXPECT_TRUE(Open(Claim::kNeeded));
}

TEST_F(DescriptorsTest, AdditionalConnectionsStopNearTheLimit) {
  std::vector<UniqueFd> taken;
  while (NextNumber() < 25) taken.emplace_back(::dup(0));
  ASSERT_EQ(NextNumber(), 25u);
  Limit(40);
  EXPECT_FALSE(Open(Claim::kMore));
  EXPECT_TRUE(IsDescriptorShortage(errno));
  EXPECT_TRUE(IsNearDescriptorLimit());
  EXPECT_TRUE(Open(Claim::kNeeded));
  taken.pop_back();
  EXPECT_TRUE(Open(Claim::kMore));
}

}  // namespace
}  // namespace khs::base
