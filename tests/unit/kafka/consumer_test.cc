#include "kafka/consumer.h"

#include <gtest/gtest.h>

namespace khs::kafka {
namespace {

TEST(Consumer, IsMadeAlsoForMessagesLargerThanWhatIsFetchedAtOnce) {
  const Subscription subscription{{"t"}, {}, "g"};
  EXPECT_NO_THROW(Consumer(
      subscription, {{"bootstrap.servers", "127.0.0.1:1"}, {"message.max.bytes", "20000000"}}));
}

TEST(Consumer, SaysInLibrdkafkasWordsWhatIsWrong) {
  const Subscription subscription{{"t"}, {}, "g"};
  EXPECT_THROW(Consumer(subscription, {{"no.such.property", "x"}}), std::runtime_error);
}

}  // namespace
}  // namespace khs::kafka
