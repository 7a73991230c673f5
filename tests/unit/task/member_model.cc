#include "unit/task/member_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace khs::testing {
namespace {

using namespace std::chrono_literals;
using delivery::Decision;
using delivery::Strategy;
using task::Lanes;
using AddResult = Lanes::AddResult;

// Behind a request of this age nothing counts as available.
constexpr std::chrono::milliseconds kSlow{100};

const char* Text(const Decision& decision) {
  static constexpr const char* kTexts[] = {"delivered", "retry", "drop", "stop", "abandon"};
  return kTexts[decision.index()];
}

delivery::Reply RandomReply(Dice& dice) {
  const auto roll = dice.Below(12);
  if (roll < 5) return delivery::HttpReply{200, false, {}};
  if (roll < 7) return delivery::HttpReply{200, true, {}};
  if (roll < 8) return delivery::HttpReply{200, {}, {}};
  if (roll < 9) return delivery::HttpReply{500, {}, 3s};
  if (roll < 10) return delivery::HttpReply{503, {}, 2h};
  return delivery::RequestFault{delivery::FaultKind::kTimeout, "timeout"};
}

}  // namespace

MemberModel::MemberModel(int id, BrokerModel& broker, const delivery::Policy& policy,
                         const base::Now& now, bool sends_dead_letters, Schedule& schedule)
    : id_(id),
      broker_(broker),
      policy_(policy),
      now_(now),
      sends_dead_letters_(sends_dead_letters),
      schedule_(schedule) {
  Begin();
}

void MemberModel::Fail(const std::string& what) const {
  throw Broken(fmt::format("member {}: {}", id_, what));
}

void MemberModel::Begin() {
  lanes_ = std::make_unique<Lanes>(std::make_shared<delivery::Policy>(policy_));
  for (auto& [id, owned] : partitions_) {
    if (broker_.At(id).owner == id_) broker_.At(id).owner = -1;
  }
  partitions_.clear();
  memories_.clear();
  flights_.clear();
  dead_letters_.clear();
  revoking_.clear();
  answers_to_come_.clear();
  stopped_ = paused_ = deposed_ = fenced_in_flight_ = saves_less_ = committing_ = false;
  paused_before_ = {};
}

void MemberModel::Crash() {
  schedule_.Tell([&] { return fmt::format("member {} crashes", id_); });
  Begin();
}

void MemberModel::Assign(PartitionModel& partition) {
  partition.owner = id_;
  Owned owned;
  owned.generation = ++generations_;
  owned.log = partition.logs.size() - 1;
  lanes_->Assign({partition.id});
  const auto& commit = partition.commit;
  const auto memory = memories_.extract(partition.id);
  delivery::OffsetRanges finished;
  if (commit) {
    finished = *delivery::DecodeFinished(commit->offset, commit->metadata);
    lanes_->Restore(partition.id, commit->offset, finished);
    owned.committed = commit->offset;
    if (memory && memory.mapped().committed <= commit->offset &&
        commit->offset <= memory.mapped().position) {
      for (int64_t o = commit->offset; o < memory.mapped().position; ++o) {
        finished = delivery::Union(std::move(finished), {{o, o}});
      }
      finished = delivery::Union(std::move(finished), memory.mapped().finished);
    }
    owned.tracker.Restore(commit->offset, finished);
    if (partition.commit_log == owned.log) owned.read = partition.log().IndexOf(commit->offset);
  } else {
    lanes_->Restore(partition.id, std::nullopt, {});
    // As where the policy is `latest`; what was before that was read by nobody, or is done.
    const auto& records = partition.log().records;
    if (partition.id.partition % 2 == 1) {
      const int64_t begin = records.empty() ? partition.log().next : records.front().offset;
      lanes_->BeginAt({partition.id, begin});
      owned.tracker.Begin(begin);
    }
  }
  schedule_.Tell([&] {
    return fmt::format("member {} is assigned {} from {}, {} ranges beyond", id_,
                       partition.id.partition, commit ? commit->offset : -1, finished.size());
  });
  partitions_[partition.id] = std::move(owned);
}

