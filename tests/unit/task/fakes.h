#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/header_lines.h"
#include "task/dead_letter_queue.h"
#include "task/endpoint.h"
#include "task/record_source.h"

namespace khs::testing {

// A group member whose events the test makes. The shared log of its calls outlives it.
struct SourceLog {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<task::SourceEvent> events;  // to come
  bool woken = false;
  std::map<base::TopicPartition, int64_t> committed;
  std::map<base::TopicPartition, std::string> metadata;
  std::map<base::TopicPartition, int64_t> log_ends;
  bool takes_metadata = true;
  std::vector<base::TopicPartition> paused;
  int polls = 0;
  int revokes_completed = 0;
  int commit_failures_to_come = 0;
  task::CommitError commit_failure{"the coordinator moved"};
  bool holds_commits = false;         // asynchronous commits are not answered
  std::vector<task::Positions> held;  // of those
  bool left = false;
  task::Credentials credentials;

  // With the lock held: whether none of the records' partitions is paused.
  bool Flows(const task::Records& records) const {
    return std::none_of(records.begin(), records.end(), [this](const delivery::Record& record) {
      return std::find(paused.begin(), paused.end(), record.topic_partition) != paused.end();
    });
  }
  void Send(task::SourceEvent event) {
    const std::lock_guard lock(mutex);
    events.push_back(std::move(event));
    changed.notify_all();
  }
  void FailCommits(int count, task::CommitError error = {"the coordinator moved"}) {
    const std::lock_guard lock(mutex);
    commit_failures_to_come = count;
    commit_failure = std::move(error);
  }
  std::vector<task::Positions> Held() {
    const std::lock_guard lock(mutex);
    return held;
  }
  // Waits until a condition on the log holds; false after a time in which it surely would.
  template <class Condition>
  bool Await(Condition&& condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), [&] { return condition(*this); });
  }
};

class FakeSource final : public task::RecordSource {
 public:
  explicit FakeSource(SourceLog& log) : log_(log) {}

  task::SourceEvent Poll(std::chrono::milliseconds timeout, size_t wanted_bytes) override {
    std::unique_lock lock(log_.mutex);
    ++log_.polls;
    log_.changed.notify_all();
    std::deque<task::SourceEvent>::iterator next;
    log_.changed.wait_for(lock, timeout, [&] {
      next = std::find_if(log_.events.begin(), log_.events.end(), [&](const auto& event) {
        const auto* records = std::get_if<task::Records>(&event);
        return records == nullptr || (wanted_bytes > 0 && log_.Flows(*records));
      });
      return next != log_.events.end() || log_.woken;
    });
    log_.woken = false;
    if (next == log_.events.end()) return task::Nothing{};
    task::SourceEvent event = std::move(*next);
    log_.events.erase(next);
    if (const auto* assigned = std::get_if<task::Assigned>(&event)) {
      for (const auto& partition : assigned->partitions) std::erase(log_.paused, partition);
    }
    return event;
  }
  void Wake() noexcept override {
    const std::lock_guard lock(log_.mutex);
    log_.woken = true;
    log_.changed.notify_all();
  }
  void Pause(const task::Partitions& partitions) override {
    const std::lock_guard lock(log_.mutex);
    log_.paused.insert(log_.paused.end(), partitions.begin(), partitions.end());
    log_.changed.notify_all();
  }
  void Resume(const task::Partitions& partitions) override {
    const std::lock_guard lock(log_.mutex);
    for (const auto& partition : partitions) std::erase(log_.paused, partition);
    log_.changed.notify_all();
  }
  void Commit(const task::Positions& positions) override {
    {
      const std::lock_guard lock(log_.mutex);
      if (log_.holds_commits) {
        log_.held.push_back(positions);
        log_.changed.notify_all();
        return;
      }
    }
    auto error = Store(positions);
    log_.Send(task::Committed{positions, std::move(error)});
  }
  task::Committed CommitAndWait(task::Positions positions, std::chrono::milliseconds) override {
    auto error = Store(positions);
    return {std::move(positions), std::move(error)};
  }
  void Renew(const task::Credentials& credentials) override {
    const std::lock_guard lock(log_.mutex);
    log_.credentials = credentials;
    log_.changed.notify_all();
  }
  std::optional<int64_t> LogEnd(const base::TopicPartition& partition) const override {
    const std::lock_guard lock(log_.mutex);
    const auto found = log_.log_ends.find(partition);
    return found == log_.log_ends.end() ? std::nullopt : std::optional(found->second);
  }
  void CompleteRevoke() override {
    const std::lock_guard lock(log_.mutex);
    ++log_.revokes_completed;
    log_.changed.notify_all();
  }
  void Leave(std::chrono::milliseconds) override {
    const std::lock_guard lock(log_.mutex);
    log_.left = true;
    log_.changed.notify_all();
  }

