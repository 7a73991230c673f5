#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "metrics/registry.h"
#include "task/task.h"
#include "unit/task/fakes.h"

namespace khs::testing {

inline const base::TopicPartition kFirst{"t", 0};
inline const base::TopicPartition kSecond{"t", 1};

inline delivery::Record MakeRecord(const base::TopicPartition& from, int64_t offset) {
  delivery::Record record;
  record.topic_partition = from;
  record.offset = offset;
  record.value = "v";
  return record;
}

// A task between a fake group member and a fake endpoint.
class TaskTest : public ::testing::Test {
 protected:
  void Start(FakeEndpoint::Script script, delivery::Policy policy = {}, bool paused = false) {
    delivery_.policy = std::move(policy);
    task_ = std::make_unique<task::Task>(
        task::TaskIdentity{"c", 0}, NewSettings(),
        std::make_unique<FakeEndpoint>(endpoint_, std::move(script)), clock_, metrics_,
        [this] { NotifyStatus(); }, paused);
    source_.Send(task::Assigned{{kFirst, kSecond}});
  }
  // Another object whose delivery settings are `delivery_`, whether or not those have changed.
  const task::TaskSettings& NewSettings() {
    settings_.delivery = std::make_shared<const task::DeliverySettings>(delivery_);
    return settings_;
  }
  void Reconfigure() { task_->Reconfigure(NewSettings()); }
  // The task's status has a lock of its own here: the task wakes its source under the lock that
  // status takes, so a wait that looks at both from one side could block the other.
  template <class Condition>
  bool AwaitStatus(Condition&& condition) {
    std::unique_lock lock(status_mutex_);
    return status_changed_.wait_for(lock, std::chrono::seconds(30),
                                    [&] { return condition(task_->status()); });
  }
  bool AwaitState(task::TaskState state) {
    return AwaitStatus([&](const task::TaskStatus& status) { return status.state == state; });
  }
  void NotifyStatus() {
    const std::lock_guard lock(status_mutex_);
    status_changed_.notify_all();
  }
  bool AwaitCommitted(const base::TopicPartition& partition, int64_t offset) {
    return source_.Await([&](SourceLog& log) {
      const auto found = log.committed.find(partition);
      return found != log.committed.end() && found->second == offset;
    });
  }

  // Records that wait for their next attempt, by the gauge.
  bool AwaitWaiting(int count) {
    const std::string line = "records_waiting_retry{connector=\"c\"} " + std::to_string(count);
    return source_.Await([&](auto&) { return registry_.Render().find(line) != std::string::npos; });
  }

  static delivery::Reply Good(const delivery::Record&) {
    return delivery::HttpReply{200, false, {}};
  }

  std::mutex status_mutex_;
  std::condition_variable status_changed_;
  SourceLog source_;
  EndpointLog endpoint_;
  const base::SystemClock clock_;
  metrics::Registry registry_{{"0", "0", "0"}};
  metrics::ConnectorMetrics metrics_{registry_, {"c", "connect-c", "h", "file"}};
  LettersLog letters_;
  task::DeliverySettings delivery_{{}, FakeRoute()};
  task::TaskSettings settings_{
      {}, std::chrono::milliseconds(10), [this] { return std::make_unique<FakeSource>(source_); }};
  std::unique_ptr<task::Task> task_;
};

}  // namespace khs::testing