void MemberModel::BeginRevoke(Dice& dice) {
  for (auto& [id, owned] : partitions_) {
    if (dice.Percent(60)) revoking_.push_back(id);
  }
  for (const auto& id : revoking_) partitions_.at(id).revoking = true;
  schedule_.Tell([&] { return fmt::format("member {} gives back {}", id_, revoking_.size()); });
  lanes_->BeginRevoke(revoking_);
}

bool MemberModel::FinishRevoke(bool grace_over, bool committed) {
  const bool clean = lanes_->InFlight(revoking_) == 0;
  if (!clean && !grace_over) return false;
  schedule_.Tell([&] { return fmt::format("member {} has given back {}", id_, revoking_.size()); });
  if (committing_) lanes_->MakeCommittable(answers_to_come_.back().positions);
  if (committing_) MakeCommittable(answers_to_come_.back().positions);
  const task::Positions positions = TakePositions();
  committed = committed && !deposed_;
  Send(positions, committed);
  Answer({positions, committed}, committed, false);
  answers_to_come_.clear();  // they are overtaken
  committing_ = false;
  lanes_->Fence(revoking_);
  std::map<base::TopicPartition, std::set<int64_t>> did;
  for (const auto& id : revoking_) did[id] = partitions_.at(id).did;
  Forget(revoking_, true);
  for (const auto& id : std::exchange(revoking_, {})) {
    PartitionModel& partition = broker_.At(id);
    if (partition.owner == id_) partition.owner = -1;
    const bool is_present = logs_given_up_.at(id) + 1 == partition.logs.size();
    if (!clean || !committed || saves_less_ || !is_present) continue;
    for (const int64_t offset : did.at(id)) {
      if (!broker_.Covers(partition, offset)) Fail(fmt::format("{} will be repeated", offset));
    }
  }
  return true;
}

void MemberModel::Lose(Dice& dice, bool all) {
  task::Partitions lost;
  for (const auto& [id, owned] : partitions_) {
    if (all || dice.Percent(60)) lost.push_back(id);
  }
  schedule_.Tell([&] { return fmt::format("member {} has lost {}", id_, lost.size()); });
  lanes_->Fence(lost);
  Forget(lost, true);
  for (const auto& id : lost) {
    if (broker_.At(id).owner == id_) broker_.At(id).owner = -1;
  }
  if (all) deposed_ = false;
}

void MemberModel::Depose() {
  schedule_.Tell([&] { return fmt::format("member {} is out of the group", id_); });
  deposed_ = true;
  for (const auto& [id, owned] : partitions_) broker_.At(id).owner = -1;
}

void MemberModel::Forget(const task::Partitions& partitions, bool remember) {
  for (const auto& id : partitions) {
    const Owned& owned = partitions_.at(id);
    const auto of_it = [&](const Flight& flight) { return flight.generation == owned.generation; };
    fenced_in_flight_ = fenced_in_flight_ || std::any_of(flights_.begin(), flights_.end(), of_it) ||
                        std::any_of(dead_letters_.begin(), dead_letters_.end(), of_it);
    const auto position = owned.tracker.position();
    if (remember && position && owned.committed) {
      memories_[id] = Memory{*owned.committed, *position, owned.tracker.Finished()};
    }
    logs_given_up_[id] = owned.log;
    partitions_.erase(id);
  }
}

std::string MemberModel::LaneOf(const delivery::Record& record) const {
  if (policy_.ordering == delivery::Ordering::kPartition) return "all";
  if (policy_.ordering == delivery::Ordering::kKey && record.key) return "key " + *record.key;
  return std::to_string(record.offset);
}

base::MonotonicTime MemberModel::DueOf(const Waiting& record) const {
  if (record.progress.attempts > 0) return now();
  if (!record.timestamp || policy_.request_delay == 0ms) {
    return record.read_at + policy_.request_delay;
  }
  // A record's time is in whole milliseconds.
  const auto wall = std::chrono::floor<std::chrono::milliseconds>(now_.wall.time_since_epoch());
  const auto by_timestamp = now() + std::max(*record.timestamp + policy_.request_delay - wall, 0ms);
  return std::min(by_timestamp, record.read_at + policy_.request_delay);
}

