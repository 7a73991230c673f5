#include "http/endpoint_client.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <list>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/descriptors.h"
#include "base/log.h"
#include "base/threads.h"
#include "http/attempts.h"
#include "http/destination.h"
#include "http/link.h"
#include "http/poller.h"
#include "http/request_head.h"

namespace khs::http {
namespace {

using base::MonotonicTime;
using delivery::Aborted;
using delivery::FaultKind;
using delivery::Outcome;
using delivery::RequestFault;
using std::chrono::milliseconds;

// Going to sleep and being woken takes the processor about as long as a quick answer takes, so that
// is what a quick endpoint is looked at for before the thread sleeps: it halves the time of a round
// and costs no more.
constexpr std::chrono::microseconds kSpin{100};
constexpr std::chrono::microseconds kQuickAnswer{200};
// How soon an attempt for which this process had no descriptor or no thread tries again.
constexpr milliseconds kShortageRetry{100};
// Up to this, head and body are copied together to leave in one packet or TLS record.
constexpr size_t kMaxJoinedBody = 16 * 1024;

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

// A timeout may be longer than the clock can count.
MonotonicTime After(MonotonicTime now, milliseconds timeout) {
  return now + std::min(timeout, std::chrono::floor<milliseconds>(MonotonicTime::max() - now));
}

std::string Within(milliseconds timeout) {
  return " within " + std::to_string(timeout.count()) + " ms";
}

}  // namespace

class EndpointClient::Impl {
 public:
  Impl(std::string connector, const base::Clock& clock)
      : connector_(std::move(connector)), clock_(clock) {
    poller_.Watch(wake_->descriptor(), Wants::kRead, nullptr);
  }

  void Use(std::shared_ptr<const task::Destination> destination);
  void Begin(Slot slot, request::Request request);
  void Cancel(Slot slot) {
    if (attempts_.UnderWay(slot)) End(slot, Aborted{});
  }
  void Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended);
  void Wake() noexcept { wake_->Set(); }
  void Abort() noexcept {
    aborted_ = true;
    wake_->Set();
  }

 private:
  MonotonicTime Now() const { return clock_.Read().monotonic; }
  void End(Slot slot, Outcome outcome);
  void EndAt(Slot slot, const RequestFault& fault) {
    End(slot, RequestFault{fault.kind,
                           attempts_[slot].destination->origin->label() + ": " + fault.detail});
  }
  void Watch(Link& link, int descriptor, Wants wants);

  void Open(Slot slot, MonotonicTime now);
  void StartLookup(Slot slot, MonotonicTime now);
  void Dial(Slot slot, std::vector<Address> addresses, MonotonicTime now);
  void GoOn(Slot slot, MonotonicTime now);
  void GoOnResolving(Slot slot, MonotonicTime now);
  void GoOnDialing(Slot slot, MonotonicTime now);
  void GoOnShakingHands(Slot slot, MonotonicTime now);
  void Exchange(Slot slot, MonotonicTime now);
  void GoOnExchanging(Slot slot, MonotonicTime now);

  // Attempts that lack a descriptor or a thread.
  bool IsShort(const Attempt& attempt) const;
  void NoteShortage(const std::string& what, MonotonicTime now);
  void RetryShort(MonotonicTime now);
  bool HasSocket() const;

  void TakeLookups(MonotonicTime now);
  void Ready(void* owner, MonotonicTime now);
  MonotonicTime NextTimer() const;
  void RunTimers(MonotonicTime now);
  void EndAll();

  const std::string connector_;
  const base::Clock& clock_;
  const std::shared_ptr<WakeEvent> wake_ = std::make_shared<WakeEvent>();
  std::atomic<bool> aborted_{false};

  DestinationPtr destination_;  // of attempts to come; null before the first

  Poller poller_;
  Attempts attempts_;
  IdleLinks idle_;            // of the origin of `destination_`
  std::vector<Ended> ended_;  // since the last Wait
  bool quick_ = false;        // the last answer was
  MonotonicTime retry_short_ = MonotonicTime::max();
};

void EndpointClient::Impl::Use(std::shared_ptr<const task::Destination> destination) {
  auto next = std::static_pointer_cast<const Destination>(std::move(destination));
  if (destination_ && next->origin != destination_->origin) {
    idle_.CloseAll();
    quick_ = false;
  }
  destination_ = std::move(next);
}

