// A paused task with a real consumer on librdkafka's mock cluster.

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>

#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "metrics/registry.h"
#include "support/faulty_broker.h"
#include "task/task.h"
#include "unit/task/fakes.h"

namespace khs {
namespace {

using namespace std::chrono_literals;
using base::TopicPartition;

constexpr auto kPatience = 60s;
constexpr int kPartitions = 2;

struct Polls {
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;

  void Add() {
    const std::lock_guard lock(mutex);
    ++count;
    changed.notify_all();
  }
  bool AwaitMore(int more) {
    std::unique_lock lock(mutex);
    const int wanted = count + more;
    return changed.wait_for(lock, kPatience, [&] { return count >= wanted; });
  }
};

// A consumer that counts its polls.
class CountedSource final : public task::RecordSource {
 public:
  CountedSource(const kafka::Subscription& subscription, const kafka::Properties& properties,
                Polls& polls)
      : consumer_(subscription, properties), polls_(polls) {}

  task::SourceEvent Poll(std::chrono::milliseconds timeout, size_t wanted_bytes) override {
    task::SourceEvent event = consumer_.Poll(timeout, wanted_bytes);
    polls_.Add();
    return event;
  }
  void Wake() noexcept override { consumer_.Wake(); }
  void Pause(const task::Partitions& partitions) override { consumer_.Pause(partitions); }
  void Resume(const task::Partitions& partitions) override { consumer_.Resume(partitions); }
  void Commit(const task::Positions& positions) override { consumer_.Commit(positions); }
  task::Committed CommitAndWait(task::Positions positions,
                                std::chrono::milliseconds timeout) override {
    return consumer_.CommitAndWait(std::move(positions), timeout);
  }
  void Renew(const task::Credentials& credentials) override { consumer_.Renew(credentials); }
  std::optional<int64_t> LogEnd(const base::TopicPartition& partition) const override {
    return consumer_.LogEnd(partition);
  }
  void CompleteRevoke() override { consumer_.CompleteRevoke(); }
  void Leave(std::chrono::milliseconds timeout) override { consumer_.Leave(timeout); }

 private:
  kafka::Consumer consumer_;
  Polls& polls_;
};

// A task that is a member of the group "g", with an endpoint that records what it is sent.
class Member {
 public:
  Member(int id, const std::string& bootstrap, bool paused) {
    const kafka::Properties properties{{"bootstrap.servers", bootstrap},
                                       {"session.timeout.ms", "6000"}};
    task::TaskSettings settings{std::make_shared<const task::DeliverySettings>(
                                    task::DeliverySettings{{}, testing::FakeRoute()}),
                                50ms, [this, properties] {
                                  return std::make_unique<CountedSource>(
                                      kafka::Subscription{{"t"}, {}, "g"}, properties, polls_);
                                }};
    task_ = std::make_unique<task::Task>(
        task::TaskIdentity{"c", id}, std::move(settings),
        std::make_unique<testing::FakeEndpoint>(endpoint_,
                                                [](const delivery::Record&) {
                                                  return delivery::HttpReply{200, false, {}};
                                                }),
        clock_, metrics_,
        [this] {
          const std::lock_guard lock(mutex_);
          changed_.notify_all();
        },
        paused);
  }

  task::Task& task() { return *task_; }
  Polls& polls() { return polls_; }
  bool AwaitState(task::TaskState state) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return task_->status().state == state; });
  }
  bool AwaitReceived(size_t count) { return endpoint_.AwaitReceived(count); }
  std::vector<std::pair<TopicPartition, int64_t>> Received() {
    const std::lock_guard lock(endpoint_.mutex);
    return endpoint_.received;
  }
  bool AwaitAssigned(int count) {
    const std::string line = "assigned_partitions{connector=\"c\"} " + std::to_string(count) + "\n";
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (registry_.Render().find(line) == std::string::npos) {
      if (std::chrono::steady_clock::now() > until || !polls_.AwaitMore(1)) return false;
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  const base::SystemClock clock_;
  metrics::Registry registry_{{"0", "0", "0"}};
  metrics::ConnectorMetrics metrics_{registry_, {"c", "g", "h", "file"}};
  testing::EndpointLog endpoint_;
  Polls polls_;
  std::unique_ptr<task::Task> task_;  // last, because it uses all of the above
};

class TaskPauseOnMockCluster : public ::testing::Test {
 protected:
  TaskPauseOnMockCluster() { broker_.CreateTopic("t", kPartitions); }

  void Produce(int count) {
    kafka::Producer producer({{"bootstrap.servers", broker_.bootstrap_servers()}});
    for (int partition = 0; partition < kPartitions; ++partition) {
      for (int i = 0; i < count; ++i) producer.Produce("t", partition, "k", "v");
    }
    ASSERT_TRUE(producer.Flush(30s));
  }
  // Expects each record of each partition once and in order.
  static void ExpectAll(const std::vector<std::pair<TopicPartition, int64_t>>& received,
                        int64_t count) {
    std::map<TopicPartition, int64_t> next;
    for (const auto& [partition, offset] : received) {
      EXPECT_EQ(offset, next[partition]++) << partition.partition;
    }
    for (const auto& [partition, offset] : next) EXPECT_EQ(offset, count) << partition.partition;
    EXPECT_EQ(next.size(), static_cast<size_t>(kPartitions));
  }

  testing::FaultyBroker broker_;
};

TEST_F(TaskPauseOnMockCluster, ContinuesWhereItPaused) {
  Produce(2000);
  Member member(0, broker_.bootstrap_servers(), false);
  size_t sent = 0;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(member.AwaitReceived(sent + 1));
    member.task().SetPaused(true);
    ASSERT_TRUE(member.AwaitState(task::TaskState::kPaused));
    sent = member.Received().size();
    Produce(100);
    ASSERT_TRUE(member.polls().AwaitMore(5));
    EXPECT_EQ(member.Received().size(), sent);
    member.task().SetPaused(false);
    ASSERT_TRUE(member.AwaitState(task::TaskState::kRunning));
  }
  ASSERT_TRUE(member.AwaitReceived(kPartitions * 2300));
  ExpectAll(member.Received(), 2300);
}

TEST_F(TaskPauseOnMockCluster, DeliversNothingThatIsAssignedDuringAPause) {
  Produce(50);
  Member first(0, broker_.bootstrap_servers(), true);
  ASSERT_TRUE(first.AwaitAssigned(kPartitions));
  // It gets one partition, and the first member gets the other one again.
  Member second(1, broker_.bootstrap_servers(), false);
  ASSERT_TRUE(second.AwaitReceived(50));
  ASSERT_TRUE(first.AwaitAssigned(1));
  ASSERT_TRUE(first.polls().AwaitMore(5));
  EXPECT_TRUE(first.Received().empty());
  EXPECT_EQ(first.task().status().state, task::TaskState::kPaused);
  first.task().SetPaused(false);
  ASSERT_TRUE(first.AwaitReceived(50));
  auto all = first.Received();
  const auto others = second.Received();
  all.insert(all.end(), others.begin(), others.end());
  ExpectAll(all, 50);
}

}  // namespace
}  // namespace khs