void MemberModel::Add(Owned& was, PartitionModel& partition, const delivery::Record& record) {
  Owned* owned = &was;
  AddResult expected = AddResult::kAdded;
  using Receipt = delivery::OffsetTracker::Receipt;
  const Receipt receipt = owned->tracker.Receive(record.offset);
  if (receipt == Receipt::kFinished) expected = AddResult::kFinished;
  if (receipt == Receipt::kBackward) {
    expected = AddResult::kStartedOver;
    Owned anew;
    anew.generation = ++generations_;
    anew.log = owned->log;
    anew.read = owned->read;
    anew.flows = owned->flows;
    anew.tracker.Begin(record.offset);
    anew.tracker.Receive(record.offset);
    Forget({partition.id}, false);
    owned = &(partitions_[partition.id] = std::move(anew));
  }
  const AddResult result = lanes_->Add(record, now_);
  schedule_.Tell([&] {
    return fmt::format("member {} reads {}@{}: {}", id_, partition.id.partition, record.offset,
                       static_cast<int>(result));
  });
  if (result != expected) Fail(fmt::format("not {}", static_cast<int>(expected)));
  if (result == AddResult::kFinished) {
    if (!partition.log().done.contains(record.offset)) Fail("it is skipped");
    return;
  }
  Waiting waiting;
  waiting.offset = record.offset;
  waiting.timestamp = record.timestamp;
  waiting.bytes = record.Bytes() + sizeof(task::Job);
  waiting.read_at = now();
  waiting.due = DueOf(waiting);
  Lane& lane = owned->lanes[LaneOf(record)];
  if (lane.queue.empty()) lane.since = now();
  lane.queue.push_back(waiting);
}

void MemberModel::Poll(Dice& dice) {
  const size_t wanted = lanes_->UpdateDemand(now()).bytes;
  // What waits, or stands behind a slow request, does not count as at hand. A wait that is over
  // may do so already.
  size_t least = lanes_->bytes();
  size_t most = least;
  for (const auto& [id, owned] : partitions_) {
    for (const auto& [name, lane] : owned.lanes) {
      size_t queued = 0;
      for (const Waiting& record : lane.queue) queued += record.bytes;
      const bool slow = lane.taken_at && now() - *lane.taken_at >= kSlow;
      const bool waited = !owned.revoking && !lane.busy && !lane.queue.empty() &&
                          lane.queue.front().due > lane.since;
      if (slow || waited) least -= queued;
      if (slow || (waited && lane.queue.front().due > now())) most -= queued;
    }
  }
  const size_t enough = policy_.queue_max_bytes / 3;
  if (wanted == 0 && !paused_ && most < enough)
    Fail("too little is available, and reading does not continue");
  if (wanted > 0 && (paused_ || least >= enough)) Fail("reading continues");
  if (wanted == 0) return;

  std::vector<base::TopicPartition> from;
  for (const auto& [id, owned] : partitions_) {
    const PartitionModel& partition = broker_.At(id);
    const size_t read = owned.log + 1 == partition.logs.size() ? owned.read : 0;
    if (owned.flows && read < partition.logs.back().records.size()) from.push_back(id);
  }
  if (from.empty()) return;
  PartitionModel& partition = broker_.At(dice.Of(from));
  const size_t batch = std::min(wanted, policy_.queue_max_bytes / 8);
  for (size_t bytes = 0; bytes < batch;) {
    Owned& owned = partitions_.at(partition.id);
    if (owned.revoking) {
      const delivery::Record& late = partition.log().records.back();
      if (lanes_->Add(late, now_) != AddResult::kNotAssigned) Fail("it reads what it gives back");
      break;
    }
    if (owned.log + 1 != partition.logs.size()) {
      owned.log = partition.logs.size() - 1;
      owned.read = 0;
      owned.did.clear();
    }
    if (owned.read == partition.log().records.size()) break;
    const delivery::Record& record = partition.log().records[owned.read];
    bytes += record.Bytes();
    ++owned.read;
    Add(owned, partition, record);
  }
  const size_t bound = policy_.queue_max_bytes * 5 / 4 + 4'000 * partitions_.size();
  if (lanes_->bytes() > bound) Fail(fmt::format("it holds {} bytes", lanes_->bytes()));
}