 private:
  std::optional<task::CommitError> Store(const task::Positions& positions) {
    const std::lock_guard lock(log_.mutex);
    if (log_.commit_failures_to_come > 0) {
      --log_.commit_failures_to_come;
      return log_.commit_failure;
    }
    for (const task::Position& position : positions) {
      if (!position.metadata.empty() && !log_.takes_metadata) {
        return task::CommitError{"the metadata is too large", true};
      }
    }
    for (const task::Position& position : positions) {
      log_.metadata[position.topic_partition] = position.metadata;
      log_.committed[position.topic_partition] = position.offset;
    }
    log_.changed.notify_all();
    return std::nullopt;
  }

  SourceLog& log_;
};

// What the endpoint was sent, and a gate that holds its answers back.
struct EndpointLog {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<base::TopicPartition, int64_t>> received;
  bool corked = false;
  bool aborted = false;
  size_t cancelled = 0;
  size_t most_at_once = 0;
  size_t waits = 0;  // of the delivery thread

  void Cork(bool cork) {
    const std::lock_guard lock(mutex);
    corked = cork;
    changed.notify_all();
  }
  bool AwaitReceived(size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30),
                            [&] { return received.size() >= count; });
  }
  bool AwaitMoreWaits(size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30),
                            [&, until = waits + count] { return waits >= until; });
  }
  bool AwaitCancelled(size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), [&] { return cancelled >= count; });
  }
};

// For a fake endpoint, which goes nowhere.
inline task::Route FakeRoute() {
  config::EndpointConfig endpoint;
  endpoint.url = "http://h/";
  return {std::make_shared<request::Builder>(endpoint, request::Identity{"c", "connect-c"},
                                             delivery::NullValues::kSend),
          nullptr};
}

// The same with a template: no request can be made of a record without a key.
inline task::Route FakeRouteByKey() {
  config::SecretResolver secrets(nullptr);
  config::EndpointConfig endpoint;
  endpoint.url = "http://h/x";
  endpoint.url_template = config::ParseTemplate("http://h/{{key}}", secrets)->text;
  return {std::make_shared<request::Builder>(endpoint, request::Identity{"c", "connect-c"},
                                             delivery::NullValues::kSend),
          nullptr};
}

// Which record a request is about, as its headers say.
inline delivery::Record RecordOf(const request::Request& request) {
  const auto headers = khs::testing::HeaderLines(request.headers);
  const auto value = [&headers](std::string_view name) {
    return std::find_if(headers.begin(), headers.end(),
                        [name](const auto& header) { return header.first == name; })
        ->second;
  };
  delivery::Record record;
  record.topic_partition = {value("X-Kafka-Topic"), std::stoi(value("X-Kafka-Partition"))};
  record.offset = std::stoll(value("X-Kafka-Offset"));
  return record;
}

// The answer that means this. Without an indicator, the excerpt is its body.
inline delivery::Outcome OutcomeOf(delivery::Reply reply) {
  if (auto* fault = std::get_if<delivery::RequestFault>(&reply)) return std::move(*fault);
  const auto* http = std::get_if<delivery::HttpReply>(&reply);
  if (http == nullptr) return delivery::Aborted{};
  delivery::Response response{http->status};
  if (http->retry) response.body = *http->retry ? R"({"retry":true})" : R"({"retry":false})";
  if (!http->retry) response.body = http->excerpt;
  if (http->retry_after) response.retry_after = std::to_string(http->retry_after->count() / 1000);
  return response;
}

