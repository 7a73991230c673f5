#include <atomic>
#include <thread>

#include "task/lanes.h"
#include "unit/task/task_fixture.h"

namespace khs::task {
namespace {

using namespace std::chrono_literals;
using testing::kFirst;
using testing::kSecond;
using testing::MakeRecord;

base::Now At(std::chrono::milliseconds since_start) {
  return {base::MonotonicTime(since_start), base::WallTime(since_start)};
}

class PausedLanes : public ::testing::Test {
 protected:
  void Assign(const Partitions& partitions) {
    lanes_.Assign(partitions);
    for (const base::TopicPartition& partition : partitions) {
      lanes_.Restore(partition, std::nullopt, {});
    }
  }

  delivery::Policy policy_;
  Lanes lanes_{std::make_shared<delivery::Policy>(policy_)};
};

TEST_F(PausedLanes, TakeNothingAndWantNothing) {
  Assign({kFirst, kSecond});
  lanes_.Add(MakeRecord(kFirst, 0), At(0s));
  lanes_.ApplyDecision(lanes_.Take(At(0s).monotonic), delivery::Retry{{}, 5s}, At(0s).monotonic);
  lanes_.Add(MakeRecord(kSecond, 0), At(0s));
  lanes_.SetPaused(true, At(0s).monotonic);
  EXPECT_FALSE(lanes_.HasReady());
  EXPECT_FALSE(lanes_.NextDue());
  EXPECT_EQ(lanes_.UpdateDemand(At(1s).monotonic).bytes, 0u);
  EXPECT_FALSE(lanes_.Take(At(10s).monotonic));
  EXPECT_EQ(lanes_.records(), 2u);
}

TEST_F(PausedLanes, KeepTheDueTimesOfRecords) {
  Assign({kFirst});
  lanes_.Add(MakeRecord(kFirst, 0), At(0s));
  lanes_.ApplyDecision(lanes_.Take(At(0s).monotonic), delivery::Retry{{}, 5s}, At(0s).monotonic);
  lanes_.SetPaused(true, At(0s).monotonic);
  lanes_.SetPaused(false, At(0s).monotonic);
  EXPECT_EQ(lanes_.NextDue(), At(5s).monotonic);
  EXPECT_FALSE(lanes_.Take(At(4999ms).monotonic));
  lanes_.SetPaused(true, At(0s).monotonic);
  EXPECT_FALSE(lanes_.Take(At(5s).monotonic));
  lanes_.SetPaused(false, At(0s).monotonic);
  EXPECT_TRUE(lanes_.Take(At(60s).monotonic));
}

TEST_F(PausedLanes, StopTheTimeInWhichDeliveryTimeoutsCount) {
  const auto delivery_time = [this](std::chrono::milliseconds now) {
    return lanes_.DeliveryTime(At(now).monotonic).time_since_epoch();
  };
  EXPECT_EQ(delivery_time(2s), 2s);
  lanes_.SetPaused(true, At(2s).monotonic);
  EXPECT_EQ(delivery_time(3s), 2s);
  lanes_.SetPaused(true, At(3s).monotonic);
  EXPECT_EQ(delivery_time(60s), 2s);
  lanes_.SetPaused(false, At(62s).monotonic);
  EXPECT_EQ(delivery_time(62s), 2s);
  lanes_.SetPaused(false, At(63s).monotonic);
  EXPECT_EQ(delivery_time(65s), 5s);
  lanes_.SetPaused(true, At(66s).monotonic);
  EXPECT_EQ(delivery_time(70s), 6s);
  lanes_.SetPaused(false, At(76s).monotonic);
  EXPECT_EQ(delivery_time(77s), 7s);
}

TEST_F(PausedLanes, FinishJobsInFlight) {
  Assign({kFirst});
  lanes_.Add(MakeRecord(kFirst, 0), At(0s));
  lanes_.Add(MakeRecord(kFirst, 1), At(0s));
  JobPtr job = lanes_.Take(At(0s).monotonic);
  lanes_.SetPaused(true, At(0s).monotonic);
  EXPECT_TRUE(lanes_.ApplyDecision(std::move(job), delivery::Deliver{}, At(0s).monotonic));
  EXPECT_EQ(lanes_.TakeCommittable(), (Positions{{kFirst, 1}}));
  EXPECT_FALSE(lanes_.Take(At(0s).monotonic));
}

TEST_F(PausedLanes, PauseAllPartitionsIncludingNewlyAssignedOnes) {
  Assign({kFirst});
  EXPECT_TRUE(lanes_.TakeFlowChanges().pause.empty());
  lanes_.SetPaused(true, At(0s).monotonic);
  ASSERT_TRUE(lanes_.HasFlowChanges());
  EXPECT_EQ(lanes_.TakeFlowChanges().pause, (Partitions{kFirst}));
  Assign({kSecond});
  ASSERT_TRUE(lanes_.HasFlowChanges());
  EXPECT_EQ(lanes_.TakeFlowChanges().pause, (Partitions{kSecond}));
  EXPECT_TRUE(lanes_.TakeFlowChanges().pause.empty());
  lanes_.SetPaused(false, At(0s).monotonic);
  ASSERT_TRUE(lanes_.HasFlowChanges());
  const Lanes::Flow flow = lanes_.TakeFlowChanges();
  EXPECT_TRUE(flow.pause.empty());
  EXPECT_EQ(flow.resume, (Partitions{kFirst, kSecond}));
}

TEST_F(PausedLanes, KeepAPartitionThatIsOverQuotaPausedAfterResuming) {
  Assign({kFirst, kSecond});
  delivery::Record large = MakeRecord(kFirst, 0);
  large.value = std::string(policy_.queue_max_bytes * 3 / 4, 'x');
  lanes_.Add(std::move(large), At(0s));
  ASSERT_EQ(lanes_.TakeFlowChanges().pause, (Partitions{kFirst}));
  lanes_.SetPaused(true, At(0s).monotonic);
  EXPECT_EQ(lanes_.TakeFlowChanges().pause, (Partitions{kSecond}));
  lanes_.SetPaused(false, At(0s).monotonic);
  EXPECT_EQ(lanes_.TakeFlowChanges().resume, (Partitions{kSecond}));
  lanes_.ApplyDecision(lanes_.Take(At(0s).monotonic), delivery::Deliver{}, At(0s).monotonic);
  EXPECT_EQ(lanes_.TakeFlowChanges().resume, (Partitions{kFirst}));
}

TEST_F(PausedLanes, ResumeAPartitionLaterWhoseBackPressureEndedMeanwhile) {
  Assign({kFirst});
  delivery::Record large = MakeRecord(kFirst, 0);
  large.value = std::string(policy_.queue_max_bytes * 3 / 4, 'x');
  lanes_.Add(std::move(large), At(0s));
  ASSERT_EQ(lanes_.TakeFlowChanges().pause, (Partitions{kFirst}));
  JobPtr job = lanes_.Take(At(0s).monotonic);
  lanes_.SetPaused(true, At(0s).monotonic);
  lanes_.ApplyDecision(std::move(job), delivery::Deliver{}, At(0s).monotonic);
  const Lanes::Flow flow = lanes_.TakeFlowChanges();
  EXPECT_TRUE(flow.pause.empty());
  EXPECT_TRUE(flow.resume.empty());
  lanes_.SetPaused(false, At(0s).monotonic);
  EXPECT_EQ(lanes_.TakeFlowChanges().resume, (Partitions{kFirst}));
}

TEST_F(PausedLanes, ResumeAPartitionWhoseOffsetsWentBackMeanwhile) {
  Assign({kFirst});
  lanes_.Add(MakeRecord(kFirst, 5), At(0s));
  lanes_.SetPaused(true, At(0s).monotonic);
  ASSERT_EQ(lanes_.TakeFlowChanges().pause, (Partitions{kFirst}));
  ASSERT_EQ(lanes_.Add(MakeRecord(kFirst, 0), At(0s)), Lanes::AddResult::kStartedOver);
  lanes_.SetPaused(false, At(0s).monotonic);
  EXPECT_EQ(lanes_.TakeFlowChanges().resume, (Partitions{kFirst}));
}

class PausedTask : public testing::TaskTest {
 protected:
  // Waits until the loop has applied the pause.
  bool AwaitPausedAtSource(size_t partitions) {
    return source_.Await([&](auto& log) { return log.paused.size() == partitions; });
  }
  // Waits long enough for a task that ignores the pause to take a record.
  bool AwaitPolls(int count) {
    int before = 0;
    source_.Await([&](auto& log) { return (before = log.polls) > 0; });
    return source_.Await([&](auto& log) { return log.polls >= before + count; });
  }
  size_t Received() {
    const std::lock_guard lock(endpoint_.mutex);
    return endpoint_.received.size();
  }
  void SendRecords(const base::TopicPartition& partition, int64_t first, int64_t last) {
    for (int64_t offset = first; offset <= last; ++offset) {
      source_.Send(Records{MakeRecord(partition, offset)});
    }
  }
  // The first attempt of each of these records fails.
  testing::FakeEndpoint::Script BadAtFirst() {
    return [this](const delivery::Record&) {
      return delivery::HttpReply{200, attempts_++ == 0, {}};
    };
  }

