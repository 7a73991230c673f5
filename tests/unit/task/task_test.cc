#include "task/task.h"

#include <atomic>
#include <future>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "unit/task/task_fixture.h"

namespace khs::task {
namespace {

using namespace std::chrono_literals;
using testing::kFirst;
using testing::kSecond;
using testing::MakeRecord;
using testing::TaskTest;

TEST_F(TaskTest, DeliversCommitsAndLeavesTheGroup) {
  Start(Good);
  for (int64_t offset = 0; offset < 100; ++offset)
    source_.Send(Records{MakeRecord(kFirst, offset)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 100));
  EXPECT_EQ(task_->status().state, TaskState::kRunning);
  task_->RequestStop(1s);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_TRUE(source_.left);
  ASSERT_EQ(endpoint_.received.size(), 100u);
  for (int64_t offset = 0; offset < 100; ++offset) {
    EXPECT_EQ(endpoint_.received[static_cast<size_t>(offset)].second, offset);
  }
}

TEST_F(TaskTest, CommitsFinishedOffsetsBeyondThePositionAsMetadata) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.request_retry_backoff = {600s};
  Start(
      [](const delivery::Record& record) -> delivery::Reply {
        if (record.offset == 1) return delivery::RequestFault{delivery::FaultKind::kConnect, "no"};
        return delivery::HttpReply{200, false, {}};
      },
      policy);
  for (int64_t offset = 0; offset < 5; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  EXPECT_TRUE(source_.Await([&](testing::SourceLog& log) {
    return log.committed[kFirst] == 1 &&
           delivery::DecodeFinished(1, log.metadata[kFirst]) == delivery::OffsetRanges{{2, 4}};
  }));
}

TEST_F(TaskTest, DoesNotRepeatRecordsThatTheCommitMetadataNames) {
  Start(Good);
  source_.Send(Revoked{{kFirst}, false});
  source_.Send(Assigned{{kFirst}, {{kFirst, 1, delivery::EncodeFinished(1, {{2, 3}})}}});
  for (int64_t offset = 1; offset < 6; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 6));
  std::vector<int64_t> offsets;
  for (const auto& [partition, offset] : endpoint_.received) offsets.push_back(offset);
  EXPECT_EQ(offsets, (std::vector<int64_t>{1, 4, 5}));
}

TEST_F(TaskTest, IgnoresInvalidCommitMetadata) {
  Start(Good);
  source_.Send(Revoked{{kFirst}, false});
  source_.Send(Assigned{{kFirst}, {{kFirst, 1, "hello"}}});
  for (int64_t offset = 1; offset < 4; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 4));
  EXPECT_EQ(endpoint_.received.size(), 3u);
}

TEST_F(TaskTest, CommitsTheOffsetAloneWhenTheBrokerRefusesMetadata) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.request_retry_backoff = {600s};
  source_.takes_metadata = false;
  Start(
      [](const delivery::Record& record) -> delivery::Reply {
        if (record.offset == 1) return delivery::RequestFault{delivery::FaultKind::kConnect, "no"};
        return delivery::HttpReply{200, false, {}};
      },
      policy);
  for (int64_t offset = 0; offset < 5; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
}

TEST_F(TaskTest, CancelsARequestWhosePartitionIsLost) {
  Start(Good);
  endpoint_.Cork(true);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  source_.Send(Revoked{{kFirst}, true});
  EXPECT_TRUE(endpoint_.AwaitCancelled(1));
}

// A clock that the test moves.
struct SteppedClock : base::Clock {
  base::Now Read() const override { return {base::MonotonicTime(monotonic.load()), {}}; }
  std::atomic<std::chrono::milliseconds> monotonic{0ms};
};

class TaskThatJoins : public TaskTest {
 protected:
  // Sets the clock and returns what is logged until the task has read it.
  std::string LogUntil(std::chrono::milliseconds time) {
    ::testing::internal::CaptureStderr();
    stepped_clock_.monotonic = time;
    int polls = -1;
    EXPECT_TRUE(source_.Await([&polls](testing::SourceLog& log) {
      if (polls < 0) polls = log.polls;
      return log.polls >= polls + 2;
    }));
    return ::testing::internal::GetCapturedStderr();
  }

  SteppedClock stepped_clock_;
  task::Task joins_{
      {"c", 0},       NewSettings(), std::make_unique<testing::FakeEndpoint>(endpoint_, Good),
      stepped_clock_, metrics_,      [] {},
      false};
};

TEST_F(TaskThatJoins, LogsOnceThatItWaitsForAnAssignment) {
  EXPECT_EQ(LogUntil(0ms), "");  // it has begun
  EXPECT_EQ(LogUntil(1999ms), "");
  const std::string said = LogUntil(2000ms);
  EXPECT_NE(said.find("level=info logger=task msg=\"waiting for the consumer group to assign "
                      "partitions\" connector=c task=0\n"),
            std::string::npos)
      << said;
  EXPECT_EQ(LogUntil(600s), "");
}

TEST_F(TaskThatJoins, LogsNoWaitOnceItHasPartitions) {
  source_.Send(Assigned{{kFirst}, {}});
  (void)LogUntil(0ms);
  EXPECT_EQ(LogUntil(2000ms), "");
}

// Captures the log until the end of the test.
class TaskLogTest : public TaskTest {
 protected:
  TaskLogTest() { ::testing::internal::CaptureStderr(); }
  ~TaskLogTest() override {
    if (capturing_) ::testing::internal::GetCapturedStderr();
  }
  // Ends the task and returns the log lines with this message.
  std::vector<std::string> Logged(const std::string& message) {
    task_.reset();
    std::istringstream log(::testing::internal::GetCapturedStderr());
    capturing_ = false;
    std::vector<std::string> lines;
    for (std::string line; std::getline(log, line);) {
      if (line.find("msg=\"" + message + '"') != std::string::npos) lines.push_back(line);
    }
    return lines;
  }

 private:
  bool capturing_ = true;
};

class TaskWithDeadLetters : public TaskLogTest {
 protected:
  // Answers every record with an odd offset with a response error.
  void Start(int max_in_flight = 16) {
    delivery::Policy policy;
    policy.max_in_flight = max_in_flight;
    policy.strategy = delivery::Strategy::kDropMessage;
    delivery_.dead_letters = std::make_shared<testing::FakeDeadLetters>(letters_);
    TaskTest::Start(
        [](const delivery::Record& record) {
          return delivery::HttpReply{422, record.offset % 2 == 1, {}};
        },
        policy);
  }
};

