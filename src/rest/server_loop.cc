#include "rest/server_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <exception>
#include <system_error>

#include "base/descriptors.h"
#include "base/log.h"

namespace khs::rest {
namespace {

using base::MonotonicTime;
using Next = ServerConnection::Next;

// What epoll calls the descriptors that are no connections.
constexpr HandlerPool::CallerId kListenerId = 0;
constexpr HandlerPool::CallerId kWakeId = 1;

constexpr int kMaxAcceptsAtOnce = 64;
constexpr std::chrono::milliseconds kAcceptPause{100};
// For answers that are there when the listener ends.
constexpr std::chrono::seconds kLastWords{1};

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

// From being watched for `before` to being watched for `after`; 0 is not at all.
bool Watch(const base::UniqueFd& epoll, int descriptor, HandlerPool::CallerId id, uint32_t before,
           uint32_t after) {
  if (before == after) return true;
  epoll_event event{};
  event.events = after;
  event.data.u64 = id;
  const int operation = before == 0 ? EPOLL_CTL_ADD : after == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  return ::epoll_ctl(epoll.get(), operation, descriptor, &event) == 0;
}

// Rounded up, so that a wait never ends before its time.
int Timeout(MonotonicTime now, MonotonicTime until) {
  constexpr std::chrono::hours kLongest{1};
  if (until <= now) return 0;
  const auto left = std::min<MonotonicTime::duration>(until - now, kLongest);
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

ServerLoop::ServerLoop(base::UniqueFd listener, Terms terms)
    : terms_(std::move(terms)),
      listener_(std::move(listener)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      last_id_(kWakeId) {
  if (!epoll_ || !Watch(epoll_, listener_.get(), kListenerId, 0, EPOLLIN) ||
      !Watch(epoll_, wake_.descriptor(), kWakeId, 0, EPOLLIN)) {
    throw std::system_error(errno, std::system_category(), "epoll");
  }
}

void ServerLoop::Start() {
  thread_ = std::jthread([this] { Run(); });
}

ServerLoop::~ServerLoop() { End(); }

void ServerLoop::PostAnswer(HandlerPool::CallerId caller, Response answer) {
  const std::lock_guard lock(mutex_);
  mailbox_.answers.emplace_back(caller, std::move(answer));
  wake_.Set();
}

void ServerLoop::Close() { SetStage(Stage::kClosed); }

void ServerLoop::End() {
  SetStage(Stage::kEnding);
  if (thread_.joinable()) thread_.join();
}

void ServerLoop::SetStage(Stage stage) {
  const std::lock_guard lock(mutex_);
  mailbox_.stage = std::max(mailbox_.stage, stage);
  wake_.Set();
}

ServerLoop::Mailbox ServerLoop::TakeMail() {
  wake_.Clear();
  const std::lock_guard lock(mutex_);
  Mailbox mail{mailbox_.stage};
  mail.answers.swap(mailbox_.answers);
  return mail;
}

void ServerLoop::Run() {
  std::optional<MonotonicTime> end_by;
  for (;;) {
    const Mailbox mail = TakeMail();
    const base::Now now = clock_.Read();
    const bool open = mail.stage == Stage::kOpen;
    if (!open) StopAccepting();
    for (const auto& mailed : mail.answers) {
      const auto entry = entries_.find(mailed.first);
      if (entry == entries_.end()) continue;
      Drive(entry, [&](ServerConnection& connection) {
        return connection.Answer(mailed.second, open, now);
      });
    }
    Expire(now);
    KeepToBounds();
    if (mail.stage == Stage::kEnding) {
      if (!end_by) end_by = now.monotonic + kLastWords;
      if (!IsWriting() || now.monotonic >= *end_by) return;
    }
    Serve(now, std::min(NextDeadline(), end_by.value_or(MonotonicTime::max())));
  }
}

// Waits for sockets, until a time at most, and does what has become possible.
void ServerLoop::Serve(const base::Now& before, MonotonicTime until) {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                 Timeout(before.monotonic, until));
  const base::Now now = clock_.Read();
  for (int i = 0; i < count; ++i) {
    const HandlerPool::CallerId id = events[static_cast<size_t>(i)].data.u64;
    if (id == kListenerId) AcceptAll(now);
    // Another event may have closed it.
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) continue;
    Drive(entry, [&](ServerConnection& connection) { return connection.Advance(now); });
  }
  if (accept_again_ && now.monotonic >= *accept_again_ &&
      Watch(epoll_, listener_.get(), kListenerId, 0, EPOLLIN)) {
    accept_again_.reset();
  }
}

void ServerLoop::AcceptAll(const base::Now& now) {
  for (int i = 0; i < kMaxAcceptsAtOnce; ++i) {
    Accepted accepted = AcceptOn(listener_);
    if (accepted.socket) {
      Accept(std::move(accepted), now);
    } else if (accepted.error == EAGAIN || accepted.error == EWOULDBLOCK) {
      return;
    } else if (IsShortage(accepted.error) && !CloseLongestWaiting()) {
      // What waits to be accepted would be told again and again.
      (void)Watch(epoll_, listener_.get(), kListenerId, EPOLLIN, 0);
      accept_again_ = now.monotonic + kAcceptPause;
      return;
    }
    // Whatever else went wrong was about a caller who is gone.
  }
}

void ServerLoop::Accept(Accepted accepted, const base::Now& now) {
  const bool is_reserved = base::IsReserved(accepted.socket.get());
  const size_t most = is_reserved ? terms_.limits.reserved_connections : terms_.limits.connections;
  if (entries_.size() >= most && !CloseLongestWaiting()) return;
  try {
    Channel channel(std::move(accepted.socket), terms_.tls ? terms_.tls(now.monotonic) : nullptr);
    const auto [entry, is_new] = entries_.emplace(
        ++last_id_,
        Entry{ServerConnection(std::move(channel), accepted.from_loopback, terms_.limits,
                               terms_.gate, terms_.on_answer, now.monotonic)});
    Drive(entry, [&](ServerConnection& connection) { return connection.Advance(now); });
  } catch (const std::exception& error) {
    Log().Error("connection refused", {{"error", error.what()}});
  }
}

// Whoever waits for an answer gets it; all others are closed.
void ServerLoop::StopAccepting() {
  listener_ = {};
  accept_again_.reset();
  std::erase_if(entries_, [](const auto& each) {
    const ServerConnection& connection = each.second.connection;
    return connection.waiting_since() != MonotonicTime::max() && !connection.is_writing();
  });
}

bool ServerLoop::CloseLongestWaiting(size_t least_held_bytes, HandlerPool::CallerId spared) {
  auto longest = entries_.end();
  MonotonicTime since = MonotonicTime::max();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    const auto& [id, served] = *entry;
    const ServerConnection& connection = served.connection;
    if (connection.waiting_since() >= since || connection.held_bytes() < least_held_bytes) continue;
    if (id == spared) continue;
    longest = entry;
    since = connection.waiting_since();
  }
  if (longest == entries_.end()) return false;
  entries_.erase(longest);  // epoll forgets what is closed
  return true;
}

void ServerLoop::KeepToBounds() {
  // The largest answer is beyond the bounds: there is no other way to have one that is larger.
  HandlerPool::CallerId spared = kNobody;
  size_t largest = 0;
  for (const auto& [id, entry] : entries_) {
    if (!entry.connection.is_writing() || entry.connection.held_bytes() <= largest) continue;
    spared = id;
    largest = entry.connection.held_bytes();
  }
  const auto held = [&] {
    size_t bytes = 0;
    for (const auto& [id, entry] : entries_) bytes += entry.connection.held_bytes();
    return bytes - largest;
  };
  // Nobody has to go who holds no more than a fair share.
  const size_t share = terms_.limits.held_bytes / std::max<size_t>(terms_.limits.connections, 1);
  while (held() > terms_.limits.held_bytes && CloseLongestWaiting(share, spared)) {
  }
}

void ServerLoop::Expire(const base::Now& now) {
  for (auto next = entries_.begin(); next != entries_.end();) {
    const auto entry = next++;
    if (entry->second.connection.deadline() > now.monotonic) continue;
    Drive(entry, [&](ServerConnection& connection) { return connection.TimeOut(now); });
  }
}

MonotonicTime ServerLoop::NextDeadline() const {
  MonotonicTime next = accept_again_.value_or(MonotonicTime::max());
  for (const auto& [id, entry] : entries_) next = std::min(next, entry.connection.deadline());
  return next;
}

bool ServerLoop::IsWriting() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const auto& each) { return each.second.connection.is_writing(); });
}

void ServerLoop::Drive(Entries::iterator entry,
                       const std::function<Next(ServerConnection&)>& step) {
  try {
    Follow(entry, step(entry->second.connection));
  } catch (const std::exception& error) {
    Log().Error("connection given up", {{"error", error.what()}});
    entries_.erase(entry);
  }
}

void ServerLoop::Follow(Entries::iterator entry, Next next) {
  auto& [id, served] = *entry;
  if (next == Next::kClose) {
    entries_.erase(entry);
    return;
  }
  // Who is being answered is not watched at all: that the caller has gone could not be told apart
  // from nothing, and would be told for ever.
  const uint32_t wanted = next == Next::kRead    ? uint32_t{EPOLLIN}
                          : next == Next::kWrite ? uint32_t{EPOLLOUT}
                                                 : 0;
  if (!Watch(epoll_, served.connection.descriptor(), id, served.watched, wanted)) {
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
  }
  served.watched = wanted;
  if (next == Next::kAnswer) terms_.handle(id, served.connection.TakeRequest());
}

}  // namespace khs::rest