void EndpointClient::Impl::Begin(Slot slot, request::Request request) {
  Attempt& attempt = attempts_.At(slot);
  attempt.destination = destination_;
  try {
    attempt.text = RenderHead(request, destination_->host_header);
    attempt.body = {};
    if (request.body.size() <= kMaxJoinedBody) {
      attempt.text.append(request.body);
    } else {
      attempt.body = request.body;
    }
    if (aborted_) return End(slot, Aborted{});
    const MonotonicTime now = Now();
    attempt.link = idle_.Take(now);
    if (!attempt.link) return Open(slot, now);
    attempt.link->slot = slot;
    Exchange(slot, now);
  } catch (const std::exception& problem) {
    EndAt(slot, {FaultKind::kIo, problem.what()});
  }
}

void EndpointClient::Impl::End(Slot slot, Outcome outcome) {
  Attempt& attempt = attempts_[slot];
  attempts_.Enter(slot, Phase::kNone, {});
  attempt.lookup.reset();
  attempt.link.reset();
  attempt.destination.reset();
  ended_.push_back({slot, std::move(outcome)});
}

void EndpointClient::Impl::Watch(Link& link, int descriptor, Wants wants) {
  if (link.watched == wants) return;
  if (link.watched == Wants::kNothing) {
    poller_.Watch(descriptor, wants, &link);
  } else {
    poller_.Rewatch(descriptor, wants, &link);
  }
  link.watched = wants;
}

void EndpointClient::Impl::Open(Slot slot, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  attempts_.Enter(slot, Phase::kResolving, After(now, attempt.destination->connect_timeout));
  Resolver& resolver = attempt.destination->origin->resolver();
  if (auto addresses = resolver.Literal()) return Dial(slot, std::move(*addresses), now);
  StartLookup(slot, now);
}

void EndpointClient::Impl::StartLookup(Slot slot, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  try {
    attempt.lookup = attempt.destination->origin->resolver().Start(wake_);
  } catch (const std::system_error& error) {
    NoteShortage(base::Describe(error), now);
  }
}

void EndpointClient::Impl::GoOnResolving(Slot slot, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  if (!attempt.lookup) return StartLookup(slot, now);
  const Lookup* const lookup = attempt.lookup->result();
  if (lookup == nullptr) return;
  if (!lookup->addresses.empty()) return Dial(slot, lookup->addresses, now);
  End(slot,
      RequestFault{FaultKind::kDns, "cannot look up " + attempt.destination->origin->shown_host() +
                                        ": " + lookup->problem});
}

void EndpointClient::Impl::Dial(Slot slot, std::vector<Address> addresses, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  attempt.lookup.reset();
  attempts_.Enter(slot, Phase::kDialing, attempt.deadline);
  attempt.link = std::make_unique<Link>();
  attempt.link->origin = attempt.destination->origin;
  attempt.link->slot = slot;
  attempt.link->dialer.emplace(std::move(addresses), attempt.deadline,
                               attempt.destination->host_is_secret);
  GoOnDialing(slot, now);
}

void EndpointClient::Impl::GoOn(Slot slot, MonotonicTime now) {
  try {
    switch (attempts_[slot].phase) {
      case Phase::kNone:
        return;
      case Phase::kResolving:
        return GoOnResolving(slot, now);
      case Phase::kDialing:
        return GoOnDialing(slot, now);
      case Phase::kHandshaking:
        return GoOnShakingHands(slot, now);
      case Phase::kExchanging:
        return GoOnExchanging(slot, now);
    }
  } catch (const std::exception& problem) {
    EndAt(slot, {FaultKind::kIo, problem.what()});
  }
}

void EndpointClient::Impl::GoOnDialing(Slot slot, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  Link& link = *attempt.link;
  Dialer::State state = link.dialer->Continue(now, base::Claim::kMore);
  if (state == Dialer::State::kShort && !HasSocket()) {
    state = link.dialer->Continue(now, base::Claim::kNeeded);
  }
  if (state == Dialer::State::kShort) {
    return NoteShortage("no file descriptor for a connection", now);
  }
  if (state == Dialer::State::kFailed) return End(slot, link.dialer->Fault(link.origin->label()));
  if (link.dialer->fresh()) link.watched = Wants::kNothing;  // what was watched is closed
  if (state == Dialer::State::kDialing) {
    return Watch(link, link.dialer->descriptor(), Wants::kWrite);
  }
  const TlsContext* const tls = link.origin->tls();
  link.connection.emplace(link.dialer->Take(), tls);
  link.dialer.reset();
  if (tls == nullptr) return Exchange(slot, now);
  attempts_.Enter(slot, Phase::kHandshaking, attempt.deadline);
  GoOnShakingHands(slot, now);
}