class FakeEndpoint final : public task::Endpoint {
 public:
  // Is given the place of a record, and nothing else of it.
  using Script = std::function<delivery::Reply(const delivery::Record&)>;

  FakeEndpoint(EndpointLog& log, Script script) : log_(log), script_(std::move(script)) {}

  void Use(std::shared_ptr<const task::Destination>) override {}
  void Begin(Slot slot, request::Request request) override {
    delivery::Record record = RecordOf(request);
    const std::lock_guard lock(log_.mutex);
    log_.received.emplace_back(record.topic_partition, record.offset);
    log_.changed.notify_all();
    under_way_[slot] = std::move(record);
    log_.most_at_once = std::max(log_.most_at_once, under_way_.size());
  }
  void Cancel(Slot slot) override {
    const std::lock_guard lock(log_.mutex);
    if (under_way_.erase(slot) == 0) return;
    ++log_.cancelled;
    log_.changed.notify_all();
    cancelled_.push_back({slot, delivery::Aborted{}});
  }
  void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) override {
    std::unique_lock lock(log_.mutex);
    ++log_.waits;
    log_.changed.notify_all();
    const auto ready = [&] {
      const bool may_end = !log_.corked || log_.aborted;
      return woken_ || !cancelled_.empty() || (may_end && !under_way_.empty());
    };
    if (until) {
      log_.changed.wait_until(lock, *until, ready);
    } else {
      log_.changed.wait(lock, ready);
    }
    woken_ = false;
    ended = std::exchange(cancelled_, {});
    if (log_.corked && !log_.aborted) return;
    const auto answered = std::exchange(under_way_, {});
    const bool aborted = log_.aborted;
    lock.unlock();  // a script may wait for the task
    for (const auto& [slot, record] : answered) {
      ended.push_back(
          {slot, aborted ? delivery::Outcome(delivery::Aborted{}) : OutcomeOf(script_(record))});
    }
  }
  void Wake() noexcept override {
    const std::lock_guard lock(log_.mutex);
    woken_ = true;
    log_.changed.notify_all();
  }
  void Abort() noexcept override {
    const std::lock_guard lock(log_.mutex);
    log_.aborted = true;
    log_.changed.notify_all();
  }

 private:
  EndpointLog& log_;
  const Script script_;
  // Guarded by the log's lock.
  std::map<Slot, delivery::Record> under_way_;
  std::vector<Ended> cancelled_;
  bool woken_ = false;
};

// What became dead letters, and a gate that holds the broker's answers back.
struct LettersLog {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<int64_t, task::DeadLetterCause>> produced;
  std::vector<task::DeadLetterQueue::Done> unanswered;
  bool corked = false;
  int failures_to_come = 0;
  task::DeadLetterFailure failure{"dead letter topic d: not enough replicas"};

  void Cork(bool cork) {
    std::vector<task::DeadLetterQueue::Done> now;
    {
      const std::lock_guard lock(mutex);
      corked = cork;
      if (!cork) now.swap(unanswered);
    }
    for (const auto& done : now) done(std::nullopt);
  }
  bool AwaitProduced(size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30),
                            [&] { return produced.size() >= count; });
  }
};

class FakeDeadLetters final : public task::DeadLetterQueue {
 public:
  explicit FakeDeadLetters(LettersLog& log) : log_(log) {}

  void Produce(const delivery::Record& record, const task::DeadLetterCause& cause,
               Done done) override {
    std::optional<task::DeadLetterFailure> failure;
    {
      const std::lock_guard lock(log_.mutex);
      log_.produced.emplace_back(record.offset, cause);
      log_.changed.notify_all();
      if (log_.corked) {
        log_.unanswered.push_back(std::move(done));
        return;
      }
      if (log_.failures_to_come > 0) {
        --log_.failures_to_come;
        failure = log_.failure;
      }
    }
    done(std::move(failure));
  }
  void Abandon() override {
    std::vector<Done> now;
    {
      const std::lock_guard lock(log_.mutex);
      now.swap(log_.unanswered);
    }
    for (const auto& done : now) done(task::DeadLetterFailure{"abandoned"});
  }

 private:
  LettersLog& log_;
};

}  // namespace khs::testing
