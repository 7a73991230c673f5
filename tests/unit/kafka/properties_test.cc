#include "kafka/properties.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "kafka/configuration.h"
#include "support/certificates.h"
#include "support/few_descriptors.h"
#include "support/few_threads.h"

namespace khs::kafka {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Properties, AreRejectedWithLibrdkafkasMessage) {
  const auto problems = CheckProperties({{"security.protocol", "canary"}, {"no.such", "x"}});
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].property, "no.such");
  EXPECT_THAT(problems[0].message, HasSubstr("No such configuration property"));
  EXPECT_THAT(problems[1].message, HasSubstr("canary"));
}

TEST(Properties, OfNewerVersionsAreAccepted) {
  EXPECT_TRUE(CheckProperties({{"client.dns.lookup", "use_all_dns_ips"},
                               {"enable.metrics.push", "false"},
                               {"retry.backoff.max.ms", "1000"}})
                  .empty());
  EXPECT_THAT(CheckProperties({{"no.such", "x"}}).at(0).message,
              HasSubstr("nor Kafka's Java consumer has \"no.such\""));
}

TEST(Properties, FromASecretAreRedactedWhenRejected) {
  const Properties properties = {{"security.protocol", base::Secret::FromReference("canary")}};
  const auto problems = CheckProperties(properties);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, AllOf(HasSubstr("security.protocol"), HasSubstr("[hidden]"),
                                         Not(HasSubstr("canary"))));
  try {
    MakeConfiguration(properties);
    ADD_FAILURE() << "the properties were accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("canary")));
  }
  EXPECT_THAT(CheckProperties({{"no.such", base::Secret::FromReference("canary")}}).at(0).message,
              AllOf(HasSubstr("No such configuration property"), Not(HasSubstr("canary"))));
}

TEST(Properties, FromASecretAreRedactedWhenNoClientCanBeCreated) {
  const auto secret = base::Secret::FromReference("canary");
  for (const Properties& properties :
       {Properties{{"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", secret}},
        Properties{{"group.id", "g"}, {"partition.assignment.strategy", secret}}}) {
    EXPECT_THAT(TryClient(properties).value_or(""),
                AllOf(HasSubstr("[hidden]"), Not(HasSubstr("canary"))));
  }
}

// librdkafka may log before there is a client with a log callback.
TEST(Properties, FromASecretAreNotLoggedWhileTheyAreSet) {
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(CheckProperties({{"debug", "plugin"},
                                {"log_level", "7"},
                                {"plugin.library.paths", base::Secret::FromReference("canary")}})
                   .empty());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("canary")));
}

TEST(Properties, RejectPathsThatAreNotRegularFiles) {
  const khs::testing::TemporaryDirectory directory;
  const std::string fifo = directory.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const char* name : {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location",
                           "ssl.keystore.location", "ssl.crl.location", "sasl.kerberos.keytab"}) {
    const auto problems = CheckProperties({{name, fifo}});
    ASSERT_EQ(problems.size(), 1u) << name;
    EXPECT_EQ(problems[0].property, name);
    EXPECT_EQ(problems[0].message, "cannot use " + fifo + ": not a regular file");
    EXPECT_THAT(TryClient({{name, fifo}, {"security.protocol", "ssl"}}).value_or(""),
                AllOf(HasSubstr(name), HasSubstr(fifo)));
  }
  EXPECT_THAT(
      CheckProperties({{"ssl.key.location", base::Secret::FromReference(fifo)}}).at(0).message,
      AllOf(HasSubstr("[hidden]"), Not(HasSubstr(fifo))));
}

// See kafka/workarounds/thread_shortage.h. Each case runs in a process of its own, which may start
// only that many threads.
TEST(ClientDeathTest, WithTooFewThreadsIsAnErrorAndNotACrash) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (size_t threads = 0; threads < 6; ++threads) {
    EXPECT_EXIT(
        {
          const ClientLogContext log_context({}, {});
          ConfHandle conf =
              MakeConfiguration({{"bootstrap.servers", "127.0.0.1:1"}, {"group.id", "g"}});
          if (!khs::testing::AllowThreads(threads)) std::_Exit(khs::testing::kNotLet);
          try {
            rd_kafka_destroy(NewClient(RD_KAFKA_CONSUMER, std::move(conf), log_context.redactor));
          } catch (const std::system_error& error) {
            std::_Exit(error.code() == std::errc::resource_unavailable_try_again ? 0 : 1);
          }
          std::_Exit(1);
        },
        khs::testing::ExitedWell, "")
        << threads;
  }
}

// The lack of threads is not the properties' fault.
TEST(ClientDeathTest, WithTooFewThreadsRejectsNoProperty) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        if (!khs::testing::AllowThreads(0)) std::_Exit(khs::testing::kNotLet);
        std::_Exit(TryClient({{"bootstrap.servers", "127.0.0.1:1"}}) ? 1 : 0);
      },
      khs::testing::ExitedWell, "");
}

// A broker connection must not use one of the reserved descriptors.
TEST(Client, UsesNoReservedDescriptors) {
  const ClientLogContext log_context({}, {});
  const khs::testing::FewDescriptors few(khs::testing::FewDescriptors::kReserve);
  ConfHandle conf = MakeConfiguration({{"bootstrap.servers", "127.0.0.1:1"}});
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_ERROR);
  const ClientHandle client(NewClient(RD_KAFKA_PRODUCER, std::move(conf), log_context.redactor));
  const QueueHandle queue(rd_kafka_queue_get_main(client.get()));
  const auto next_error = [&queue] {
    const EventHandle event(rd_kafka_queue_poll(queue.get(), 20'000));
    return event ? std::string(rd_kafka_event_error_string(event.get())) : std::string();
  };
  EXPECT_THAT(next_error(), HasSubstr("Failed to create socket: Too many open files"));
}

TEST(Properties, MayNameACertificateDirectoryAndSpecialValues) {
  const khs::testing::TemporaryDirectory directory;
  const std::string path = directory.path();
  EXPECT_TRUE(CheckProperties({{"ssl.ca.location", path}}).empty());
  EXPECT_TRUE(CheckProperties({{"ssl.ca.location", "probe"}}).empty());
  EXPECT_TRUE(CheckProperties({{"sasl.kerberos.keytab", "KEYRING:user"}}).empty());
  EXPECT_EQ(CheckProperties({{"ssl.key.location", path}}).size(), 1u);
  EXPECT_EQ(CheckProperties({{"sasl.kerberos.keytab", "FILE:" + path}}).size(), 1u);
}

}  // namespace
}  // namespace khs::kafka