TEST_F(TaskWithDeadLetters, CommitsADroppedRecordOnlyAfterItsDeadLetterIsAcknowledged) {
  letters_.Cork(true);
  Start();
  for (int64_t offset = 0; offset < 3; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  ASSERT_TRUE(letters_.AwaitProduced(1));
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(endpoint_.received.size(), 2u);
  letters_.Cork(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
  EXPECT_EQ(letters_.produced.at(0).second.http_status, 422);
  EXPECT_EQ(letters_.produced.at(0).second.attempts, 1);
}

TEST_F(TaskWithDeadLetters, DropsNothingWhileDeadLettersFail) {
  letters_.failures_to_come = 1;
  Start();
  for (int64_t offset = 0; offset < 3; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
  EXPECT_EQ(letters_.produced.size(), 2u);
  // The retry of the dead letter caused no request.
  EXPECT_EQ(endpoint_.received.size(), 3u);
  const std::string text = registry_.Render();
  EXPECT_NE(text.find(R"(dead_letter_records_total{connector="c",outcome="failed"} 1)"),
            std::string::npos)
      << text;
}

TEST_F(TaskWithDeadLetters, ContinuesAfterAsManyFailedDeadLettersAtOnceAsMaxInFlight) {
  letters_.failures_to_come = 1;
  Start(1);
  for (int64_t offset = 0; offset < 3; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
}

TEST_F(TaskWithDeadLetters, StopsAtARecordWhoseDeadLetterIsRefusedPermanently) {
  letters_.failure = {"dead letter topic d: Broker: Message size too large", true};
  letters_.failures_to_come = 100;
  Start();
  for (int64_t offset = 0; offset < 3; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  const TaskStatus status = task_->status();
  EXPECT_EQ(
      status.trace,
      "t[0]@1: its dead letter was refused 3 times: dead letter topic d: Broker: Message size "
      "too large");
  EXPECT_TRUE(status.by_strategy);
  EXPECT_EQ(letters_.produced.size(), 3u);
  EXPECT_EQ(source_.committed[kFirst], 1);
  EXPECT_EQ(endpoint_.received.size(), 2u);  // nothing behind it was sent
  const std::string text = registry_.Render();
  EXPECT_EQ(
      text.find("records_dropped_total{connector=\"c\",reason=\"response_error\",topic=\"t\"} 1"),
      std::string::npos);
  EXPECT_NE(text.find(R"(dead_letter_records_total{connector="c",outcome="failed"} 3)"),
            std::string::npos)
      << text;
}

TEST_F(TaskWithDeadLetters, ReportsWhyADeadLetterFailsUntilItSucceeds) {
  letters_.failures_to_come = 1;
  Start();
  source_.Send(Records{MakeRecord(kFirst, 1)});
  EXPECT_TRUE(AwaitStatus([](const TaskStatus& status) {
    return status.dead_letter_problem ==
           "t[0]@1 waits for its dead letter: dead letter topic d: not enough replicas";
  }));
  EXPECT_TRUE(
      AwaitStatus([](const TaskStatus& status) { return status.dead_letter_problem.empty(); }));
  EXPECT_TRUE(AwaitCommitted(kFirst, 2));
}

TEST_F(TaskWithDeadLetters, ReportsNoDeadLetterProblemOfALostPartition) {
  letters_.failures_to_come = 100;
  Start();
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(
      AwaitStatus([](const TaskStatus& status) { return !status.dead_letter_problem.empty(); }));
  source_.Send(Revoked{{kFirst}, true});
  EXPECT_TRUE(
      AwaitStatus([](const TaskStatus& status) { return status.dead_letter_problem.empty(); }));
}

TEST_F(TaskWithDeadLetters, LogsADropWithTheOutcomeDeadLetter) {
  Start();
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(AwaitCommitted(kFirst, 2));
  const auto lines = Logged("record dropped");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("partition=0 offset=1"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find(" outcome=dead_letter "), std::string::npos) << lines[0];
}

TEST_F(TaskLogTest, LogsADropWithTheOutcomeDropped) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kDropMessage;
  Start([](const delivery::Record&) { return delivery::HttpReply{422, true, {}}; }, policy);
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(AwaitCommitted(kFirst, 2));
  const auto lines = Logged("record dropped");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find(" outcome=dropped "), std::string::npos) << lines[0];
}

TEST_F(TaskLogTest, KeepsTheLastErrorAndCountsRetriesAndDrops) {
  delivery::Policy policy;
  policy.retry_backoff = {1ms, 1ms};
  Start([](const delivery::Record&) { return delivery::HttpReply{422, {}, {}}; }, policy);
  EXPECT_FALSE(metrics_.errors()->Read().last);
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(AwaitCommitted(kFirst, 2));
  const connect::RecordErrors errors = metrics_.errors()->Read();
  EXPECT_EQ(errors.retries, 2u);
  EXPECT_EQ(errors.dropped, 1u);
  ASSERT_TRUE(errors.last);
  EXPECT_EQ(errors.last->topic, "t");
  EXPECT_EQ(errors.last->partition, 0);
  EXPECT_EQ(errors.last->offset, 1);
  EXPECT_EQ(errors.last->attempts, 3);
  EXPECT_EQ(errors.last->http_status, 422);
  EXPECT_EQ(errors.last->reason, "retries_exhausted");
  EXPECT_EQ(errors.last->outcome, "dropped");
  EXPECT_EQ(errors.last->text, "HTTP 422, no retry indicator");
}

TEST_F(TaskLogTest, CountsNoIgnoredTombstoneAsAnError) {
  delivery::Policy policy;
  policy.null_values = delivery::NullValues::kIgnore;
  Start(Good, policy);
  delivery::Record record = MakeRecord(kFirst, 1);
  record.value.reset();
  source_.Send(Records{std::move(record)});
  ASSERT_TRUE(AwaitCommitted(kFirst, 2));
  EXPECT_EQ(metrics_.errors()->Read().dropped, 0u);
  EXPECT_FALSE(metrics_.errors()->Read().last);
}

TEST_F(TaskLogTest, ShowsTheBeginningOfAnErrorResponse) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kStopTask;
  delivery_.excerpt = {20, base::SecretFilter({"s3cret"})};
  Start(
      [](const delivery::Record&) {
        return delivery::HttpReply{422, {}, {}, "bad\nkey s3cret in the body"};
      },
      policy);
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_EQ(
      task_->status().trace,
      "t[0]@1: response error (HTTP 422, no retry indicator: bad key *** in th...) on attempt "
      "1, and the strategy stops at once");
  const auto lines = Logged("record stops the connector");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("bad key *** in th..."), std::string::npos) << lines[0];
}

TEST_F(TaskWithDeadLetters, EndsWhileADeadLetterIsInFlight) {
  letters_.Cork(true);
  Start();
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(letters_.AwaitProduced(1));
  task_->RequestStop(100ms);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_FALSE(source_.committed.contains(kFirst));
}

TEST_F(TaskLogTest, LogsARecordFromTheFutureOnceForEachPartitionAndDelaysItFromReading) {
  delivery::Policy policy;
  policy.request_delay = 1ms;
  Start(Good, policy);
  for (int64_t offset = 0; offset < 3; ++offset) {
    delivery::Record record = MakeRecord(kFirst, offset);
    record.timestamp = std::chrono::milliseconds::max();
    source_.Send(Records{std::move(record)});
  }
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
  // No age is recorded, instead of one that overflowed.
  EXPECT_NE(registry_.Render().find(R"(record_age_seconds_sum{connector="c"} 0)"),
            std::string::npos);
  const auto lines = Logged("record timestamp is in the future, the delay counts from reading");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("topic=t partition=0 offset=0 timestamp_ms=9223372036854775807"),
            std::string::npos)
      << lines[0];
}

