#include "kafka/admin_client.h"

#include <gtest/gtest.h>

namespace khs::kafka {
namespace {

TEST(PartList, JoinsItsParts) {
  PartList parts;
  EXPECT_TRUE(parts.empty());
  parts.Add("a");
  parts.Add("b");
  EXPECT_FALSE(parts.empty());
  EXPECT_EQ(parts.text(), "a; b");
}

TEST(PartList, OnlyCountsAfterTenParts) {
  PartList parts;
  for (int i = 0; i < 12; ++i) parts.Add("x");
  EXPECT_EQ(parts.text(), "x; x; x; x; x; x; x; x; x; x; and 2 more");
}

}  // namespace
}  // namespace khs::kafka
