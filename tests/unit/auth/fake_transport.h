#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "support/header_lines.h"
#include "task/endpoint.h"

namespace khs::testing {

// A clock that only the test advances. Any thread.
class ManualClock final : public base::Clock {
 public:
  base::Now Read() const override {
    const std::chrono::milliseconds since_start{now_.load()};
    return {base::MonotonicTime(std::chrono::hours(1)) + since_start,
            base::WallTime(std::chrono::seconds(1'700'000'000)) + since_start};
  }
  void Advance(std::chrono::milliseconds by) { now_ += by.count(); }

 private:
  std::atomic<int64_t> now_{0};
};

// What a FakeTransport was given to send, and how it answers. The test owns it.
struct TransportLog {
  struct Sent {
    task::Endpoint::Slot slot = 0;
    request::Request request;
    const task::Destination* destination = nullptr;
  };
  // Returns nothing for a request that the test answers later, by End.
  using Script = std::function<std::optional<delivery::Outcome>(const request::Request&)>;

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Sent> sent;
  std::vector<task::Endpoint::Ended> ended;
  Script script;
  int waits = 0;
  bool woken = false;
  bool aborted = false;

  void End(task::Endpoint::Slot slot, delivery::Outcome outcome) {
    const std::lock_guard lock(mutex);
    ended.push_back({slot, std::move(outcome)});
    changed.notify_all();
  }
  void SetScript(Script next) {
    const std::lock_guard lock(mutex);
    script = std::move(next);
  }
  void Wake() {
    const std::lock_guard lock(mutex);
    woken = true;
    changed.notify_all();
  }
  size_t CountSent() {
    const std::lock_guard lock(mutex);
    return sent.size();
  }
  bool AwaitSent(size_t count) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(30), [&] { return sent.size() >= count; });
  }
  // Has the thread that waits look again, and waits until it has. Twice, because the first look may
  // have begun before.
  bool LookAgain() {
    std::unique_lock lock(mutex);
    for (int looks = 0; looks < 2; ++looks) {
      woken = true;
      changed.notify_all();
      const bool looked = changed.wait_for(lock, std::chrono::seconds(30),
                                           [&, before = waits] { return waits > before; });
      if (!looked) return false;
    }
    return true;
  }
};

// A transport that sends nothing. `waits`: Wait blocks until something happens, whatever the time;
// else it returns at once.
class FakeTransport final : public task::Endpoint {
 public:
  FakeTransport(TransportLog& log, bool waits) : log_(log), waits_(waits) {}

  void Use(std::shared_ptr<const task::Destination> destination) override {
    destination_ = std::move(destination);
  }
  void Begin(Slot slot, request::Request request) override {
    const std::lock_guard lock(log_.mutex);
    auto outcome = log_.script ? log_.script(request) : std::nullopt;
    log_.sent.push_back({slot, std::move(request), destination_.get()});
    if (outcome) log_.ended.push_back({slot, std::move(*outcome)});
    log_.changed.notify_all();
  }
  void Cancel(Slot slot) override { log_.End(slot, delivery::Aborted{}); }
  void Wait(std::optional<base::MonotonicTime>, std::vector<Ended>& ended) override {
    std::unique_lock lock(log_.mutex);
    ++log_.waits;
    log_.changed.notify_all();
    if (waits_) {
      log_.changed.wait(lock, [&] { return log_.woken || log_.aborted || !log_.ended.empty(); });
    }
    log_.woken = false;
    ended = std::exchange(log_.ended, {});
  }
  void Wake() noexcept override { log_.Wake(); }
  void Abort() noexcept override {
    const std::lock_guard lock(log_.mutex);
    log_.aborted = true;
    log_.changed.notify_all();
  }

 private:
  TransportLog& log_;
  const bool waits_;
  std::shared_ptr<const task::Destination> destination_;
};

// The value of a header; nothing if the request has none.
inline std::optional<std::string> HeaderOf(const request::Request& request,
                                           const std::string& name) {
  for (const auto& [known, value] : HeaderLines(request.headers)) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace khs::testing