TEST_F(TaskWithDeadLetters, SendsWhatAStatusDropsThereUnderAStrategyThatStops) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kStopTask;
  policy.statuses.drop = {{422, 422}};
  policy.statuses.stop = {{410, 410}};
  delivery_.dead_letters = std::make_shared<testing::FakeDeadLetters>(letters_);
  TaskTest::Start(
      [](const delivery::Record& record) {
        return delivery::HttpReply{record.offset == 1 ? 422 : 410, {}, {}};
      },
      policy);
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(AwaitCommitted(kFirst, 2));
  EXPECT_EQ(letters_.produced.at(0).second.reason, delivery::DropReason::kStatus);
  EXPECT_EQ(letters_.produced.at(0).second.http_status, 422);
  EXPECT_NE(registry_.Render().find(
                R"(records_dropped_total{connector="c",reason="status",topic="t"} 1)"),
            std::string::npos);
  source_.Send(Records{MakeRecord(kFirst, 2)});
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_EQ(task_->status().trace,
            "t[0]@2: response error (HTTP 410, no retry indicator) on attempt 1, and its status is "
            "in stop.on.status.codes");
  const auto lines = Logged("record dropped");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find(" reason=status outcome=dead_letter "), std::string::npos) << lines[0];
}

// delivery.timeout.ms of 10 s, on a clock that the test moves and that is behind the real one, so
// that the delivery thread never sleeps until a timer.
class TaskWithATimeout : public TaskTest {
 protected:
  ~TaskWithATimeout() override { task_.reset(); }  // before the clock

  // Delivers a record to an endpoint that fails, and makes its first attempt at once.
  void Start(delivery::Policy policy) {
    delivery_.policy = std::move(policy);
    delivery_.policy.delivery_timeout = 10s;
    const auto fails = [](const delivery::Record&) { return delivery::HttpReply{500, {}, {}}; };
    task_ = std::make_unique<Task>(
        TaskIdentity{"c", 0}, NewSettings(),
        std::make_unique<testing::FakeEndpoint>(endpoint_, fails), stepped_clock_, metrics_,
        [this] { NotifyStatus(); }, false);
    source_.Send(Assigned{{kFirst, kSecond}});
    source_.Send(Records{MakeRecord(kFirst, 0)});
    ASSERT_TRUE(AwaitWaiting(1));
  }
  // Expects the next attempt at this time, and another one to come.
  void AttemptAt(std::chrono::milliseconds time) {
    const size_t before = Attempts();
    stepped_clock_.monotonic = time - 1ms;
    EXPECT_TRUE(endpoint_.AwaitMoreWaits(4));
    EXPECT_EQ(Attempts(), before) << time.count();
    stepped_clock_.monotonic = time;
    EXPECT_TRUE(endpoint_.AwaitReceived(before + 1)) << time.count();
    EXPECT_TRUE(endpoint_.AwaitMoreWaits(4));
    EXPECT_EQ(Attempts(), before + 1) << time.count();
  }
  size_t Attempts() {
    const std::lock_guard lock(endpoint_.mutex);
    return endpoint_.received.size();
  }
  // Returns when the lanes know of it.
  void SetPaused(bool paused) {
    task_->SetPaused(paused);
    const size_t expected = paused ? 2 : 0;
    EXPECT_TRUE(source_.Await([&](auto& log) { return log.paused.size() == expected; }));
  }
  bool AwaitDrop() {
    const std::string line =
        "records_dropped_total{connector=\"c\",reason=\"retries_exhausted\",topic=\"t\"} 1";
    return source_.Await([&](auto&) { return registry_.Render().find(line) != std::string::npos; });
  }

  SteppedClock stepped_clock_;
};

TEST_F(TaskWithATimeout, RepeatsTheLastDelayAndMakesTheLastAttemptAtTheEnd) {
  delivery::Policy policy;
  policy.retry_backoff = {1s, 4s};
  Start(policy);
  AttemptAt(1s);
  AttemptAt(5s);
  AttemptAt(9s);
  stepped_clock_.monotonic = 10s;
  EXPECT_TRUE(AwaitDrop());
  EXPECT_EQ(Attempts(), 5u);
}

TEST_F(TaskWithATimeout, BeginsNoAttemptAfterTheEnd) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kProgressBackOffStopTask;
  policy.retry_backoff = {1s};
  Start(policy);
  stepped_clock_.monotonic = 12s;  // as if the process had been suspended
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_EQ(Attempts(), 1u);
  EXPECT_EQ(task_->status().trace,
            "t[0]@0: response error (HTTP 500, no retry indicator) on attempt 1, and "
            "delivery.timeout.ms has passed");
}

TEST_F(TaskWithATimeout, ToleratesLatenessOnlyOfTheAttemptAtTheEnd) {
  delivery::Policy policy;
  policy.retry_backoff = {9999ms};
  Start(policy);
  stepped_clock_.monotonic = 10'001ms;
  EXPECT_TRUE(AwaitDrop());
  EXPECT_EQ(Attempts(), 1u);
}

TEST_F(TaskWithATimeout, BeginsTheAttemptAtTheEndALittleLater) {
  delivery::Policy policy;
  policy.retry_backoff = {30s};
  Start(policy);
  stepped_clock_.monotonic = 11s;
  EXPECT_TRUE(AwaitDrop());
  EXPECT_EQ(Attempts(), 2u);
}

TEST_F(TaskWithATimeout, StandsStillForAnAttemptInFlightThatEndsWhilePaused) {
  delivery::Policy policy;
  policy.retry_backoff = {1s};
  Start(policy);
  endpoint_.Cork(true);
  stepped_clock_.monotonic = 1s;
  ASSERT_TRUE(endpoint_.AwaitReceived(2));
  SetPaused(true);
  stepped_clock_.monotonic = 30s;
  endpoint_.Cork(false);
  ASSERT_TRUE(AwaitState(TaskState::kPaused));
  SetPaused(false);
  AttemptAt(31s);
  EXPECT_EQ(Attempts(), 3u);
}

