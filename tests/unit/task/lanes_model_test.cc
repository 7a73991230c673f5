// Plays random schedules of tasks that share a group, on a clock that only the schedule moves: real
// lanes beside a plain model, and a broker model that knows what is finished and committed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/schedules.h"
#include "unit/task/broker_model.h"
#include "unit/task/member_model.h"

namespace khs::task {
namespace {

using namespace std::chrono_literals;
using delivery::Milliseconds;
using delivery::Ordering;
using delivery::Strategy;
using testing::Broken;
using testing::BrokerModel;
using testing::Dice;
using testing::MemberModel;
using testing::PartitionModel;
using testing::Schedule;

std::vector<Milliseconds> RandomDelays(Dice& dice) {
  std::vector<Milliseconds> delays(dice.Below(4));
  for (Milliseconds& delay : delays) {
    delay = std::vector<Milliseconds>{0ms, 1ms, 70ms, 5s}[dice.Below(4)];
  }
  return delays;
}

// Changes the part of the policy that may change while a task runs.
delivery::Policy RandomPolicy(Dice& dice, delivery::Policy policy) {
  policy.indicator =
      dice.Percent(70) ? delivery::IndicatorRule::kRequired : delivery::IndicatorRule::kOptional;
  const auto strategy = dice.Below(10);
  policy.strategy = strategy < 5   ? Strategy::kProgressBackOffDropMessage
                    : strategy < 8 ? Strategy::kDropMessage
                    : strategy < 9 ? Strategy::kStopTask
                                   : Strategy::kProgressBackOffStopTask;
  policy.retry_backoff = delivery::Backoff(RandomDelays(dice));
  policy.request_retry_backoff = delivery::Backoff(RandomDelays(dice));
  policy.delivery_timeout = dice.Percent(70) ? 0ms : Milliseconds(dice.Between(1, 20'000));
  policy.statuses.drop =
      dice.Percent(80) ? delivery::StatusCodes() : delivery::StatusCodes{{500, 500}};
  policy.request_delay = dice.Percent(70) ? 0ms : Milliseconds(dice.Between(1, 500));
  policy.max_in_flight = static_cast<int>(dice.Between(1, 5));
  return policy;
}

class Group {
 public:
  explicit Group(Schedule& schedule)
      : schedule_(schedule),
        dice_(schedule.seed()),
        broker_(static_cast<int>(dice_.Between(1, 4)), dice_) {
    delivery::Policy policy;
    policy.ordering =
        std::vector{Ordering::kPartition, Ordering::kKey, Ordering::kNone}[dice_.Below(3)];
    policy.queue_max_bytes = static_cast<size_t>(dice_.Between(4'000, 60'000));
    policy = RandomPolicy(dice_, policy);
    const bool sends_dead_letters = dice_.Percent(40);
    for (int id = 0; id < 2; ++id) {
      members_.push_back(
          std::make_unique<MemberModel>(id, broker_, policy, now_, sends_dead_letters, schedule_));
    }
    for (PartitionModel& partition : broker_.partitions()) {
      for (auto records = dice_.Between(0, 10); records > 0; --records) Append(partition);
    }
  }

  void Play() {
    for (const uint64_t step : schedule_.steps()) {
      dice_ = Dice(step);
      Step(*members_[dice_.Below(members_.size())]);
      for (const auto& member : members_) member->Verify();
    }
    RunToTheEnd();
  }

 private:
  void Append(PartitionModel& partition) {
    delivery::Record record;
    if (dice_.Percent(80)) record.key = std::string(1, static_cast<char>('a' + dice_.Below(3)));
    record.value = std::string(dice_.Below(dice_.Percent(20) ? 3'000 : 200), 'x');
    if (dice_.Percent(50)) {
      record.timestamp = std::chrono::duration_cast<Milliseconds>(now_.wall.time_since_epoch()) +
                         Milliseconds(dice_.Between(-500, 200));
    }
    broker_.Append(partition, std::move(record), dice_.Percent(20) ? dice_.Between(1, 4) : 0);
  }

  void Pass(base::MonotonicTime::duration time) {
    schedule_.Tell([&] { return fmt::format("{} µs pass", time / 1us); });
    now_.monotonic += time;
    now_.wall += time;
  }

  // Events that are frequent.
  void Step(MemberModel& member) {
    const auto roll = dice_.Below(100);
    if (roll < 18) {
      member.Poll(dice_);
      member.TakeFlow(true);
    } else if (roll < 42) {
      for (auto times = dice_.Between(1, 3); times > 0 && member.Take();) --times;
    } else if (roll < 62) {
      for (auto times = dice_.Between(1, 3); times > 0; --times) member.EndAttempt(dice_, false);
    } else if (roll < 66) {
      member.EndDeadLetter(dice_, dice_.Percent(70));
    } else if (roll < 72) {
      const auto due = member.NextDue();
      const bool to_it = due && *due > now_.monotonic && dice_.Percent(60);
      Pass(to_it ? *due - now_.monotonic : std::chrono::microseconds(dice_.Between(1, 200'000)));
    } else if (roll < 78) {
      PartitionModel& partition = dice_.Of(broker_.partitions());
      for (auto records = dice_.Between(1, 4); records > 0; --records) Append(partition);
    } else if (roll < 82) {
      member.BeginCommit(dice_.Percent(85));
    } else if (roll < 85) {
      member.EndCommit(dice_.Percent(85), dice_.Percent(10));
    } else {
      ChangeSomething(member);
    }
  }

  // Events that are rare.
  void ChangeSomething(MemberModel& member) {
    const auto roll = dice_.Below(100);
    if (roll < 30) {
      Assign(member);
    } else if (roll < 42) {
      if (member.revoking()) {
        member.FinishRevoke(dice_.Percent(20), dice_.Percent(90));
      } else if (member.owns_any()) {
        member.BeginRevoke(dice_);
      }
    } else if (roll < 50) {
      if (member.deposed() && !member.revoking()) {
        member.Lose(dice_, true);
      } else if (!member.revoking()) {
        member.Lose(dice_, false);
      }
    } else if (roll < 53) {
      member.Depose();
    } else if (roll < 56) {
      member.Crash();
    } else if (roll < 63) {
      if (member.stopped()) {
        member.Leave(dice_.Percent(20), dice_.Percent(90));
      } else if (dice_.Percent(50)) {
        member.StopTaking();
      }
    } else if (roll < 72) {
      member.SetPaused(!member.paused());
      member.TakeFlow(true);
    } else if (roll < 80) {
      member.Reconfigure(RandomPolicy(dice_, member.policy()));
    } else if (roll < 88) {
      member.TakeFlow(false);
    } else if (roll < 92) {
      member.TakeFenced();
    } else if (roll < 94) {
      const auto jump = std::chrono::seconds(dice_.Between(-5, 5));
      schedule_.Tell([&] { return fmt::format("the wall clock jumps by {} s", jump.count()); });
      now_.wall += jump;
    } else if (roll < 97) {
      PartitionModel& partition = dice_.Of(broker_.partitions());
      if (broker_.Truncate(partition, dice_.Percent(50))) {
        schedule_.Tell([&] { return fmt::format("{} is recreated", partition.id.partition); });
      }
    } else {
      Handover(member);
    }
  }

  void Assign(MemberModel& member) {
    if (member.deposed()) return;
    for (PartitionModel& partition : broker_.partitions()) {
      if (partition.owner < 0 && !member.Has(partition) && dice_.Percent(70))
        member.Assign(partition);
    }
    member.TakeFlow(true);
  }

  // The other member takes over all partitions, and nothing is repeated.
  void Handover(MemberModel& member) {
    if (member.revoking() || member.deposed()) return;
    Finish(member, false);
    member.StopTaking();
    member.Leave(true, true);
    for (const auto& other : members_) {
      if (other.get() != &member) Assign(*other);
    }
  }

  void Finish(MemberModel& member, bool well) {
    while (member.EndAttempt(dice_, well)) {
    }
    while (member.EndDeadLetter(dice_, true)) {
    }
  }

  // With good answers and no more rebalances, everything is delivered and committed, using no times
  // but the due times that the lanes return.
  void RunToTheEnd() {
    schedule_.Tell([] { return "from here on every attempt succeeds"; });
    for (const auto& member : members_) {
      Finish(*member, true);
      if (member->revoking()) member->FinishRevoke(true, true);
      if (member->deposed()) member->Lose(dice_, true);
      if (member->stopped()) member->Leave(true, true);
      if (member->paused()) member->SetPaused(false);
    }
    for (int idle = 0; idle < 2;) {
      bool moves = false;
      std::optional<base::MonotonicTime> due;
      for (const auto& member : members_) {
        Assign(*member);
        member->Poll(dice_);
        member->TakeFlow(true);
        while (member->Take()) moves = true;
        Finish(*member, true);
        member->TakeFlow(true);
        member->EndCommit(true, false);
        member->BeginCommit(true);
        member->EndCommit(true, false);
        member->Verify();
        const auto next = member->NextDue();
        if (next && (!due || *next < *due)) due = next;
      }
      idle = moves || due || !AllRead() ? 0 : idle + 1;
      if (!moves && due && *due > now_.monotonic) Pass(*due - now_.monotonic);
      if (++rounds_ > 2'000) throw Broken("it comes to no end");
    }
    for (const auto& member : members_) member->VerifyEmpty();
    for (PartitionModel& partition : broker_.partitions()) {
      for (const delivery::Record& record : partition.log().records) {
        if (!partition.log().done.contains(record.offset)) {
          throw Broken(fmt::format("{}@{} was forgotten", partition.id.partition, record.offset));
        }
        if (partition.commit && record.offset < partition.commit->offset) continue;
        throw Broken(fmt::format("{}@{} is not committed", partition.id.partition, record.offset));
      }
    }
  }

  bool AllRead() {
    const auto& partitions = broker_.partitions();
    const bool owned = std::all_of(partitions.begin(), partitions.end(),
                                   [](const auto& partition) { return partition.owner >= 0; });
    return owned && std::all_of(members_.begin(), members_.end(),
                                [](const auto& member) { return member->HasReadAll(); });
  }

  Schedule& schedule_;
  Dice dice_;
  base::Now now_{base::MonotonicTime(1h), base::WallTime(500'000h)};
  BrokerModel broker_;
  std::vector<std::unique_ptr<MemberModel>> members_;
  int rounds_ = 0;
};

TEST(LanesModel, AgreeWithAPlainModelInRandomSchedulesOfAGroup) {
  testing::Explore(30'000, 150, [](Schedule& schedule) { Group(schedule).Play(); });
}

// A partition with so many waiting records that the finished offsets fill a commit's metadata.
class Crowd {
 public:
  explicit Crowd(uint64_t seed) : dice_(seed) {
    policy_.ordering = dice_.Percent(50) ? Ordering::kNone : Ordering::kKey;
    policy_.queue_max_bytes = size_t{1} << 30;
    for (int64_t offset = 0; offset < 22'000; offset += dice_.Percent(20) ? 2 : 1) {
      log_.push_back(offset);
    }
    stuck_percent_ = static_cast<unsigned>(dice_.Between(5, 40));
  }

  void Play() {
    Restart();
    for (int crashes = 2; tracker_.open().size() > 0;) {
      Take();
      if (dice_.Below(3'000) == 0) Commit();
      if (crashes > 0 && dice_.Below(20'000) == 0) {
        --crashes;
        Restart();
      }
      if (dice_.Below(5'000) == 0)
        lanes_->Reconfigure(std::make_shared<delivery::Policy>(policy_), now_);
    }
    Commit();
    EXPECT_EQ(position_.offset, log_.back() + 1);
    EXPECT_EQ(lanes_->bytes(), 0u);
  }
  size_t longest() const { return longest_; }

 private:
  // Continues from the last commit, which repeats nothing.
  void Restart() {
    lanes_ = std::make_unique<Lanes>(std::make_shared<delivery::Policy>(policy_));
    lanes_->Assign({position_.topic_partition});
    tracker_ = testing::TrackerModel();
    const auto saved = delivery::DecodeFinished(position_.offset, position_.metadata);
    ASSERT_TRUE(saved);
    if (position_.offset > 0) {
      lanes_->Restore(position_.topic_partition, position_.offset, *saved);
      tracker_.Restore(position_.offset, *saved);
    }
    for (const int64_t offset : log_) {
      if (offset < position_.offset) continue;
      tracker_.Receive(offset);
      delivery::Record record;
      record.topic_partition = position_.topic_partition;
      record.offset = offset;
      record.key = std::to_string(offset % 10'007);
      lanes_->Add(std::move(record), now_);
    }
  }

  void Take() {
    JobPtr job = lanes_->Take(now_.monotonic);
    if (!job) {
      const auto due = lanes_->NextDue();
      if (!due) throw Broken(fmt::format("{} were forgotten", tracker_.open().size()));
      now_.monotonic = *due;
      return;
    }
    const int64_t offset = job->record.offset;
    if (job->progress.attempts++ < 3 && dice_.Percent(stuck_percent_)) {
      const auto delay = Milliseconds(dice_.Between(1'000, 600'000));
      lanes_->ApplyDecision(std::move(job), delivery::Retry{{}, delay}, now_.monotonic);
      return;
    }
    lanes_->ApplyDecision(std::move(job), delivery::Deliver{}, now_.monotonic);
    tracker_.Finish(offset);
  }

  // Saves all finished offsets, except for those of retries that exceed the room reserved for them.
  void Commit() {
    for (Position& position : lanes_->TakeCommittable()) position_ = std::move(position);
    if (!tracker_.position()) return;
    longest_ = std::max(longest_, position_.metadata.size());
    auto saved = delivery::DecodeFinished(position_.offset, position_.metadata);
    const delivery::OffsetRanges finished = tracker_.Finished();
    if (position_.offset != tracker_.position() || !saved) throw Broken("another position");
    if (saved == finished) return;
    const std::string all = delivery::EncodeFinished(position_.offset, finished, size_t{1} << 20);
    if (all.size() <= delivery::kMaxMetadataBytes) throw Broken("not all of it is saved");
    if (delivery::Union(*saved, finished) != finished) throw Broken("what is open is saved");
  }

  Dice dice_;
  delivery::Policy policy_;
  unsigned stuck_percent_ = 0;
  std::vector<int64_t> log_;
  base::Now now_{base::MonotonicTime(1h), base::WallTime(500'000h)};
  std::unique_ptr<Lanes> lanes_;
  testing::TrackerModel tracker_;
  Position position_{{"t", 0}, 0, {}};
  size_t longest_ = 0;
};

TEST(LanesModel, SaveFinishedOffsetsWhileCommitMetadataIsFull) {
  size_t longest = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    Crowd crowd(seed);
    ASSERT_NO_THROW(crowd.Play()) << "seed " << seed;
    longest = std::max(longest, crowd.longest());
  }
  EXPECT_GE(longest, delivery::kMaxMetadataBytes / 4 * 3);  // or there was no crowd
}

}  // namespace
}  // namespace khs::task
