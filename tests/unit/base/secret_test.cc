#include "base/secret.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

namespace khs::base {
namespace {

TEST(Secret, PrintsAsStars) {
  const Secret secret = std::string("canary");
  std::ostringstream stream;
  stream << secret;
  EXPECT_EQ(stream.str(), "***");
  EXPECT_EQ(fmt::format("<{}>", secret), "<***>");
  EXPECT_EQ(::testing::PrintToString(secret), "***");
  EXPECT_EQ(::testing::PrintToString(std::map<std::string, Secret>{{"a", secret}}).find("canary"),
            std::string::npos);
}

TEST(Secret, RevealsItsTextOnlyOnPurpose) {
  EXPECT_EQ(Secret("canary").Reveal(), "canary");
  EXPECT_FALSE((std::is_convertible_v<Secret, std::string>));
}

TEST(Secret, DiffersByTextAndOrigin) {
  EXPECT_EQ(Secret("a"), Secret("a"));
  EXPECT_NE(Secret("a"), Secret("b"));
  EXPECT_TRUE(Secret::FromReference("a").is_from_reference());
  EXPECT_NE(Secret("a"), Secret::FromReference("a"));
}

}  // namespace
}  // namespace khs::base