TEST_F(TaskWithATimeout, StandsStillForAnAttemptThatIsInFlightForAWholePause) {
  delivery::Policy policy;
  policy.retry_backoff = {1s};
  Start(policy);
  endpoint_.Cork(true);
  stepped_clock_.monotonic = 1s;
  ASSERT_TRUE(endpoint_.AwaitReceived(2));
  SetPaused(true);
  stepped_clock_.monotonic = 30s;
  SetPaused(false);
  endpoint_.Cork(false);
  ASSERT_TRUE(AwaitWaiting(1));
  AttemptAt(31s);
  EXPECT_EQ(Attempts(), 3u);
}

TEST_F(TaskWithATimeout, StandsStillWhilePaused) {
  delivery::Policy policy;
  policy.retry_backoff = {6s};
  Start(policy);
  task_->SetPaused(true);
  ASSERT_TRUE(AwaitState(TaskState::kPaused));
  stepped_clock_.monotonic = 30s;
  task_->SetPaused(false);
  EXPECT_TRUE(endpoint_.AwaitReceived(2));
  EXPECT_TRUE(endpoint_.AwaitMoreWaits(4));
  AttemptAt(36s);
  stepped_clock_.monotonic = 40s;
  EXPECT_TRUE(AwaitDrop());
  EXPECT_EQ(Attempts(), 4u);
}

TEST_F(TaskWithATimeout, GivesARecordAnAttemptUnderNewSettingsAfterTheEnd) {
  delivery::Policy policy;
  policy.retry_backoff = {6s};
  Start(policy);
  stepped_clock_.monotonic = 5s;
  delivery_.policy.delivery_timeout = 2s;
  Reconfigure();
  EXPECT_TRUE(AwaitDrop());
  EXPECT_EQ(Attempts(), 2u);
}