size_t MemberModel::BytesOf(const base::TopicPartition& id, const Owned& owned) const {
  size_t bytes = 0;
  for (const auto& [name, lane] : owned.lanes) {
    for (const Waiting& record : lane.queue) bytes += record.bytes;
  }
  for (const auto* flights : {&flights_, &dead_letters_}) {
    for (const Flight& flight : *flights) {
      if (flight.from == id && flight.generation == owned.generation) bytes += flight.record.bytes;
    }
  }
  return bytes;
}

void MemberModel::TakeFlow(bool only_if_pending) {
  const bool pending = lanes_->HasFlowChanges();
  if (only_if_pending && !pending) return;
  const Lanes::Flow flow = lanes_->TakeFlowChanges();
  if (!pending && !stopped_ && !flow.resume.empty())
    Fail("nobody was told that a partition flows again");
  const size_t share =
      std::max<size_t>(policy_.queue_max_bytes / 3 / std::max<size_t>(partitions_.size(), 1), 1);
  for (const auto& id : flow.pause) {
    Owned& owned = partitions_.at(id);
    if (!std::exchange(owned.flows, false)) Fail("it is paused twice");
    const bool over_quota =
        BytesOf(id, owned) >= share && lanes_->bytes() >= policy_.queue_max_bytes / 2;
    if (!paused_ && !over_quota) Fail("it is paused though it holds little");
  }
  for (const auto& id : flow.resume) {
    if (std::exchange(partitions_.at(id).flows, true)) Fail("it is resumed twice");
  }
  for (const auto& [id, owned] : partitions_) {
    if (owned.revoking) continue;
    if (paused_ && owned.flows) Fail("it flows, and all is paused");
    const bool has_room =
        BytesOf(id, owned) <= share / 2 || lanes_->bytes() <= policy_.queue_max_bytes / 4;
    if (!paused_ && has_room && !owned.flows) Fail("it does not flow though it holds little");
  }
}

// The first records of the lanes without a job in flight, due or not.
template <class Function>
void MemberModel::ForEachHead(Function&& function) const {
  for (const auto& [id, owned] : partitions_) {
    if (owned.revoking) continue;
    for (const auto& [name, lane] : owned.lanes) {
      if (!lane.busy && !lane.queue.empty()) function(lane.queue.front());
    }
  }
}

bool MemberModel::Take() {
  if (flights_.size() >= static_cast<size_t>(policy_.max_in_flight)) return false;
  task::JobPtr job = lanes_->Take(now());
  if (!job) {
    size_t waiting = 0;
    ForEachHead([&](const Waiting& head) {
      if (Takes() && head.due <= now()) Fail(fmt::format("{} is due and not taken", head.offset));
      if (head.progress.attempts > 0) ++waiting;
    });
    if (Takes() && lanes_->waiting_retry() != waiting) Fail("waiting for a retry");
    return false;
  }
  const base::TopicPartition id = job->record.topic_partition;
  const int64_t offset = job->record.offset;
  schedule_.Tell([&] { return fmt::format("member {} takes {}@{}", id_, id.partition, offset); });
  if (!Takes()) Fail("it is paused or stopped");
  if (!partitions_.contains(id)) Fail("it is not assigned");
  Owned& owned = partitions_.at(id);
  if (owned.revoking) Fail("it is being given back");
  const std::string name = LaneOf(job->record);
  Lane& lane = owned.lanes[name];
  if (lane.busy) Fail("another one of its lane is on its way");
  if (lane.queue.empty() || lane.queue.front().offset != offset) Fail("it is not its turn");
  Waiting record = lane.queue.front();
  lane.queue.pop_front();
  lane.busy = true;
  lane.taken_at = now();
  if (record.due > now()) Fail("it is not due");
  if (job->progress.attempts != record.progress.attempts) Fail("its attempts are miscounted");
  if (job->dead_letter.has_value() != record.dead) Fail("whether it is dead is forgotten");
  const LogModel& log = broker_.At(id).logs[owned.log];
  for (const delivery::Record& before : log.records) {
    if (before.offset >= offset) break;
    if (LaneOf(before) == name && !log.done.contains(before.offset)) {
      Fail(fmt::format("it overtakes {}", before.offset));
    }
  }
  if (!record.dead && !record.progress.first_attempt) {
    record.progress.first_attempt = job->progress.first_attempt = DeliveryTime();
  }
  if (record.progress.first_attempt != job->progress.first_attempt) Fail("since when it is tried");
  auto& where = record.dead ? dead_letters_ : flights_;
  where.push_back({std::move(job), record, id, owned.log, owned.generation, name, false});
  return true;
}