  std::atomic<int> attempts_{0};
};

TEST_F(PausedTask, FinishesAttemptsInFlightAndBeginsNoneUntilItResumes) {
  endpoint_.Cork(true);
  Start(Good);
  SendRecords(kFirst, 0, 1);
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  EXPECT_TRUE(AwaitPolls(3));
  EXPECT_EQ(task_->status().state, TaskState::kRunning);  // a request is under way
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitState(TaskState::kPaused));
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  SendRecords(kSecond, 0, 0);
  EXPECT_TRUE(AwaitPolls(3));  // a member that polls stays in its group
  EXPECT_EQ(Received(), 1u);
  EXPECT_FALSE(source_.left);

  task_->SetPaused(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 2));
  EXPECT_TRUE(AwaitCommitted(kSecond, 1));
  EXPECT_TRUE(AwaitState(TaskState::kRunning));
  EXPECT_TRUE(AwaitPausedAtSource(0));
  EXPECT_EQ(Received(), 3u);
}

TEST_F(PausedTask, CommitsWithoutWaitingForTheFlushInterval) {
  settings_.offset_flush_interval = 1h;
  Start(Good);
  SendRecords(kFirst, 0, 0);
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->SetPaused(true);
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
}

TEST_F(PausedTask, DoesNotRetryAWaitingRecord) {
  delivery::Policy policy;
  policy.retry_backoff = {1ms};
  endpoint_.Cork(true);
  Start(BadAtFirst(), policy);
  SendRecords(kFirst, 0, 0);
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitState(TaskState::kPaused));
  EXPECT_TRUE(AwaitPolls(5));
  EXPECT_EQ(Received(), 1u);
  EXPECT_TRUE(source_.Await([](auto& log) { return log.committed.empty(); }));

  task_->SetPaused(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(Received(), 2u);
}

