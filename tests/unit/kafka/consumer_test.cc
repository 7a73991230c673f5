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

TEST(Consumer, AcceptsAMessageLimitAboveTheFetchLimit) {
  const Subscription subscription{{"t"}, {}, "g"};
  EXPECT_NO_THROW(Consumer(
      subscription, {{"bootstrap.servers", "127.0.0.1:1"}, {"message.max.bytes", "20000000"}}));
}

TEST(Consumer, ThrowsLibrdkafkasMessage) {
  const Subscription subscription{{"t"}, {}, "g"};
  EXPECT_THROW(Consumer(subscription, {{"no.such.property", "x"}}), std::runtime_error);
}

// What a client says: its log lines, and the errors that the task gets.
struct Messages {
  std::string log;
  std::string errors;
};

// Polls a consumer until one of its errors is redacted.
Messages MessagesOf(const Properties& properties) {
  Messages messages;
  base::ConfigureLog(base::LogLevel::kTrace, base::LogFormat::kLogfmt);
  testing::internal::CaptureStderr();
  {
    Consumer consumer({{"t"}, {}, "g"}, properties);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (messages.errors.find("[hidden]") == std::string::npos &&
           std::chrono::steady_clock::now() < end) {
      const task::SourceEvent event = consumer.Poll(std::chrono::milliseconds(50), 0);
      if (const auto* error = std::get_if<task::SourceError>(&event))
        messages.errors += error->text;
    }
  }
  messages.log = testing::internal::GetCapturedStderr();
  base::ConfigureLog(base::LogLevel::kInfo, base::LogFormat::kLogfmt);
  return messages;
}

TEST(Consumer, RedactsSecretsInErrorsAboutBrokers) {
  const Messages messages =
      MessagesOf({{"bootstrap.servers", base::Secret::FromReference("127.0.0.1:1")},
                  {"client.rack", base::Secret::FromReference("canary")},
                  {"debug", "conf"}});
  for (const std::string& text : {messages.log, messages.errors}) {
    EXPECT_THAT(text, HasSubstr("[hidden]"));
    EXPECT_THAT(text, Not(HasSubstr("127.0.0.1:1")));
    EXPECT_THAT(text, Not(HasSubstr("canary")));
  }
}

TEST(Consumer, RedactsRenewedCredentials) {
  Consumer consumer({{"t"}, {}, "g"}, {{"bootstrap.servers", "127.0.0.1:1"}});
  consumer.Renew({"127.0.0.1:1", "x"});  // a user name that the errors contain
  std::string errors;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (errors.empty() && std::chrono::steady_clock::now() < end) {
    const task::SourceEvent event = consumer.Poll(std::chrono::milliseconds(50), 0);
    if (const auto* error = std::get_if<task::SourceError>(&event)) errors += error->text;
  }
  EXPECT_THAT(errors, AllOf(HasSubstr("[hidden]"), Not(HasSubstr("127.0.0.1:1"))));
}

TEST(Consumer, RedactsSecretsThatLibrdkafkaCannotParse) {
  const Messages messages = MessagesOf(
      {{"bootstrap.servers", "127.0.0.1:1"},
       {"security.protocol", "SASL_PLAINTEXT"},
       {"sasl.mechanism", "OAUTHBEARER"},
       {"enable.sasl.oauthbearer.unsecure.jwt", "true"},
       {"sasl.oauthbearer.config", base::Secret::FromReference("principal=admin canary=1")}});
  EXPECT_THAT(messages.errors, HasSubstr("sasl.oauthbearer.config beginning at:[hidden]"));
  EXPECT_THAT(messages.log, Not(HasSubstr("canary")));
}

TEST(DeadLetterProducer, RedactsSecrets) {
  testing::internal::CaptureStderr();
  {
    DeadLetterProducer producer({"dead", true, "c", 0},
                                {{"bootstrap.servers", base::Secret::FromReference("127.0.0.1:1")},
                                 {"message.timeout.ms", "1000"}});
    delivery::Record record;
    record.topic_partition = {"t", 0};
    std::promise<void> ended;  // by its timeout, long after the first error
    producer.Produce(record, {delivery::DropReason::kRetriesExhausted, {}, "", 1},
                     [&ended](const auto&) { ended.set_value(); });
    ended.get_future().wait();
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("dead letter producer error"), HasSubstr("[hidden]"),
                    Not(HasSubstr("127.0.0.1"))));
}

}  // namespace
}  // namespace khs::kafka