MemberModel::Owned* MemberModel::FindOwned(const Flight& flight) {
  const auto found = partitions_.find(flight.from);
  if (found == partitions_.end() || found->second.generation != flight.generation) return nullptr;
  return &found->second;
}

// By the tables of verdicts and strategies.
Decision MemberModel::Expected(const delivery::Reply& reply, delivery::Progress& progress) const {
  if (std::holds_alternative<delivery::Aborted>(reply)) return delivery::Abandon{};
  ++progress.attempts;
  const auto* http = std::get_if<delivery::HttpReply>(&reply);
  const bool good = http != nullptr && http->status == 200;
  const bool optional = policy_.indicator == delivery::IndicatorRule::kOptional;
  if (http != nullptr && (http->retry == false || (!http->retry && good && optional))) {
    return delivery::Deliver{};
  }
  if (http != nullptr && !http->retry && policy_.statuses.drop.Contains(http->status)) {
    return delivery::Drop{};
  }
  const bool of_request = http == nullptr || (!http->retry && http->status == 503);
  const bool at_once = !of_request && (policy_.strategy == Strategy::kDropMessage ||
                                       policy_.strategy == Strategy::kStopTask);
  const auto& delays =
      of_request ? policy_.request_retry_backoff.delays : policy_.retry_backoff.delays;
  size_t& used = of_request ? progress.request_retries : progress.response_retries;
  const bool timed = policy_.delivery_timeout > 0ms;
  const auto left = progress.first_attempt.value() + policy_.delivery_timeout - DeliveryTime();
  const bool in_time = timed ? left > 0ms && !delays.empty() : used < delays.size();
  if (!at_once && in_time) {
    auto delay = delays[std::min(used++, delays.size() - 1)];
    if (http != nullptr && http->retry_after) {
      delay = std::max(delay, std::min(*http->retry_after, policy_.retry_after_max));
    }
    if (timed) delay = std::min(delay, std::chrono::ceil<std::chrono::milliseconds>(left));
    return delivery::Retry{{}, delay};
  }
  const bool drops = !of_request && (policy_.strategy == Strategy::kDropMessage ||
                                     policy_.strategy == Strategy::kProgressBackOffDropMessage);
  if (drops) return delivery::Drop{};
  return delivery::Stop{};
}

