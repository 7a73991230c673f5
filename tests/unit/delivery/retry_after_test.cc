#include "delivery/retry_after.h"

#include <gtest/gtest.h>

namespace khs::delivery {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Sun, 06 Nov 1994 08:49:37 GMT
const base::WallTime kNow{seconds(784'111'777)};

TEST(RetryAfter, ParsesSeconds) {
  EXPECT_EQ(ParseRetryAfter("0", kNow), milliseconds(0));
  EXPECT_EQ(ParseRetryAfter("120", kNow), milliseconds(120'000));
  EXPECT_EQ(ParseRetryAfter("  7\t", kNow), milliseconds(7'000));
}

TEST(RetryAfter, ParsesADateInEachOfItsThreeForms) {
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:47 GMT", kNow), milliseconds(10'000));
  EXPECT_EQ(ParseRetryAfter("Sunday, 06-Nov-94 08:49:47 GMT", kNow), milliseconds(10'000));
  EXPECT_EQ(ParseRetryAfter("Sun Nov  6 08:49:47 1994", kNow), milliseconds(10'000));
}

TEST(RetryAfter, CountsADateInMilliseconds) {
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:47 GMT", kNow + milliseconds(250)),
            milliseconds(9'750));
}

TEST(RetryAfter, IsZeroForATimeInThePast) {
  EXPECT_EQ(ParseRetryAfter("Sun, 06 Nov 1994 08:49:36 GMT", kNow), milliseconds(0));
  EXPECT_EQ(ParseRetryAfter("-5", kNow), milliseconds(0));
}

TEST(RetryAfter, IgnoresAnythingElse) {
  for (const char* garbage :
       {"", " ", "-", "soon", "1.5", "12s", "0x10", "+5", "1 2", "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49:47 GMT tomorrow", "Sun, 41 Nov 1994 08:49:47 GMT"}) {
    EXPECT_EQ(ParseRetryAfter(garbage, kNow), std::nullopt) << garbage;
  }
}

TEST(RetryAfter, SurvivesNumbersOfAnySize) {
  const milliseconds longest = seconds(1'000'000'000);
  EXPECT_EQ(ParseRetryAfter("9223372036854775807", kNow), longest);
  EXPECT_EQ(ParseRetryAfter(std::string(5'000, '9'), kNow), longest);
  EXPECT_EQ(ParseRetryAfter("Fri, 31 Dec 9999 23:59:59 GMT", kNow), longest);
}

}  // namespace
}  // namespace khs::delivery