void EndpointClient::Impl::GoOnShakingHands(Slot slot, MonotonicTime now) {
  Link& link = *attempts_[slot].link;
  const auto wants = link.connection->Handshake();
  if (!wants) return EndAt(slot, wants.error());
  if (*wants == Wants::kNothing) return Exchange(slot, now);
  Watch(link, link.connection->descriptor(), *wants);
}

void EndpointClient::Impl::Exchange(Slot slot, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  attempts_.Enter(slot, Phase::kExchanging, After(now, attempt.destination->read_timeout));
  attempt.link->connection->Start(attempt.text, attempt.body);
  GoOnExchanging(slot, now);
}

void EndpointClient::Impl::GoOnExchanging(Slot slot, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  Connection& connection = *attempt.link->connection;
  const auto wants = connection.Continue();
  if (!wants) return EndAt(slot, wants.error());
  if (*wants != Wants::kNothing) return Watch(*attempt.link, connection.descriptor(), *wants);
  quick_ = now - (attempt.deadline - attempt.destination->read_timeout) <= kQuickAnswer;
  Response& response = connection.response();
  Outcome outcome = delivery::Response{response.status, std::move(response.retry_after),
                                       std::move(response.body)};
  if (connection.response().reusable && attempt.link->origin == destination_->origin) {
    Watch(*attempt.link, connection.descriptor(), Wants::kRead);
    idle_.Add(std::move(attempt.link), connection.response().idle_timeout, now);
  }
  End(slot, std::move(outcome));
}

void EndpointClient::Impl::Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended) {
  ended.clear();
  // Looks at the sockets once at least: attempts that end at once must not keep others waiting.
  for (bool woken = false, looked = false; !looked || (ended_.empty() && !woken); looked = true) {
    if (aborted_) EndAll();
    const MonotonicTime before = Now();
    if (looked && until && before >= *until) break;
    const MonotonicTime timer = NextTimer();
    const MonotonicTime next = until ? std::min(*until, timer) : timer;
    const bool spin = quick_ && !attempts_.exchanging().empty();
    const auto owners =
        poller_.Wait(before, ended_.empty() ? next : before, spin ? kSpin : kSpin.zero());
    const MonotonicTime now = Now();
    for (void* const owner : owners) {
      if (owner != nullptr) {
        Ready(owner, now);
        continue;
      }
      wake_->Clear();
      woken = true;
      TakeLookups(now);
    }
    if (now >= timer) RunTimers(now);
    // Also when something ended, which may have left what others lack.
    if (now >= retry_short_ || (!ended_.empty() && retry_short_ != MonotonicTime::max())) {
      RetryShort(now);
    }
  }
  if (aborted_) EndAll();
  ended.swap(ended_);
}

bool EndpointClient::Impl::IsShort(const Attempt& attempt) const {
  if (attempt.phase == Phase::kResolving) return !attempt.lookup;
  return attempt.phase == Phase::kDialing && attempt.link->dialer->descriptor() < 0;
}

void EndpointClient::Impl::NoteShortage(const std::string& what, MonotonicTime now) {
  if (retry_short_ == MonotonicTime::max()) {
    Log().Warn("request waits for resources of this process",
               {{"connector", connector_}, {"error", what}});
  }
  retry_short_ = now + kShortageRetry;
}

// In the order in which they came, as far as there is something for them.
void EndpointClient::Impl::RetryShort(MonotonicTime now) {
  const std::list<Slot>& opening = attempts_.opening();
  for (const Slot slot : std::vector<Slot>(opening.begin(), opening.end())) {
    Attempt& attempt = attempts_[slot];
    if (!IsShort(attempt)) continue;
    if (LinkPtr idle =
            attempt.destination->origin == destination_->origin ? idle_.Take(now) : nullptr) {
      attempt.link = std::move(idle);
      attempt.link->slot = slot;
      Exchange(slot, now);
      continue;
    }
    GoOn(slot, now);
    if (IsShort(attempt)) return;
  }
  retry_short_ = MonotonicTime::max();
}

