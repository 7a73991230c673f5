// Whole tasks with their threads in random schedules: the schedule says what happens, and not in
// which order the threads see it, so that only what holds in any order is asserted.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "delivery/finished_offsets.h"
#include "support/schedules.h"
#include "unit/delivery/tracker_model.h"
#include "unit/task/task_fixture.h"

namespace khs::task {
namespace {

using namespace std::chrono_literals;
using testing::Dice;
using testing::kFirst;
using testing::kSecond;
using testing::SourceLog;

constexpr int64_t kRecords = 25;  // of each partition

class TaskModel : public testing::TaskTest {
 protected:
  using Key = std::pair<base::TopicPartition, int64_t>;

  // As the record's own dice say: a few answers that ask for another attempt, and then a good one.
  delivery::Reply Answer(const delivery::Record& record, uint64_t seed) {
    const Key key(record.topic_partition, record.offset);
    Dice dice(seed * 1'000 + static_cast<uint64_t>(record.offset) * 2 +
              static_cast<uint64_t>(record.topic_partition.partition));
    const std::lock_guard lock(mutex_);
    const size_t bad = dice.Percent(70) ? 0 : dice.Below(3);
    if (attempts_[key]++ < bad) return delivery::HttpReply{200, true, {}};
    ++delivered_[key];
    order_[record.topic_partition].push_back(record.offset);
    return delivery::HttpReply{200, false, {}};
  }

  // The group's word and, after it, the records from where the partition is committed.
  void Assign(const base::TopicPartition& partition) {
    Assigned assigned{{partition}, {}};
    int64_t from = 0;
    {
      const std::lock_guard lock(source_.mutex);
      const auto committed = source_.committed.find(partition);
      if (committed != source_.committed.end()) {
        from = committed->second;
        assigned.committed.push_back({partition, from, source_.metadata[partition]});
      }
    }
    source_.Send(std::move(assigned));
    for (int64_t offset = from; offset < kRecords; ++offset) {
      source_.Send(Records{testing::MakeRecord(partition, offset)});
    }
  }
  // Records that were not polled yet belong to whoever is next.
  void TakeBack(const base::TopicPartition& partition, bool lost) {
    int completed = 0;
    {
      const std::lock_guard lock(source_.mutex);
      completed = source_.revokes_completed;
      std::erase_if(source_.events, [&](const SourceEvent& event) {
        const auto* records = std::get_if<Records>(&event);
        return records != nullptr && records->front().topic_partition == partition;
      });
    }
    source_.Send(Revoked{{partition}, lost});
    ASSERT_TRUE(source_.Await([&](SourceLog& log) { return log.revokes_completed > completed; }));
  }

  // Whatever is committed was delivered.
  void VerifyCommits() {
    const std::scoped_lock lock(source_.mutex, mutex_);
    for (const auto& [partition, position] : source_.committed) {
      const auto saved = delivery::DecodeFinished(position, source_.metadata[partition]);
      ASSERT_TRUE(saved);
      for (int64_t offset = 0; offset < kRecords; ++offset) {
        if (offset >= position && !testing::Contains(*saved, offset)) continue;
        ASSERT_GT((delivered_[{partition, offset}]), 0u) << offset << " was skipped";
      }
    }
  }

  void Live(uint64_t seed);

  std::mutex mutex_;  // guards what the endpoint has seen
  std::map<Key, size_t> attempts_;
  std::map<Key, size_t> delivered_;
  std::map<base::TopicPartition, std::vector<int64_t>> order_;
};

void TaskModel::Live(uint64_t seed) {
  Dice dice(seed);
  delivery::Policy policy;
  policy.retry_backoff = {1ms, 1ms, 1ms};
  policy.ordering =
      std::vector{delivery::Ordering::kPartition, delivery::Ordering::kNone}[dice.Below(2)];
  policy.max_in_flight = static_cast<int>(dice.Between(1, 4));
  delivery_.policy = policy;
  settings_.offset_flush_interval = std::chrono::milliseconds(dice.Between(1, 5));
  const auto start = [&](bool paused) {
    endpoint_.aborted = false;  // by the task before
    task_ = std::make_unique<Task>(
        TaskIdentity{"c", 0}, NewSettings(),
        std::make_unique<testing::FakeEndpoint>(
            endpoint_, [this, seed](const auto& record) { return Answer(record, seed); }),
        clock_, metrics_, [this] { NotifyStatus(); }, paused);
    for (const auto& partition : {kFirst, kSecond}) Assign(partition);
  };
  start(dice.Percent(20));
  bool may_repeat = false;
  for (auto steps = dice.Below(12); steps > 0; --steps) {
    switch (dice.Below(6)) {
      case 0:
        task_->SetPaused(dice.Percent(50));
        break;
      case 1: {
        const std::lock_guard lock(source_.mutex);
        source_.commit_failures_to_come = static_cast<int>(dice.Below(2));
        may_repeat = may_repeat || source_.commit_failures_to_come > 0;
        break;
      }
      case 2:
      case 3: {
        const auto& partition = dice.Percent(50) ? kFirst : kSecond;
        const bool lost = dice.Percent(40);
        may_repeat = may_repeat || lost;
        TakeBack(partition, lost);
        Assign(partition);
        break;
      }
      case 4:
        Reconfigure();
        break;
      default: {  // it goes, and another one goes on
        task_->RequestStop(60s);
        ASSERT_TRUE(AwaitState(TaskState::kEnded));
        task_.reset();
        VerifyCommits();
        const std::lock_guard lock(source_.mutex);
        source_.events.clear();
        source_.paused.clear();
      }
    }
    if (!task_) start(dice.Percent(20));
    VerifyCommits();
  }
  task_->SetPaused(false);
  for (const auto& partition : {kFirst, kSecond}) {
    ASSERT_TRUE(AwaitCommitted(partition, kRecords)) << "something was forgotten";
  }
  task_->RequestStop(60s);
  ASSERT_TRUE(AwaitState(TaskState::kEnded));
  VerifyCommits();
  const std::lock_guard lock(mutex_);
  for (auto& [key, times] : delivered_) {
    if (!may_repeat) {
      ASSERT_EQ(times, 1u) << key.second << " was repeated";
    }
  }
  if (policy.ordering == delivery::Ordering::kNone) return;
  for (auto& [partition, offsets] : order_) {
    std::set<int64_t> seen;  // first deliveries come in order
    for (const int64_t offset : offsets) {
      if (!seen.insert(offset).second) continue;
      ASSERT_EQ(offset, *seen.rbegin()) << "it was overtaken";
    }
  }
}

TEST_F(TaskModel, NeitherSkipsNorRepeatsRecordsInRandomSchedules) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Live(seed);
    if (HasFatalFailure()) return;
    task_.reset();
    source_.events.clear();
    source_.committed.clear();
    source_.metadata.clear();
    source_.paused.clear();
    source_.commit_failures_to_come = 0;
    attempts_.clear();
    delivered_.clear();
    order_.clear();
  }
}

}  // namespace
}  // namespace khs::task