bool MemberModel::EndAttempt(Dice& dice, bool well) {
  if (flights_.empty()) return false;
  const auto at = flights_.begin() + static_cast<std::ptrdiff_t>(dice.Below(flights_.size()));
  Flight flight = std::move(*at);
  flights_.erase(at);
  delivery::Reply reply = well ? delivery::HttpReply{200, false, {}} : RandomReply(dice);
  const bool cut_off =
      FindOwned(flight) == nullptr ? dice.Percent(50) : stopped_ && dice.Percent(10);
  if (!well && cut_off) reply = delivery::Aborted{};
  const Decision expected = Expected(reply, flight.record.progress);
  Decision decision = delivery::DecideAfterAttempt(policy_, reply, flight.job->progress,
                                                   lanes_->DeliveryTime(now()), 0);
  schedule_.Tell([&] {
    return fmt::format("member {}: {}@{} {}", id_, flight.from.partition, flight.record.offset,
                       Text(decision));
  });
  if (decision.index() != expected.index()) Fail(fmt::format("it should {}", Text(expected)));
  if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
    if (retry->delay != std::get<delivery::Retry>(expected).delay) Fail("after another delay");
  }
  const bool drops = std::holds_alternative<delivery::Drop>(decision);
  if (flight.settings_changed && (drops || std::holds_alternative<delivery::Stop>(decision))) {
    decision = delivery::Retry{{}, 0ms};
  } else if (drops && sends_dead_letters_) {
    flight.job->dead_letter.emplace();
    flight.record.dead = true;
    dead_letters_.push_back(std::move(flight));
    return true;
  }
  FinishJob(std::move(flight), decision);
  return true;
}

bool MemberModel::EndDeadLetter(Dice& dice, bool well) {
  if (dead_letters_.empty()) return false;
  const auto at =
      dead_letters_.begin() + static_cast<std::ptrdiff_t>(dice.Below(dead_letters_.size()));
  Flight flight = std::move(*at);
  dead_letters_.erase(at);
  schedule_.Tell([&] {
    return fmt::format("member {}: {}@{} {}", id_, flight.from.partition, flight.record.offset,
                       well ? "is a dead letter" : "can't be a dead letter");
  });
  FinishJob(std::move(flight), well ? Decision(delivery::Drop{}) : delivery::Retry{{}, 1s});
  return true;
}

void MemberModel::FinishJob(Flight flight, const Decision& decision) {
  Owned* const owned = FindOwned(flight);
  if (lanes_->IsFenced(*flight.job) != (owned == nullptr)) Fail("whether it counts");
  const bool counted = lanes_->ApplyDecision(std::move(flight.job), decision, now());
  if (counted != (owned != nullptr)) Fail("it counts though it was fenced, or the reverse");
  if (owned == nullptr) return;
  Lane& lane = owned->lanes.at(flight.lane);
  lane.taken_at.reset();
  if (std::holds_alternative<delivery::Stop>(decision)) stopped_ = true;
  if (const auto* retry = std::get_if<delivery::Retry>(&decision)) {
    flight.record.due = now() + retry->delay;
    lane.queue.push_front(flight.record);
  } else if (!std::holds_alternative<delivery::Deliver>(decision) &&
             !std::holds_alternative<delivery::Drop>(decision)) {
    return;  // nothing passes it
  } else {
    owned->tracker.Finish(flight.record.offset);
    owned->did.insert(flight.record.offset);
    broker_.At(flight.from).logs[flight.log].done.insert(flight.record.offset);
  }
  lane.busy = false;
  lane.since = now();
  if (lane.queue.empty()) owned->lanes.erase(flight.lane);
}

void MemberModel::SetPaused(bool paused) {
  schedule_.Tell([&] { return fmt::format("member {} {}", id_, paused ? "pauses" : "resumes"); });
  if (paused && !paused_) paused_since_ = now();
  if (!paused && paused_) paused_before_ += now() - paused_since_;
  paused_ = paused;
  lanes_->SetPaused(paused, now());
}

void MemberModel::StopTaking() {
  schedule_.Tell([&] { return fmt::format("member {} stops", id_); });
  stopped_ = true;
  lanes_->StopTaking();
}

void MemberModel::Reconfigure(const delivery::Policy& policy) {
  schedule_.Tell([&] { return fmt::format("member {} has another policy", id_); });
  const delivery::Policy before = std::exchange(policy_, policy);
  const auto rebase = [&](delivery::Progress& progress) {
    if (before.retry_backoff != policy.retry_backoff) progress.response_retries = 0;
    if (before.request_retry_backoff != policy.request_retry_backoff) progress.request_retries = 0;
  };
  for (Flight& flight : flights_) {
    flight.settings_changed = true;
    delivery::AdaptProgress(flight.job->progress, before, policy);
    rebase(flight.record.progress);
  }
  lanes_->Reconfigure(std::make_shared<delivery::Policy>(policy), now_);
  for (auto& [id, owned] : partitions_) {
    for (auto& [name, lane] : owned.lanes) {
      lane.since = now();
      for (Waiting& record : lane.queue) {
        rebase(record.progress);
        record.due = DueOf(record);
        record.dead = false;
      }
    }
  }
}