// Whether another attempt has a connection, or is about to: there is one to wait for.
bool EndpointClient::Impl::HasSocket() const {
  const std::list<Slot>& opening = attempts_.opening();
  return !attempts_.exchanging().empty() ||
         std::any_of(opening.begin(), opening.end(), [this](Slot slot) {
           return attempts_[slot].link && !IsShort(attempts_[slot]);
         });
}

void EndpointClient::Impl::TakeLookups(MonotonicTime now) {
  const std::list<Slot>& opening = attempts_.opening();
  for (const Slot slot : std::vector<Slot>(opening.begin(), opening.end())) {
    if (attempts_[slot].phase == Phase::kResolving) GoOn(slot, now);
  }
}

// Nothing is expected of an idle connection: an answer that arrives, or its end, makes it unfit.
void EndpointClient::Impl::Ready(void* owner, MonotonicTime now) {
  auto* const link = static_cast<Link*>(owner);
  if (link->slot) return GoOn(*link->slot, now);
  if (!link->connection->Quiet()) idle_.Close(link);
}

MonotonicTime EndpointClient::Impl::NextTimer() const {
  MonotonicTime next = std::min(idle_.NextEnd(), retry_short_);
  const std::list<Slot>& exchanging = attempts_.exchanging();
  if (!exchanging.empty()) next = std::min(next, attempts_[exchanging.front()].deadline);
  for (const Slot slot : attempts_.opening()) {
    const Attempt& attempt = attempts_[slot];
    if (IsShort(attempt)) {
      next = std::min(next, attempt.deadline);
      continue;
    }
    next = std::min(
        next, attempt.phase == Phase::kDialing ? attempt.link->dialer->due() : attempt.deadline);
  }
  return next;
}

void EndpointClient::Impl::RunTimers(MonotonicTime now) {
  idle_.CloseOld(now);
  const std::list<Slot>& exchanging = attempts_.exchanging();
  while (!exchanging.empty() && attempts_[exchanging.front()].deadline <= now) {
    const Slot slot = exchanging.front();
    EndAt(slot, {FaultKind::kTimeout,
                 "no whole answer" + Within(attempts_[slot].destination->read_timeout)});
  }
  const std::list<Slot>& opening = attempts_.opening();
  for (const Slot slot : std::vector<Slot>(opening.begin(), opening.end())) {
    const Attempt& attempt = attempts_[slot];
    if (IsShort(attempt) && attempt.deadline > now) {
      continue;  // RetryShort
    } else if (attempt.phase == Phase::kDialing) {
      if (attempt.link->dialer->due() <= now) GoOn(slot, now);
    } else if (attempt.deadline > now) {
      continue;
    } else if (attempt.phase == Phase::kResolving) {
      End(slot, RequestFault{FaultKind::kDns,
                             "cannot look up " + attempt.destination->origin->shown_host() +
                                 (attempt.lookup ? ": no answer" : ": no thread for it") +
                                 " within the connect timeout"});
    } else {
      EndAt(slot, {FaultKind::kTimeout,
                   "no TLS handshake" + Within(attempt.destination->connect_timeout)});
    }
  }
}

void EndpointClient::Impl::EndAll() {
  for (Slot slot = 0; slot < attempts_.size(); ++slot) Cancel(slot);
  idle_.CloseAll();
}

EndpointClient::EndpointClient(std::string connector, const base::Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(connector), clock)) {}

EndpointClient::~EndpointClient() = default;

void EndpointClient::Use(std::shared_ptr<const task::Destination> destination) {
  impl_->Use(std::move(destination));
}

void EndpointClient::Begin(Slot slot, request::Request request) {
  impl_->Begin(slot, std::move(request));
}

void EndpointClient::Cancel(Slot slot) { impl_->Cancel(slot); }

void EndpointClient::Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended) {
  impl_->Wait(until, ended);
}

void EndpointClient::Wake() noexcept { impl_->Wake(); }

void EndpointClient::Abort() noexcept { impl_->Abort(); }

}  // namespace khs::http