TEST_F(PausedTask, CanStartPaused) {
  Start(Good, {}, true);
  EXPECT_EQ(task_->status().state, TaskState::kPaused);
  SendRecords(kFirst, 0, 2);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  EXPECT_TRUE(AwaitPolls(3));
  EXPECT_EQ(task_->status().state, TaskState::kPaused);
  EXPECT_EQ(Received(), 0u);
  task_->SetPaused(false);
  EXPECT_TRUE(AwaitState(TaskState::kRunning));
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
}

TEST_F(PausedTask, IsJoiningWhenItResumesBeforeItsFirstAssignment) {
  task_ = std::make_unique<Task>(
      TaskIdentity{"c", 0}, NewSettings(), std::make_unique<testing::FakeEndpoint>(endpoint_, Good),
      clock_, metrics_, [this] { NotifyStatus(); }, true);
  EXPECT_EQ(task_->status().state, TaskState::kPaused);
  task_->SetPaused(false);
  EXPECT_TRUE(AwaitState(TaskState::kJoining));
}

TEST_F(PausedTask, TakesPartInRebalancesWithoutDelivering) {
  endpoint_.Cork(true);
  Start(Good);
  SendRecords(kFirst, 0, 1);
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  source_.Send(Revoked{{kFirst}, false});
  endpoint_.Cork(false);
  EXPECT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  const base::TopicPartition third{"t", 2};
  source_.Send(Assigned{{third}});
  SendRecords(third, 0, 0);
  EXPECT_TRUE(source_.Await([&](auto& log) {
    return std::find(log.paused.begin(), log.paused.end(), third) != log.paused.end();
  }));
  EXPECT_TRUE(AwaitPolls(3));
  EXPECT_EQ(Received(), 1u);
  EXPECT_TRUE(AwaitState(TaskState::kPaused));
  task_->SetPaused(false);
  EXPECT_TRUE(AwaitCommitted(third, 1));
  EXPECT_EQ(Received(), 2u);  // what was queued of the first is another's
}