task::Positions MemberModel::TakePositions() {
  const task::Positions positions = lanes_->TakeCommittable();
  std::set<base::TopicPartition> taken;
  for (const task::Position& position : positions) {
    const auto& id = position.topic_partition;
    if (!partitions_.contains(id) || !taken.insert(id).second)
      Fail("position of an unassigned partition");
    const TrackerModel& tracker = partitions_.at(id).tracker;
    if (position.offset != tracker.position()) {
      Fail(fmt::format("{} can't be committed, but {}", position.offset,
                       tracker.position().value_or(-1)));
    }
    const auto saved = delivery::DecodeFinished(position.offset, position.metadata);
    if (!saves_less_ && saved != tracker.Finished()) Fail("the saved offsets differ");
  }
  for (auto& [id, owned] : partitions_) {
    const auto position = owned.tracker.position();
    if (!position) continue;
    std::pair state(*position, owned.tracker.Finished());
    const bool is_new = owned.taken != state;
    if (is_new && !taken.contains(id)) Fail("what is finished is not committable");
    if (!is_new && taken.contains(id) && !saves_less_) Fail("it was committed already");
    owned.taken = std::move(state);
  }
  return positions;
}

void MemberModel::Send(const task::Positions& positions, bool committed) {
  schedule_.Tell([&] {
    std::string text = fmt::format("member {} commits", id_);
    for (const auto& p : positions) {
      text += fmt::format(" {}@{}{}", p.topic_partition.partition, p.offset,
                          p.metadata.empty() ? "" : "+");
    }
    return text + (committed ? "" : ", which does not arrive");
  });
  if (!committed) return;
  for (const task::Position& position : positions) {
    PartitionModel& partition = broker_.At(position.topic_partition);
    const auto owned = partitions_.find(partition.id);
    broker_.Commit(
        position, owned != partitions_.end() ? owned->second.log : logs_given_up_.at(partition.id));
  }
}

void MemberModel::MakeCommittable(const task::Positions& positions) {
  for (const task::Position& position : positions) {
    const auto owned = partitions_.find(position.topic_partition);
    if (owned != partitions_.end()) owned->second.taken.reset();
  }
}

void MemberModel::Answer(const Committing& commit, bool well, bool too_large) {
  if (well) {
    lanes_->MarkCommitted(commit.positions);
    for (const task::Position& position : commit.positions) {
      const auto owned = partitions_.find(position.topic_partition);
      if (owned != partitions_.end()) owned->second.committed = position.offset;
    }
    return;
  }
  if (too_large) {
    lanes_->HalveMetadata();
    saves_less_ = true;
  }
  lanes_->MakeCommittable(commit.positions);
  MakeCommittable(commit.positions);
}

void MemberModel::BeginCommit(bool arrives) {
  if (committing_) return;
  task::Positions positions = TakePositions();
  if (positions.empty()) return;
  arrives = arrives && !deposed_;
  Send(positions, arrives);
  answers_to_come_.push_back({std::move(positions), arrives});
  committing_ = true;
}

void MemberModel::EndCommit(bool answered, bool too_large) {
  if (answers_to_come_.empty()) return;
  const Committing commit = std::move(answers_to_come_.front());
  answers_to_come_.pop_front();
  committing_ = false;
  const bool well = commit.arrived && answered;
  schedule_.Tell([&] {
    return fmt::format("member {}: that commit {}", id_, well ? "is answered" : "fails");
  });
  Answer(commit, well, too_large && !commit.arrived);
}

