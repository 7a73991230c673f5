#include "kafka/dead_letter_producer.h"

#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/faulty_broker.h"

namespace khs::kafka {
namespace {

using namespace std::chrono_literals;
using Failure = std::optional<task::DeadLetterFailure>;

class DeadLetterProducerOnMockCluster : public ::testing::Test {
 protected:
  DeadLetterProducerOnMockCluster() { broker_.CreateTopic("letters", 1); }

  void Make(Properties properties = {}) {
    properties.emplace("bootstrap.servers", broker_.bootstrap_servers());
    producer_.emplace(DeadLetterSettings{"letters", true, "c", 0}, properties);
  }
  // Produces a dead letter and waits for the result.
  Failure Produce() {
    std::mutex mutex;
    std::condition_variable answered;
    std::optional<Failure> result;
    producer_->Produce(record_, {delivery::DropReason::kResponseError, 422, "HTTP 422", 1},
                       [&](Failure failure) {
                         const std::lock_guard lock(mutex);
                         result = std::move(failure);
                         answered.notify_all();
                       });
    std::unique_lock lock(mutex);
    answered.wait(lock, [&] { return result.has_value(); });
    return *result;
  }
  // Tries again until a dead letter is written, as the task does. Returns the errors.
  std::vector<std::string> ProduceUntilWritten() {
    std::vector<std::string> failures;
    const auto end = std::chrono::steady_clock::now() + 120s;
    while (std::chrono::steady_clock::now() < end) {
      const Failure failure = Produce();
      if (!failure) return failures;
      EXPECT_FALSE(failure->permanent) << failure->text;
      if (failures.empty() || failures.back() != failure->text) failures.push_back(failure->text);
      // No event says when the client may be replaced.
      std::this_thread::sleep_for(20ms);
    }
    ADD_FAILURE() << "the dead letter was not written in time";
    return failures;
  }

  khs::testing::FaultyBroker broker_;
  delivery::Record record_{{"t", 0}, 7, 1ms, "key", "value", {}};
  std::optional<DeadLetterProducer> producer_;
};

TEST_F(DeadLetterProducerOnMockCluster, ReplacesItsClientAfterAFatalError) {
  broker_.FailProducerIds(RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 2);
  Make();
  const auto start = std::chrono::steady_clock::now();
  const auto failures = ProduceUntilWritten();
  EXPECT_FALSE(failures.empty());
  bool named = false;
  for (const std::string& failure : failures) {
    named = named || failure.find("CLUSTER_AUTHORIZATION_FAILED") != std::string::npos;
  }
  EXPECT_TRUE(named);
  // 1 s after the first failure, 2 s after the second.
  EXPECT_GE(std::chrono::steady_clock::now() - start, 3s);
  EXPECT_FALSE(Produce());
}

TEST_F(DeadLetterProducerOnMockCluster, ReportsARejectedRecordAsPermanent) {
  broker_.FailProduces({RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                        RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
                        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED});
  Make();
  for (const char* reason : {"too large", "ecord", "imestamp"}) {
    const Failure failure = Produce();
    ASSERT_TRUE(failure) << reason;
    EXPECT_TRUE(failure->permanent) << failure->text;
    EXPECT_NE(failure->text.find("dead letter topic letters: "), std::string::npos);
    EXPECT_NE(failure->text.find(reason), std::string::npos) << failure->text;
  }
  const Failure unauthorized = Produce();
  ASSERT_TRUE(unauthorized);
  EXPECT_FALSE(unauthorized->permanent) << unauthorized->text;
}

TEST_F(DeadLetterProducerOnMockCluster, ReportsARecordThatLibrdkafkaRejectsAsPermanent) {
  Make({{"message.max.bytes", "1000"}});
  record_.value = std::string(2'000, 'x');
  const Failure failure = Produce();
  ASSERT_TRUE(failure);
  EXPECT_TRUE(failure->permanent) << failure->text;
}

}  // namespace
}  // namespace khs::kafka
