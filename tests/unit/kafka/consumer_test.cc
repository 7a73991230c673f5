#include "kafka/consumer.h"

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <string>
#include <variant>

#include "base/log.h"
#include "kafka/dead_letter_producer.h"

namespace khs::kafka {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Consumer, IsMadeAlsoForMessagesLargerThanWhatIsFetchedAtOnce) {
  const Subscription subscription{{"t"}, {}, "g"};
  EXPECT_NO_THROW(Consumer(
      subscription, {{"bootstrap.servers", "127.0.0.1:1"}, {"message.max.bytes", "20000000"}}));
}

TEST(Consumer, SaysInLibrdkafkasWordsWhatIsWrong) {
  const Subscription subscription{{"t"}, {}, "g"};
  EXPECT_THROW(Consumer(subscription, {{"no.such.property", "x"}}), std::runtime_error);
}

// Of the client, whoever tells them: the log's lines, and the errors that come to the task.
struct Words {
  std::string log;
  std::string errors;
};

// Until the errors hide something, as they surely do.
Words WordsOf(const Properties& properties) {
  Words words;
  base::ConfigureLog(base::LogLevel::kTrace, base::LogFormat::kLogfmt);
  testing::internal::CaptureStderr();
  {
    Consumer consumer({{"t"}, {}, "g"}, properties);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (words.errors.find("[hidden]") == std::string::npos &&
           std::chrono::steady_clock::now() < end) {
      const task::SourceEvent event = consumer.Poll(std::chrono::milliseconds(50), 0);
      if (const auto* error = std::get_if<task::SourceError>(&event)) words.errors += error->text;
    }
  }
  words.log = testing::internal::GetCapturedStderr();
  base::ConfigureLog(base::LogLevel::kInfo, base::LogFormat::kLogfmt);
  return words;
}

TEST(Consumer, QuotesNoSecretOfItsBrokers) {
  const Words words = WordsOf({{"bootstrap.servers", base::Secret::FromReference("127.0.0.1:1")},
                               {"client.rack", base::Secret::FromReference("canary")},
                               {"debug", "conf"}});
  for (const std::string& text : {words.log, words.errors}) {
    EXPECT_THAT(text, HasSubstr("[hidden]"));
    EXPECT_THAT(text, Not(HasSubstr("127.0.0.1:1")));
    EXPECT_THAT(text, Not(HasSubstr("canary")));
  }
}

TEST(Consumer, QuotesNoRenewedCredentials) {
  Consumer consumer({{"t"}, {}, "g"}, {{"bootstrap.servers", "127.0.0.1:1"}});
  consumer.Renew({"127.0.0.1:1", "x"});  // a user's name that is sure to be quoted
  std::string errors;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (errors.empty() && std::chrono::steady_clock::now() < end) {
    const task::SourceEvent event = consumer.Poll(std::chrono::milliseconds(50), 0);
    if (const auto* error = std::get_if<task::SourceError>(&event)) errors += error->text;
  }
  EXPECT_THAT(errors, AllOf(HasSubstr("[hidden]"), Not(HasSubstr("127.0.0.1:1"))));
}

TEST(Consumer, QuotesNoSecretThatIsNotUnderstood) {
  const Words words = WordsOf(
      {{"bootstrap.servers", "127.0.0.1:1"},
       {"security.protocol", "SASL_PLAINTEXT"},
       {"sasl.mechanism", "OAUTHBEARER"},
       {"enable.sasl.oauthbearer.unsecure.jwt", "true"},
       {"sasl.oauthbearer.config", base::Secret::FromReference("principal=admin canary=1")}});
  EXPECT_THAT(words.errors, HasSubstr("sasl.oauthbearer.config beginning at:[hidden]"));
  EXPECT_THAT(words.log, Not(HasSubstr("canary")));
}

TEST(DeadLetterProducer, QuotesNoSecret) {
  testing::internal::CaptureStderr();
  {
    DeadLetterProducer producer({"dead", true, "c", 0},
                                {{"bootstrap.servers", base::Secret::FromReference("127.0.0.1:1")},
                                 {"message.timeout.ms", "1000"}});
    delivery::Record record;
    record.topic_partition = {"t", 0};
    std::promise<void> ended;  // by its time, long after the first error
    producer.Produce(record, {delivery::DropReason::kRetriesExhausted, {}, "", 1},
                     [&ended](const auto&) { ended.set_value(); });
    ended.get_future().wait();
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("producer of dead letters reports an error"), HasSubstr("[hidden]"),
                    Not(HasSubstr("127.0.0.1"))));
}

}  // namespace
}  // namespace khs::kafka