TEST_F(PausedTask, DrainsWhenItIsStopped) {
  endpoint_.Cork(true);
  Start(Good);
  SendRecords(kFirst, 0, 1);
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  task_->RequestStop(60s);
  EXPECT_TRUE(AwaitPolls(2));
  EXPECT_FALSE(source_.left);
  task_->SetPaused(false);  // too late: it stops
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_EQ(source_.committed[kFirst], 1);
  EXPECT_TRUE(source_.left);
  EXPECT_EQ(Received(), 1u);
}

TEST_F(PausedTask, EndsAtOnceWhenNothingIsInFlight) {
  Start(Good, {}, true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  task_->RequestStop(60s);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
}

TEST_F(PausedTask, FailsByItsStrategyForARecordInFlightAndStaysFailed) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kStopTask;
  endpoint_.Cork(true);
  Start([](const delivery::Record&) { return delivery::HttpReply{500, {}, {}}; }, policy);
  SendRecords(kFirst, 0, 0);
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  endpoint_.Cork(false);
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  task_->SetPaused(false);
  task_->SetPaused(true);
  EXPECT_EQ(task_->status().state, TaskState::kFailed);
  EXPECT_TRUE(task_->status().by_strategy);
}

TEST_F(PausedTask, WaitsForDeadLettersInFlight) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kDropMessage;
  delivery_.dead_letters = std::make_shared<testing::FakeDeadLetters>(letters_);
  letters_.Cork(true);
  Start([](const delivery::Record&) { return delivery::HttpReply{422, true, {}}; }, policy);
  SendRecords(kFirst, 0, 1);
  ASSERT_TRUE(letters_.AwaitProduced(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  EXPECT_TRUE(AwaitPolls(3));
  EXPECT_EQ(task_->status().state, TaskState::kRunning);
  letters_.Cork(false);
  EXPECT_TRUE(AwaitState(TaskState::kPaused));
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(Received(), 1u);
}

TEST_F(PausedTask, DoesNotRetryAFailedDeadLetter) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kDropMessage;
  delivery_.dead_letters = std::make_shared<testing::FakeDeadLetters>(letters_);
  letters_.failures_to_come = 1;
  endpoint_.Cork(true);
  Start([](const delivery::Record&) { return delivery::HttpReply{422, true, {}}; }, policy);
  SendRecords(kFirst, 0, 0);
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitPausedAtSource(2));
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitState(TaskState::kPaused));
  EXPECT_TRUE(source_.Await([](auto& log) { return log.committed.empty(); }));
  task_->SetPaused(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(letters_.produced.size(), 2u);
  EXPECT_EQ(Received(), 1u);
}