TEST_F(TaskTest, TakesOverStatusListsFromTheNextAttempt) {
  delivery::Policy policy;
  policy.retry_backoff = {600s};
  Start([](const delivery::Record&) { return delivery::HttpReply{409, {}, {}}; }, policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(AwaitWaiting(1));
  delivery_.policy.statuses.success = {{409, 409}};
  Reconfigure();
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(endpoint_.received.size(), 2u);
  EXPECT_FALSE(source_.left);
}

TEST_F(TaskTest, PollsWhileARecordWaits) {
  delivery::Policy policy;
  policy.request_retry_backoff = {600s};
  Start(
      [](const auto&) {
        return delivery::RequestFault{delivery::FaultKind::kConnect, "x"};
      },
      policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  int before = 0;
  source_.Await([&](auto& log) { return (before = log.polls) > 0; });
  EXPECT_TRUE(source_.Await([&](auto& log) { return log.polls >= before + 3; }));
  task_->RequestStop(1s);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_TRUE(source_.committed.empty());
}

TEST_F(TaskTest, FinishesAttemptsInFlightBeforeItLeaves) {
  endpoint_.Cork(true);
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->RequestStop(60s);
  EXPECT_TRUE(source_.Await([](auto& log) { return log.paused.size() == 2; }));
  EXPECT_FALSE(source_.left);
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_EQ(source_.committed[kFirst], 1);  // the second was never sent
  EXPECT_EQ(endpoint_.received.size(), 1u);
}

TEST_F(TaskTest, AbortsARequestThatOutlastsTheGrace) {
  endpoint_.Cork(true);
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  task_->RequestStop(20ms);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_TRUE(source_.left);
  EXPECT_TRUE(source_.committed.empty());
}

TEST_F(TaskTest, StopsByItsStrategyWithTheRecordUncommitted) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kStopTask;
  Start(
      [](const delivery::Record& record) {
        return delivery::HttpReply{
            record.offset == 2 ? 500 : 200, record.offset == 2 ? std::optional<bool>() : false, {}};
      },
      policy);
  for (int64_t offset = 0; offset < 5; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  const TaskStatus status = task_->status();
  EXPECT_TRUE(status.by_strategy);
  EXPECT_NE(status.trace.find("t[0]@2"), std::string::npos) << status.trace;
  EXPECT_NE(status.trace.find("HTTP 500"), std::string::npos) << status.trace;
  EXPECT_EQ(source_.committed[kFirst], 2);
  EXPECT_TRUE(source_.left);
  EXPECT_EQ(endpoint_.received.size(), 3u);
}

TEST_F(TaskTest, CommitsARevokedPartitionAndThenFencesIt) {
  endpoint_.Cork(true);
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  source_.Send(Records{MakeRecord(kFirst, 1)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  source_.Send(Revoked{{kFirst}, false});
  source_.Send(Records{MakeRecord(kSecond, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(2));  // the retained partition goes on
  EXPECT_EQ(source_.revokes_completed, 0);
  endpoint_.Cork(false);
  EXPECT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
  EXPECT_EQ(source_.committed[kFirst], 1);
  EXPECT_TRUE(AwaitCommitted(kSecond, 1));
}

TEST_F(TaskTest, NeverCommitsALostPartition) {
  endpoint_.Cork(true);
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  source_.Send(Revoked{{kFirst, kSecond}, true});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
  endpoint_.Cork(false);
  task_->RequestStop(1s);
  EXPECT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_TRUE(source_.committed.empty());
}

TEST_F(TaskTest, GivesUpPartitionsOnceThatAreLostWhileTheyAreRevoked) {
  endpoint_.Cork(true);
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  source_.Send(Revoked{{kFirst, kSecond}, false});
  source_.Send(Revoked{{kFirst, kSecond}, true});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
  source_.Send(Assigned{{kFirst, kSecond}});
  source_.Send(Records{MakeRecord(kSecond, 0)});
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitCommitted(kSecond, 1));
  EXPECT_EQ(source_.revokes_completed, 1);
  EXPECT_FALSE(source_.committed.contains(kFirst));
  const std::string text = registry_.Render();
  EXPECT_NE(text.find(R"(kafka_http_sink_assigned_partitions{connector="c"} 2)"), std::string::npos)
      << text;
}

TEST_F(TaskTest, APartitionThatWasLostWhilePausedFlowsWhenItComesBack) {
  delivery::Policy policy;
  policy.queue_max_bytes = 60'000;
  endpoint_.Cork(true);
  Start(Good, policy);
  Records records;
  for (int64_t offset = 0; offset < 40; ++offset) {
    records.push_back(MakeRecord(kFirst, offset));
    records.back().value = std::string(1000, 'x');
  }
  source_.Send(std::move(records));
  ASSERT_TRUE(source_.Await([](auto& log) { return log.paused == Partitions{kFirst}; }));
  source_.Send(Revoked{{kFirst}, true});
  source_.Send(Assigned{{kFirst}});
  source_.Send(Records{MakeRecord(kFirst, 0)});
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
}

TEST_F(TaskTest, RetriesAFailedCommit) {
  source_.commit_failures_to_come = 2;
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(task_->status().state, TaskState::kRunning);
}

TEST_F(TaskTest, RecreatesAFailedConsumer) {
  Start(Good);
  ASSERT_TRUE(AwaitState(TaskState::kRunning));
  source_.Send(SourceError{ErrorClass::kFatal, "_FATAL", "broken"});
  ASSERT_TRUE(AwaitState(TaskState::kJoining));
  source_.Send(Assigned{{kFirst}});
  source_.Send(Records{MakeRecord(kFirst, 0)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
}

// With the back-off of a failed consumer this would take two minutes.
TEST_F(TaskTest, RecreatesAnObsoleteConsumerWithoutBackOff) {
  int made = 0;
  settings_.make_source = [&] {
    const std::lock_guard lock(source_.mutex);
    ++made;
    source_.changed.notify_all();
    return std::make_unique<testing::FakeSource>(source_);
  };
  Start(Good);
  for (int count = 2; count < 9; ++count) {
    source_.Send(SourceError{ErrorClass::kObsolete, "TOPIC_RECREATED", "topic t was recreated"});
    ASSERT_TRUE(source_.Await([&](auto&) { return made == count; }));
  }
  source_.Send(Assigned{{kFirst}});
  source_.Send(Records{MakeRecord(kFirst, 0)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
}

TEST_F(TaskTest, ReportsWhyNoBrokerAnswersUntilOneDoes) {
  Start(Good);
  source_.Send(SourceError{ErrorClass::kUnreachable, "_ALL_BROKERS_DOWN", "1/1 brokers are down"});
  EXPECT_TRUE(AwaitStatus([&](const TaskStatus& status) {
    return status.broker_problem == "no broker answers: 1/1 brokers are down";
  }));
  source_.Send(Records{MakeRecord(kFirst, 0)});
  EXPECT_TRUE(AwaitStatus([&](const TaskStatus& status) { return status.broker_problem.empty(); }));
}

TEST_F(TaskTest, FailsWithTheReasonWhenTheConsumerCannotBeMade) {
  settings_.make_source = []() -> std::unique_ptr<RecordSource> {
    throw std::runtime_error("No such property");
  };
  task_ = std::make_unique<Task>(TaskIdentity{"c", 0}, NewSettings(),
                                 std::make_unique<testing::FakeEndpoint>(endpoint_, Good), clock_,
                                 metrics_, [this] { NotifyStatus(); });
  EXPECT_TRUE(
      AwaitStatus([&](const TaskStatus& status) { return status.state == TaskState::kFailed; }));
  EXPECT_EQ(task_->status().trace, "No such property");
}

TEST_F(TaskTest, RetriesWhenAFailedConsumerCannotBeRecreatedAtOnce) {
  int made = 0;
  settings_.make_source = [&]() -> std::unique_ptr<RecordSource> {
    if (++made == 2) throw std::runtime_error("no thread is to be had");
    return std::make_unique<testing::FakeSource>(source_);
  };
  Start(Good);
  ASSERT_TRUE(AwaitState(TaskState::kRunning));
  source_.Send(SourceError{ErrorClass::kFatal, "FENCED_INSTANCE_ID", "somebody has its name"});
  ASSERT_TRUE(AwaitState(TaskState::kJoining));
  source_.Send(Assigned{{kFirst}});
  source_.Send(Records{MakeRecord(kFirst, 0)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(made, 3);
}

TEST_F(TaskTest, CancelsRequestsAndCommitsNothingAfterAFatalError) {
  endpoint_.Cork(true);
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  source_.Send(SourceError{ErrorClass::kFatal, "FENCED_INSTANCE_ID", "somebody has its name"});
  EXPECT_TRUE(endpoint_.AwaitCancelled(1));
  ASSERT_TRUE(AwaitState(TaskState::kJoining));
  EXPECT_EQ(source_.committed.count(kFirst), 0u);
}

TEST_F(TaskTest, RetriesAWaitingRecordAtOnceUnderNewSettingsWithoutLeavingTheGroup) {
  delivery::Policy policy;
  policy.retry_backoff = {600s};
  std::atomic<bool> good{false};
  Start([&](const delivery::Record&) { return delivery::HttpReply{200, !good, {}}; }, policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  ASSERT_TRUE(AwaitWaiting(1));
  good = true;
  delivery_.policy.retry_after_max = 1s;
  settings_.credentials = Credentials{"user", "new"};
  Reconfigure();
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_TRUE(source_.Await([](auto& log) { return log.credentials.password == "new"; }));
  EXPECT_FALSE(source_.left);
  EXPECT_EQ(source_.revokes_completed, 0);
}

TEST_F(TaskTest, DoesNotGiveUpARecordBeforeAnAttemptUnderTheNewSettings) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kStopTask;
  policy.max_in_flight = 1;
  std::atomic<bool> mended{false};
  endpoint_.Cork(true);
  Start(
      [&](const delivery::Record&) {
        const bool good = mended.exchange(true);
        return delivery::HttpReply{good ? 200 : 500, !good, {}};
      },
      policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  source_.Send(Records{MakeRecord(kSecond, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  delivery_.policy.max_in_flight = 2;
  Reconfigure();
  ASSERT_TRUE(endpoint_.AwaitReceived(2));  // the new terms are there
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(task_->status().state, TaskState::kRunning);
  const std::string retries = R"(retries_total{connector="c",reason="indicator"} 1)";
  EXPECT_NE(registry_.Render().find(retries), std::string::npos);
}

TEST_F(TaskTest, ReportsSettingsThatCameAfterTheStop) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kStopTask;
  Start([](const delivery::Record&) { return delivery::HttpReply{500, {}, {}}; }, policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_FALSE(task_->status().overtaken);
  Reconfigure();
  EXPECT_TRUE(AwaitStatus([](const TaskStatus& status) { return status.overtaken; }));
}

TEST_F(TaskTest, KeepsCredentialsToRenewWhenAnotherChangeFollows) {
  std::promise<void> go_on;
  std::promise<void> making;
  settings_.make_source = [&, gate = go_on.get_future().share()] {
    making.set_value();
    gate.wait();  // meanwhile nobody adopts anything
    return std::make_unique<testing::FakeSource>(source_);
  };
  Start(Good);
  making.get_future().wait();
  settings_.credentials = Credentials{"user", "new"};
  Reconfigure();
  settings_.credentials.reset();
  Reconfigure();
  go_on.set_value();
  EXPECT_TRUE(source_.Await([](auto& log) { return log.credentials.password == "new"; }));
}

TEST_F(TaskTest, RetriesNoRecordEarlyWhenOnlyCredentialsChange) {
  delivery::Policy policy;
  policy.retry_backoff = {600s};
  Start([](const delivery::Record&) { return delivery::HttpReply{200, true, {}}; }, policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  ASSERT_TRUE(AwaitWaiting(1));
  settings_.credentials = Credentials{"user", "new"};
  task_->Reconfigure(settings_);
  ASSERT_TRUE(source_.Await([](auto& log) { return log.credentials.password == "new"; }));
  source_.Send(Records{MakeRecord(kSecond, 0)});
  ASSERT_TRUE(endpoint_.AwaitReceived(2));
  EXPECT_EQ(endpoint_.received.back().first, kSecond);
}

TEST_F(TaskTest, AttemptsARecordAgainWhoseDeadLetterQueueWasRemoved) {
  delivery::Policy policy;
  policy.strategy = delivery::Strategy::kDropMessage;
  delivery_.dead_letters = std::make_shared<testing::FakeDeadLetters>(letters_);
  letters_.Cork(true);
  Start([](const delivery::Record&) { return delivery::HttpReply{500, {}, {}}; }, policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(letters_.AwaitProduced(1));
  delivery_.dead_letters = nullptr;
  delivery_.policy.strategy = delivery::Strategy::kStopTask;
  Reconfigure();
  // It was not dropped yet, so the new strategy decides about it.
  EXPECT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_EQ(endpoint_.received.size(), 2u);
  EXPECT_EQ(source_.committed.count(kFirst), 0u);
}

class TaskWithTemplates : public TaskTest {
 protected:
  // Sends three records, the second of which has no key.
  void Start(const delivery::Strategy& strategy) {
    delivery_.route = testing::FakeRouteByKey();
    delivery::Policy policy;
    policy.strategy = strategy;
    policy.retry_backoff = {600s};
    policy.request_retry_backoff = {600s};
    TaskTest::Start(Good, policy);
    for (int64_t offset = 0; offset < 3; ++offset) {
      delivery::Record record = MakeRecord(kFirst, offset);
      if (offset != 1) record.key = "k";
      source_.Send(Records{std::move(record)});
    }
  }
  std::vector<int64_t> Received() {
    const std::lock_guard lock(endpoint_.mutex);
    std::vector<int64_t> offsets;
    for (const auto& [partition, offset] : endpoint_.received) offsets.push_back(offset);
    return offsets;
  }
};

TEST_F(TaskWithTemplates, DropsAnUnsendableRecordWithoutAnAttempt) {
  Start(delivery::Strategy::kDropMessage);
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
  EXPECT_EQ(Received(), (std::vector<int64_t>{0, 2}));
  const std::string text = registry_.Render();
  EXPECT_NE(text.find("records_dropped_total{connector=\"c\",reason=\"unsendable\",topic=\"t\"} 1"),
            std::string::npos)
      << text;
}

TEST_F(TaskWithTemplates, DropsAnUnsendableRecordWithoutAWait) {
  Start(delivery::Strategy::kProgressBackOffDropMessage);
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
  EXPECT_EQ(Received(), (std::vector<int64_t>{0, 2}));
}

TEST_F(TaskWithTemplates, StopsAtAnUnsendableRecord) {
  Start(delivery::Strategy::kStopTask);
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_EQ(task_->status().trace, "t[0]@1: callback.request.url: {{key}}: the record has no key");
  EXPECT_TRUE(task_->status().by_strategy);
  EXPECT_EQ(Received(), (std::vector<int64_t>{0}));
  EXPECT_EQ(source_.committed[kFirst], 1);
}

TEST_F(TaskWithTemplates, StopsAtAnUnsendableRecordWithoutAWait) {
  Start(delivery::Strategy::kProgressBackOffStopTask);
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_EQ(Received(), (std::vector<int64_t>{0}));
}

TEST_F(TaskWithTemplates, CommitsAnUnsendableRecordOnlyAfterItsDeadLetterIsAcknowledged) {
  delivery_.dead_letters = std::make_shared<testing::FakeDeadLetters>(letters_);
  letters_.Cork(true);
  Start(delivery::Strategy::kProgressBackOffDropMessage);
  ASSERT_TRUE(letters_.AwaitProduced(1));
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  letters_.Cork(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
  const auto& [offset, cause] = letters_.produced.at(0);
  EXPECT_EQ(offset, 1);
  EXPECT_EQ(cause.reason, delivery::DropReason::kUnsendable);
  EXPECT_EQ(cause.answer, "callback.request.url: {{key}}: the record has no key");
  EXPECT_EQ(cause.attempts, 0);
  EXPECT_EQ(cause.http_status, std::nullopt);
}

TEST_F(TaskWithTemplates, SendsAnUnsendableRecordUnderATemplateThatItHasTheFieldsOf) {
  delivery_.dead_letters = std::make_shared<testing::FakeDeadLetters>(letters_);
  letters_.Cork(true);
  Start(delivery::Strategy::kDropMessage);
  ASSERT_TRUE(letters_.AwaitProduced(1));
  delivery_.route = testing::FakeRoute();
  delivery_.dead_letters = nullptr;
  Reconfigure();
  EXPECT_TRUE(AwaitCommitted(kFirst, 3));
  EXPECT_EQ(Received(), (std::vector<int64_t>{0, 1, 2}));
}

TEST_F(TaskTest, AppliesANewMaxInFlightToNewAttempts) {
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.max_in_flight = 1;
  endpoint_.Cork(true);
  Start(Good, policy);
  for (int64_t offset = 0; offset < 20; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  delivery_.policy.max_in_flight = 4;
  Reconfigure();
  ASSERT_TRUE(endpoint_.AwaitReceived(4));
  delivery_.policy.max_in_flight = 2;
  Reconfigure();
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitCommitted(kFirst, 20));
  const std::lock_guard lock(endpoint_.mutex);
  EXPECT_EQ(endpoint_.most_at_once, 4u);
  EXPECT_EQ(endpoint_.received.size(), 20u);
}

TEST_F(TaskTest, ReportsTheLagOfAssignedPartitionsOnly) {
  const auto await_lag = [this](int partition, std::optional<int> records) {
    const std::string series = "consumer_lag_records{connector=\"c\",partition=\"" +
                               std::to_string(partition) + "\",topic=\"t\"} ";
    return source_.Await([&](auto&) {
      const std::string text = registry_.Render();
      const std::string line = records ? series + std::to_string(*records) + "\n" : series;
      return (text.find(line) != std::string::npos) == records.has_value();
    });
  };
  {
    const std::lock_guard lock(source_.mutex);
    source_.log_ends = {{kFirst, 10}, {kSecond, 0}};
  }
  Start(Good);
  EXPECT_TRUE(await_lag(1, 0));  // of an empty log
  source_.Send(task::Records{MakeRecord(kFirst, 4)});
  EXPECT_TRUE(await_lag(0, 5));
  source_.Send(task::Revoked{{kFirst}});
  EXPECT_TRUE(await_lag(0, std::nullopt));
  EXPECT_TRUE(await_lag(1, 0));
  source_.Send(task::Assigned{{kFirst}, {{kFirst, 7, {}}}});
  EXPECT_TRUE(await_lag(0, 3));
  task_.reset();
  EXPECT_TRUE(await_lag(0, std::nullopt));
  EXPECT_TRUE(await_lag(1, std::nullopt));
}

// The next owner would repeat what is not committed.
class LastCommitTest : public TaskTest {
 protected:
  void DeliverOne() {
    settings_.offset_flush_interval = 3600s;
    Start(Good);
    source_.Send(Records{MakeRecord(kFirst, 0)});
    ASSERT_TRUE(endpoint_.AwaitReceived(1));
  }
};

TEST_F(LastCommitTest, RetriesTheLastCommitUntilTheGraceEnds) {
  DeliverOne();
  source_.FailCommits(1);
  ::testing::internal::CaptureStderr();
  task_->RequestStop(60s);
  ASSERT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_NE(
      ::testing::internal::GetCapturedStderr().find("msg=\"offset commit failed, will retry\""),
      std::string::npos);
  EXPECT_EQ(source_.committed[kFirst], 1);
  EXPECT_FALSE(task_->status().cut_off);
}

TEST_F(LastCommitTest, RetriesTheCommitOfARevocation) {
  DeliverOne();
  source_.FailCommits(1);
  source_.Send(Revoked{{kFirst}, false});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
  EXPECT_EQ(source_.committed[kFirst], 1);
}

TEST_F(LastCommitTest, DoesNotRetryTheLastCommitOnceTheGroupExcludesTheMember) {
  DeliverOne();
  source_.FailCommits(1, {.text = "unknown member", .excluded = true});
  ::testing::internal::CaptureStderr();
  task_->RequestStop(60s);
  ASSERT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("msg=\"offset commit failed\""),
            std::string::npos);
  EXPECT_FALSE(source_.committed.contains(kFirst));
  EXPECT_TRUE(task_->status().cut_off);
}

TEST_F(TaskTest, CommitsTheLastOffsetWithoutMetadataThatTheBrokerRefuses) {
  settings_.offset_flush_interval = 3600s;
  source_.takes_metadata = false;
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.retry_backoff = {3600s};
  Start(
      [](const delivery::Record& r) {
        return delivery::HttpReply{200, r.offset == 5, {}};
      },
      policy);
  for (int64_t o = 0; o < 10; ++o) source_.Send(Records{MakeRecord(kFirst, o)});
  ASSERT_TRUE(endpoint_.AwaitReceived(10));
  ASSERT_TRUE(AwaitWaiting(1));
  task_->RequestStop(60s);
  ASSERT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_EQ(source_.committed[kFirst], 5);
}

// The member remembers finished offsets of the old topic that it could not commit.
TEST_F(TaskTest, SkipsNoRecordOfATopicThatWasRecreatedMeanwhile) {
  settings_.offset_flush_interval = 3600s;
  delivery::Policy policy;
  policy.ordering = delivery::Ordering::kNone;
  policy.retry_backoff = {3600s};
  Start(
      [](const delivery::Record& r) {
        return delivery::HttpReply{200, r.offset == 10, {}};
      },
      policy);
  source_.Send(Revoked{{kFirst}, false});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
  source_.Send(Assigned{{kFirst}, {{kFirst, 0}}});
  for (int64_t o = 0; o < 20; ++o) source_.Send(Records{MakeRecord(kFirst, o)});
  ASSERT_TRUE(endpoint_.AwaitReceived(20));
  ASSERT_TRUE(AwaitWaiting(1));
  source_.Send(Revoked{{kFirst}, false});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 2; }));
  // Another member has committed four records of the new topic.
  source_.Send(Assigned{{kFirst}, {{kFirst, 4}}});
  for (int64_t o = 4; o < 15; ++o) source_.Send(Records{MakeRecord(kFirst, o)});
  EXPECT_TRUE(endpoint_.AwaitReceived(31));
}

TEST_F(TaskTest, CommitsTheStartPositionWhenItMayDifferNextTime) {
  delivery::Policy policy;
  policy.retry_backoff = {3600s};
  settings_.offset_flush_interval = 3600s;
  Start([](const delivery::Record&) { return delivery::HttpReply{200, true, {}}; }, policy);
  source_.Send(Assigned{{kSecond}, {}, {{kSecond, 7}}});
  source_.Send(Records{MakeRecord(kSecond, 7)});
  ASSERT_TRUE(AwaitWaiting(1));
  task_->RequestStop(60s);
  ASSERT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_EQ(source_.committed[kSecond], 7);
  EXPECT_FALSE(source_.committed.contains(kFirst));  // of which nothing is known
}

// The partition is lost after the endpoint answered and before the answer is handled.
class LateAnswerTest : public TaskLogTest {
 protected:
  void AnswerWhenLost(const delivery::HttpReply& reply) {
    delivery::Policy policy;
    policy.strategy = delivery::Strategy::kDropMessage;
    Start(
        [this, reply](const delivery::Record& record) -> delivery::Reply {
          if (record.topic_partition == kFirst) {
            source_.Send(Revoked{{kFirst}, true});
            source_.Await([](auto& log) { return log.revokes_completed == 1; });
          }
          return reply;
        },
        policy);
    source_.Send(Records{MakeRecord(kFirst, 0)});
    ASSERT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
    source_.Send(Records{MakeRecord(kSecond, 0)});
    ASSERT_TRUE(AwaitCommitted(kSecond, 1));
  }
  bool Shows(const std::string& line) {
    return registry_.Render().find(line + "\n") != std::string::npos;
  }
};

TEST_F(LateAnswerTest, DoesNotCountAsADelivery) {
  AnswerWhenLost({200, false, {}});
  EXPECT_TRUE(Shows(R"(requests_total{code_class="2xx",connector="c"} 2)"));
  EXPECT_TRUE(Shows(R"(records_delivered_total{connector="c",topic="t"} 1)"));
  EXPECT_TRUE(Shows(R"(delivery_duration_seconds_count{connector="c"} 1)"));
}

TEST_F(LateAnswerTest, DoesNotCountAsADropAndIsNotLogged) {
  AnswerWhenLost({422, true, {}});
  EXPECT_TRUE(Shows(R"(requests_total{code_class="4xx",connector="c"} 2)"));
  EXPECT_TRUE(Shows(R"(records_dropped_total{connector="c",reason="response_error",topic="t"} 1)"));
  const auto lines = Logged("record dropped");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("partition=1"), std::string::npos) << lines[0];
}

TEST_F(TaskTest, CountsA2xxWithoutTheIndicatorOnlyWhereItIsRequired) {
  std::atomic<int> told{0};
  delivery_.on_missing_indicator = [&told] { ++told; };
  delivery::Policy policy;
  policy.retry_backoff = {600s};
  Start([](const delivery::Record&) { return delivery::HttpReply{204, {}, {}}; }, policy);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(AwaitWaiting(1));
  EXPECT_EQ(told, 1);
  delivery_.policy.indicator = delivery::IndicatorRule::kOptional;
  Reconfigure();
  ASSERT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_EQ(told, 1);
  EXPECT_NE(registry_.Render().find("responses_without_indicator_total{connector=\"c\"} 1\n"),
            std::string::npos);
}

// A commit that was overtaken is answered while a later one waits.
TEST_F(TaskTest, IgnoresTheLateResultOfAnEarlierCommit) {
  settings_.offset_flush_interval = 50ms;
  source_.holds_commits = true;
  Start(Good);
  source_.Send(Records{MakeRecord(kSecond, 0)});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.held.size() == 1; }));
  source_.Send(Revoked{{kSecond}, false});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.revokes_completed == 1; }));
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.held.size() == 2; }));
  source_.Send(Committed{source_.Held()[0], {}});
  source_.Send(Assigned{{kSecond}});
  source_.Send(Records{MakeRecord(kSecond, 1)});
  ASSERT_TRUE(endpoint_.AwaitReceived(3));
  int polls = 0;
  ASSERT_TRUE(source_.Await([&polls](auto& log) {
    if (polls == 0) polls = log.polls;
    return log.polls > polls + 3;
  }));
  ASSERT_EQ(source_.Held().size(), 2u);
  EXPECT_EQ(source_.Held()[1], (Positions{{kFirst, 1}}));
  task_->RequestStop(60s);
  ASSERT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_EQ(source_.committed[kFirst], 1);
  EXPECT_EQ(source_.committed[kSecond], 2);
}

TEST_F(TaskTest, CommitsTheStartPositionAtOnceAndCountsLostRecords) {
  settings_.offset_flush_interval = 60s;
  Start(Good);
  ASSERT_TRUE(AwaitState(TaskState::kRunning));
  source_.Send(Revoked{{kFirst}, false});
  Assigned assigned{{kFirst}, {{kFirst, 3, delivery::EncodeFinished(3, {{5, 6}})}}};
  assigned.begins = {{kFirst, 10}};
  assigned.losses = {{kFirst, 3, 10, 7, delivery::LossReason::kRetention}};
  source_.Send(assigned);
  EXPECT_TRUE(AwaitCommitted(kFirst, 10));
  const std::string text = registry_.Render();
  for (const char* line :
       {R"(kafka_http_sink_records_lost_total{connector="c",reason="retention",topic="t"} 5)",
        R"(kafka_http_sink_records_lost_total{connector="c",reason="truncated",topic="t"} 0)",
        R"(kafka_http_sink_records_lost_total{connector="c",reason="recreated",topic="t"} 0)"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

TEST_F(TaskTest, ContinuesAtTheStartOfARecreatedTopic) {
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 40), MakeRecord(kSecond, 7)});
  ASSERT_TRUE(AwaitCommitted(kFirst, 41));
  source_.Send(Moved{{{kFirst, 41, 0, 0, delivery::LossReason::kRecreated}}});
  ASSERT_TRUE(AwaitCommitted(kFirst, 0));
  EXPECT_NE(
      registry_.Render().find(
          R"(kafka_http_sink_records_lost_total{connector="c",reason="recreated",topic="t"} 1)"),
      std::string::npos)
      << "one at least is counted, so that somebody looks";
  source_.Send(Records{MakeRecord(kFirst, 0)});
  EXPECT_TRUE(AwaitCommitted(kFirst, 1));
  EXPECT_TRUE(AwaitCommitted(kSecond, 8));
}

TEST_F(TaskTest, CommitsWithheldPositionsLater) {
  source_.holds_commits = true;
  Start(Good);
  source_.Send(Records{MakeRecord(kFirst, 0)});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.held.size() == 1; }));
  source_.Send(Committed{source_.Held()[0], {}, {kFirst}});
  ASSERT_TRUE(source_.Await([](auto& log) { return log.held.size() == 2; }));
  EXPECT_EQ(source_.Held()[1], (Positions{{kFirst, 1}}));
  source_.Send(Committed{source_.Held()[1], {}});
  ASSERT_TRUE(source_.Await([&](auto&) {
    return registry_.Render().find(R"(offset_commits_total{connector="c",outcome="ok"} 1)") !=
           std::string::npos;
  }));
  task_->RequestStop(60s);
  ASSERT_TRUE(AwaitState(TaskState::kEnded));
  EXPECT_FALSE(source_.committed.contains(kFirst)) << "committed twice";
}

TEST_F(TaskTest, FailsWithoutAStartOffset) {
  Start(Good);
  ASSERT_TRUE(AwaitState(TaskState::kRunning));
  source_.Send(SourceError{ErrorClass::kNoOffset, "AUTO_OFFSET_RESET", "t[0]@3: gone"});
  ASSERT_TRUE(AwaitState(TaskState::kFailed));
  EXPECT_EQ(task_->status().trace, "t[0]@3: gone");
}

TEST_F(TaskTest, CountsRecordsRequestsAndPartitions) {
  delivery::Policy policy;
  policy.retry_backoff = {1ms};
  Start(
      [](const delivery::Record& record) {
        return delivery::HttpReply{200, record.offset == 1, {}};
      },
      policy);
  for (int64_t offset = 0; offset < 3; ++offset) source_.Send(Records{MakeRecord(kFirst, offset)});
  ASSERT_TRUE(AwaitCommitted(kFirst, 3));
  const std::string text = registry_.Render();
  for (
      const char* line : {
          R"(kafka_http_sink_records_delivered_total{connector="c",topic="t"} 2)",
          R"(kafka_http_sink_records_consumed_total{connector="c",topic="t"} 3)",
          R"(kafka_http_sink_records_dropped_total{connector="c",reason="retries_exhausted",topic="t"} 1)",
          R"(kafka_http_sink_records_dropped_total{connector="c",reason="response_error",topic="t"} 0)",
          R"(kafka_http_sink_retries_total{connector="c",reason="indicator"} 1)",
          R"(kafka_http_sink_requests_total{code_class="2xx",connector="c"} 4)",
          R"(kafka_http_sink_requests_in_flight{connector="c"} 0)",
          R"(kafka_http_sink_assigned_partitions{connector="c"} 2)",
      }) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  }
}

}  // namespace
}  // namespace khs::task