bool MemberModel::Leave(bool grace_over, bool committed) {
  const bool clean = lanes_->in_flight() == 0;
  if (!clean && !grace_over) return false;
  if (committing_) lanes_->MakeCommittable(answers_to_come_.back().positions);
  if (committing_) MakeCommittable(answers_to_come_.back().positions);
  const task::Positions positions = TakePositions();
  committed = committed && !deposed_;
  Send(positions, committed);
  schedule_.Tell([&] { return fmt::format("member {} has left", id_); });
  for (const auto& [id, owned] : partitions_) {
    PartitionModel& partition = broker_.At(id);
    if (!clean || !committed || saves_less_ || owned.log + 1 != partition.logs.size()) continue;
    for (const int64_t offset : owned.did) {
      if (!broker_.Covers(partition, offset)) Fail(fmt::format("{} will be repeated", offset));
    }
  }
  lanes_->Fence(lanes_->assignment());
  Begin();
  return true;
}

void MemberModel::TakeFenced() {
  if (lanes_->TakeFencedInFlight() != std::exchange(fenced_in_flight_, false))
    Fail("fenced jobs in flight");
}

void MemberModel::Verify() {
  size_t records = flights_.size() + dead_letters_.size();
  size_t bytes = 0;
  if (lanes_->in_flight() != records) Fail("in flight");
  for (const auto* flights : {&flights_, &dead_letters_}) {
    for (const Flight& flight : *flights) bytes += flight.record.bytes;
  }
  size_t in_flight = 0;
  task::Partitions assignment;
  for (const auto& [id, owned] : partitions_) {
    assignment.push_back(id);
    in_flight += lanes_->InFlight({id});
    for (const auto& [name, lane] : owned.lanes) {
      records += lane.queue.size();
      for (const Waiting& record : lane.queue) bytes += record.bytes;
    }
  }
  size_t current = 0;
  for (const auto* flights : {&flights_, &dead_letters_}) {
    for (const Flight& flight : *flights) current += FindOwned(flight) != nullptr ? 1 : 0;
  }
  if (in_flight != current) Fail("in flight of the partitions");
  if (lanes_->assignment() != assignment) Fail("assignment");
  if (lanes_->records() != records) Fail(fmt::format("{} records", lanes_->records()));
  if (lanes_->bytes() != bytes) Fail(fmt::format("{} bytes, not {}", lanes_->bytes(), bytes));
  if (lanes_->HasFencedInFlight() != fenced_in_flight_) Fail("fenced jobs in flight");

  size_t waits = 0;
  size_t may_wait = 0;
  bool is_due = false;
  std::optional<base::MonotonicTime> next;
  ForEachHead([&](const Waiting& head) {
    if (head.progress.attempts > 0) ++may_wait;
    if (head.due <= now()) {
      is_due = true;
      return;
    }
    if (head.progress.attempts > 0) ++waits;
    if (!next || head.due < *next) next = head.due;
  });
  if (lanes_->waiting_retry() < waits || lanes_->waiting_retry() > may_wait) Fail("waiting");
  const auto due = lanes_->NextDue();
  if (!Takes()) {
    if (lanes_->HasReady() || due) Fail("it is stopped or paused, and wakes");
    return;
  }
  if (is_due && !lanes_->HasReady() && !(due && *due <= now())) Fail("nobody wakes for it");
  if (!is_due && lanes_->HasReady()) Fail("unnecessary wake-up");
  if (next && !(due && *due <= *next)) Fail("nobody wakes when it will be due");
  if (due && *due > now() && due != next) Fail("unnecessary later wake-up");
}

bool MemberModel::HasReadAll() const {
  return std::all_of(partitions_.begin(), partitions_.end(), [this](const auto& each) {
    const auto& [id, owned] = each;
    const PartitionModel& partition = broker_.At(id);
    const bool is_present = owned.log + 1 == partition.logs.size();
    return partition.logs.back().records.size() == (is_present ? owned.read : 0);
  });
}

void MemberModel::VerifyEmpty() {
  if (lanes_->records() + lanes_->bytes() + lanes_->in_flight() + lanes_->waiting_retry() > 0) {
    Fail("something is left");
  }
}

}  // namespace khs::testing