TEST_F(PausedTask, AppliesNewSettingsWhenItResumes) {
  delivery::Policy policy;
  policy.retry_backoff = {600s};
  Start(BadAtFirst(), policy);
  SendRecords(kFirst, 0, 0);
  ASSERT_TRUE(AwaitWaiting(1));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitState(TaskState::kPaused));
  delivery_.policy.retry_after_max = 1s;
  settings_.credentials = Credentials{"user", "new"};
  Reconfigure();
  EXPECT_TRUE(source_.Await([](auto& log) { return log.credentials.password == "new"; }));
  EXPECT_TRUE(AwaitPolls(5));
  EXPECT_EQ(Received(), 1u);
  EXPECT_EQ(task_->status().state, TaskState::kPaused);
  task_->SetPaused(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));  // a new definition does not wait for the old time
}

TEST_F(PausedTask, StaysPausedWhenItsConsumerIsRecreated) {
  int made = 0;
  settings_.make_source = [&] {
    const std::lock_guard lock(source_.mutex);
    ++made;
    source_.changed.notify_all();
    return std::make_unique<testing::FakeSource>(source_);
  };
  Start(Good);
  ASSERT_TRUE(AwaitState(TaskState::kRunning));
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitState(TaskState::kPaused));
  source_.Send(SourceError{ErrorClass::kFatal, "_FATAL", "broken"});
  ASSERT_TRUE(source_.Await([&](auto&) { return made == 2; }));
  source_.Send(Assigned{{kFirst}});
  SendRecords(kFirst, 0, 0);
  EXPECT_TRUE(source_.Await([](auto& log) {
    return std::find(log.paused.begin(), log.paused.end(), kFirst) != log.paused.end();
  }));
  EXPECT_TRUE(AwaitPolls(3));
  EXPECT_EQ(Received(), 0u);
  EXPECT_EQ(task_->status().state, TaskState::kPaused);
  task_->SetPaused(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_TRUE(AwaitState(TaskState::kRunning));
}

TEST_F(PausedTask, ReportsPausedWithoutAConsumer) {
  Start(Good);
  ASSERT_TRUE(AwaitState(TaskState::kRunning));
  source_.Send(SourceError{ErrorClass::kFatal, "_FATAL", "broken"});
  ASSERT_TRUE(AwaitState(TaskState::kJoining));
  task_->SetPaused(true);
  EXPECT_TRUE(AwaitState(TaskState::kPaused));
  task_->SetPaused(false);
  EXPECT_TRUE(AwaitState(TaskState::kJoining));
  task_->SetPaused(true);
  task_->RequestStop(1s);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
}

TEST_F(PausedTask, LosesAndRepeatsNothingOverManyPauses) {
  constexpr int64_t kRecords = 500;
  Start(Good);
  std::jthread pausing([this](const std::stop_token& stop) {
    for (bool paused = true; !stop.stop_requested(); paused = !paused) {
      task_->SetPaused(paused);
      AwaitPolls(1);
    }
    task_->SetPaused(false);
  });
  SendRecords(kFirst, 0, kRecords - 1);
  EXPECT_TRUE(AwaitCommitted(kFirst, kRecords));
  pausing.request_stop();
  pausing.join();
  const std::lock_guard lock(endpoint_.mutex);
  ASSERT_EQ(endpoint_.received.size(), static_cast<size_t>(kRecords));
  for (int64_t offset = 0; offset < kRecords; ++offset) {
    EXPECT_EQ(endpoint_.received[static_cast<size_t>(offset)].second, offset);
  }
}

}  // namespace
}  // namespace khs::task
