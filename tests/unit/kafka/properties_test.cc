#include "kafka/properties.h"

#include <gmock/gmock.h>

#include <stdexcept>

#include "kafka/configuration.h"

namespace khs::kafka {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Properties, AreRefusedInLibrdkafkasWords) {
  const auto problems = CheckProperties({{"security.protocol", "canary"}, {"no.such", "x"}});
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].property, "no.such");
  EXPECT_THAT(problems[0].message, HasSubstr("No such configuration property"));
  EXPECT_THAT(problems[1].message, HasSubstr("canary"));
}

TEST(Properties, FromASecretAreNotQuoted) {
  const Properties properties = {{"security.protocol", base::Secret::FromReference("canary")}};
  const auto problems = CheckProperties(properties);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, AllOf(HasSubstr("security.protocol"), HasSubstr("[hidden]"),
                                         Not(HasSubstr("canary"))));
  try {
    MakeConfiguration(properties);
    ADD_FAILURE() << "was taken";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("canary")));
  }
  EXPECT_THAT(CheckProperties({{"no.such", base::Secret::FromReference("canary")}}).at(0).message,
              AllOf(HasSubstr("No such configuration property"), Not(HasSubstr("canary"))));
}

}  // namespace
}  // namespace khs::kafka
