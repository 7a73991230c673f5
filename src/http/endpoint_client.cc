#include "http/endpoint_client.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <list>
#include <stdexcept>
#include <string>
#include <utility>

#include "delivery/retry_indicator.h"
#include "http/connection.h"
#include "http/dial.h"
#include "http/header_syntax.h"
#include "http/poller.h"
#include "http/resolver.h"
#include "http/retry_after.h"
#include "http/target.h"
#include "http/tls_context.h"

namespace khs::http {
namespace {

using base::MonotonicTime;
using delivery::Aborted;
using delivery::FaultKind;
using delivery::Reply;
using delivery::RequestFault;
using std::chrono::milliseconds;

// What lies between us and the endpoint (NAT, load balancers) forgets idle connections without a
// word, the hastiest after a minute or so.
constexpr std::chrono::seconds kLongestIdle{50};
// Going to sleep and being woken takes the processor about as long as a quick answer takes, so that
// is what a quick endpoint is looked at for before the thread sleeps: it halves the time of a round
// and costs no more.
constexpr std::chrono::microseconds kSpin{100};
constexpr std::chrono::microseconds kQuickAnswer{200};
// Up to this, head and body are copied together to leave in one packet or TLS record.
constexpr size_t kMaxJoinedBody = 16 * 1024;

void RequireLegalHeaders(const config::EndpointConfig& endpoint) {
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsFieldName(name)) {
      throw std::runtime_error("callback.request.headers: \"" + name + "\" is not a header's name");
    }
    if (!IsFieldValue(value.Reveal())) {
      throw std::runtime_error("callback.request.headers: the value of " + name +
                               " holds a character that HTTP forbids");
    }
  }
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
  Impl(config::EndpointConfig endpoint, Identity identity, delivery::NullValues null_values,
       const base::Clock& clock)
      : endpoint_(std::move(endpoint)),
        identity_(std::move(identity)),
        null_values_(null_values),
        clock_(clock),
        target_(ParseTarget(endpoint_.url.Reveal(), endpoint_.host_is_secret)),
        resolver_(target_.host, target_.port, wake_) {
    RequireLegalHeaders(endpoint_);
    if (target_.tls) tls_.emplace(endpoint_.tls, target_);
    poller_.Watch(wake_->descriptor(), Wants::kRead, nullptr);
  }

  void Begin(Slot slot, const delivery::Record& record);
  void Cancel(Slot slot) {
    if (slot < attempts_.size() && attempts_[slot].phase != Phase::kNone) End(slot, Aborted{});
  }
  void Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended);
  void Wake() noexcept { wake_->Set(); }
  void Abort() noexcept {
    aborted_ = true;
    wake_->Set();
  }

 private:
  enum class Phase { kNone, kResolving, kDialing, kHandshaking, kExchanging };

  // A socket and who uses it, as long as it is open. Stays where it is: the poller knows it.
  struct Link {
    std::optional<Dialer> dialer;
    std::optional<Connection> connection;
    std::optional<Slot> slot;
    Wants watched = Wants::kNothing;
    MonotonicTime idle_since;
  };
  using LinkPtr = std::unique_ptr<Link>;

  struct Attempt {
    Phase phase = Phase::kNone;
    std::string text;  // the request's head, with the body when that is small
    std::string_view body;
    int headers_left_out = 0;
    MonotonicTime deadline;  // of the phase
    LinkPtr link;
    std::list<Slot>::iterator place;  // in the list of its phase
  };

  MonotonicTime Now() const { return clock_.Read().monotonic; }
  Attempt& At(Slot slot);
  void Enter(Slot slot, Phase phase, MonotonicTime deadline);
  void End(Slot slot, Reply reply);
  void EndAt(Slot slot, const RequestFault& fault) {
    End(slot, RequestFault{fault.kind, target_.label + ": " + fault.detail});
  }
  LinkPtr TakeIdle(MonotonicTime now);
  void DropIdle(MonotonicTime now);
  void Watch(Link& link, int descriptor, Wants wants);

  void Open(Slot slot, MonotonicTime now);
  void Dial(Slot slot, std::vector<Address> addresses, MonotonicTime now);
  void GoOn(Slot slot, MonotonicTime now);
  void GoOnDialing(Slot slot, MonotonicTime now);
  void GoOnShakingHands(Slot slot, MonotonicTime now);
  void Exchange(Slot slot, MonotonicTime now);
  void GoOnExchanging(Slot slot, MonotonicTime now);
  Reply Judge(const Response& response) const;

  void TakeLookup(MonotonicTime now);
  void Ready(void* owner, MonotonicTime now);
  MonotonicTime NextTimer() const;
  void RunTimers(MonotonicTime now);
  void EndAll();

  const config::EndpointConfig endpoint_;
  const Identity identity_;
  const delivery::NullValues null_values_;
  const base::Clock& clock_;
  const Target target_;
  std::optional<TlsContext> tls_;  // before the connections, which use it

  const std::shared_ptr<WakeEvent> wake_ = std::make_shared<WakeEvent>();
  std::atomic<bool> aborted_{false};
  Resolver resolver_;
  Poller poller_;

  std::deque<Attempt> attempts_;  // by slot
  // Each in the order of its deadlines, since a phase has the same timeout every time.
  std::list<Slot> opening_;     // until there is a connection
  std::list<Slot> exchanging_;  // from the request's first byte on
  std::list<Slot> resting_;
  std::deque<LinkPtr> idle_;  // used last at the back
  std::vector<Ended> ended_;  // since the last Wait
  bool quick_ = false;        // the last answer was
};

EndpointClient::Impl::Attempt& EndpointClient::Impl::At(Slot slot) {
  while (attempts_.size() <= slot) {
    resting_.push_back(attempts_.size());
    attempts_.emplace_back().place = std::prev(resting_.end());
  }
  return attempts_[slot];
}

void EndpointClient::Impl::Begin(Slot slot, const delivery::Record& record) {
  Attempt& attempt = At(slot);
  try {
    const std::string_view value = record.value ? std::string_view(*record.value) : "";
    const RequestHead head = BuildRequestHead(endpoint_, identity_, null_values_, record);
    attempt.headers_left_out = head.headers_left_out;
    attempt.text = RenderHead(head, target_.path, target_.host_header, value.size());
    attempt.body = {};
    if (value.size() <= kMaxJoinedBody) {
      attempt.text.append(value);
    } else {
      attempt.body = value;
    }
    if (aborted_) return End(slot, Aborted{});
    const MonotonicTime now = Now();
    attempt.link = TakeIdle(now);
    if (!attempt.link) return Open(slot, now);
    attempt.link->slot = slot;
    Exchange(slot, now);
  } catch (const std::exception& problem) {
    EndAt(slot, {FaultKind::kIo, problem.what()});
  }
}

void EndpointClient::Impl::Enter(Slot slot, Phase phase, MonotonicTime deadline) {
  Attempt& attempt = attempts_[slot];
  const auto list_of = [this](Phase of) -> std::list<Slot>& {
    if (of == Phase::kNone) return resting_;
    return of == Phase::kExchanging ? exchanging_ : opening_;
  };
  std::list<Slot>& to = list_of(phase);
  std::list<Slot>& from = list_of(attempt.phase);
  if (&from != &to) to.splice(to.end(), from, attempt.place);
  attempt.phase = phase;
  attempt.deadline = deadline;
}

void EndpointClient::Impl::End(Slot slot, Reply reply) {
  Attempt& attempt = attempts_[slot];
  Enter(slot, Phase::kNone, {});
  attempt.link.reset();
  ended_.push_back({slot, {std::move(reply), attempt.headers_left_out}});
}

// The one that was used last. The last Wait has looked whether it is still good.
EndpointClient::Impl::LinkPtr EndpointClient::Impl::TakeIdle(MonotonicTime now) {
  DropIdle(now);
  if (idle_.empty()) return nullptr;
  LinkPtr link = std::move(idle_.back());
  idle_.pop_back();
  return link;
}

void EndpointClient::Impl::DropIdle(MonotonicTime now) {
  while (!idle_.empty() && now - idle_.front()->idle_since >= kLongestIdle) idle_.pop_front();
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
  Enter(slot, Phase::kResolving, After(now, endpoint_.connect_timeout));
  if (auto addresses = resolver_.Literal()) return Dial(slot, std::move(*addresses), now);
  resolver_.Start();
}

void EndpointClient::Impl::TakeLookup(MonotonicTime now) {
  const auto lookup = resolver_.Take();
  if (!lookup) return;
  std::vector<Slot> waiting(opening_.begin(), opening_.end());
  std::erase_if(waiting, [this](Slot slot) { return attempts_[slot].phase != Phase::kResolving; });
  for (const Slot slot : waiting) {
    if (lookup->addresses.empty()) {
      End(slot, RequestFault{FaultKind::kDns,
                             "cannot look up " + target_.shown_host + ": " + lookup->problem});
    } else {
      Dial(slot, lookup->addresses, now);
    }
  }
}

void EndpointClient::Impl::Dial(Slot slot, std::vector<Address> addresses, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  Enter(slot, Phase::kDialing, attempt.deadline);
  attempt.link = std::make_unique<Link>();
  attempt.link->slot = slot;
  attempt.link->dialer.emplace(std::move(addresses), attempt.deadline, endpoint_.host_is_secret);
  GoOnDialing(slot, now);
}

void EndpointClient::Impl::GoOn(Slot slot, MonotonicTime now) {
  try {
    switch (attempts_[slot].phase) {
      case Phase::kNone:
      case Phase::kResolving:
        return;
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
  const Dialer::State state = link.dialer->Continue(now);
  if (state == Dialer::State::kFailed) return End(slot, link.dialer->Fault(target_.label));
  if (link.dialer->fresh()) link.watched = Wants::kNothing;  // what was watched is closed
  if (state == Dialer::State::kDialing) {
    return Watch(link, link.dialer->descriptor(), Wants::kWrite);
  }
  link.connection.emplace(link.dialer->Take(), tls_ ? &*tls_ : nullptr);
  link.dialer.reset();
  if (!tls_) return Exchange(slot, now);
  Enter(slot, Phase::kHandshaking, attempt.deadline);
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
  Enter(slot, Phase::kExchanging, After(now, endpoint_.read_timeout));
  attempt.link->connection->Start(attempt.text, attempt.body);
  GoOnExchanging(slot, now);
}

void EndpointClient::Impl::GoOnExchanging(Slot slot, MonotonicTime now) {
  Attempt& attempt = attempts_[slot];
  Connection& connection = *attempt.link->connection;
  const auto wants = connection.Continue();
  if (!wants) return EndAt(slot, wants.error());
  if (*wants != Wants::kNothing) return Watch(*attempt.link, connection.descriptor(), *wants);
  quick_ = now - (attempt.deadline - endpoint_.read_timeout) <= kQuickAnswer;
  Reply reply = Judge(connection.response());
  if (connection.response().reusable) {
    Watch(*attempt.link, connection.descriptor(), Wants::kRead);
    attempt.link->slot.reset();
    attempt.link->idle_since = now;
    idle_.push_back(std::move(attempt.link));
  }
  End(slot, std::move(reply));
}

Reply EndpointClient::Impl::Judge(const Response& response) const {
  delivery::HttpReply reply;
  reply.status = response.status;
  reply.retry = delivery::ParseRetryIndicator(response.body);
  if (response.retry_after) {
    reply.retry_after = ParseRetryAfter(*response.retry_after, clock_.Read().wall);
  }
  return reply;
}

void EndpointClient::Impl::Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended) {
  ended.clear();
  // Looks at the sockets once at least, for what Begin relies on.
  for (bool woken = false, looked = false; !looked || (ended_.empty() && !woken); looked = true) {
    if (aborted_) EndAll();
    const MonotonicTime before = Now();
    if (looked && until && before >= *until) break;
    const MonotonicTime timer = NextTimer();
    const MonotonicTime next = until ? std::min(*until, timer) : timer;
    const bool spin = quick_ && !exchanging_.empty();
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
      TakeLookup(now);
    }
    if (now >= timer) RunTimers(now);
  }
  if (aborted_) EndAll();
  ended.swap(ended_);
}

// Nothing is expected of an idle connection: whatever arrives, be it its end, makes it unfit.
void EndpointClient::Impl::Ready(void* owner, MonotonicTime now) {
  const auto* link = static_cast<Link*>(owner);
  if (link->slot) return GoOn(*link->slot, now);
  std::erase_if(idle_, [link](const LinkPtr& each) { return each.get() == link; });
}

MonotonicTime EndpointClient::Impl::NextTimer() const {
  MonotonicTime next = MonotonicTime::max();
  if (!exchanging_.empty()) next = attempts_[exchanging_.front()].deadline;
  if (!idle_.empty()) next = std::min(next, idle_.front()->idle_since + kLongestIdle);
  for (const Slot slot : opening_) {
    const Attempt& attempt = attempts_[slot];
    next = std::min(
        next, attempt.phase == Phase::kDialing ? attempt.link->dialer->due() : attempt.deadline);
  }
  return next;
}

void EndpointClient::Impl::RunTimers(MonotonicTime now) {
  DropIdle(now);
  while (!exchanging_.empty() && attempts_[exchanging_.front()].deadline <= now) {
    EndAt(exchanging_.front(),
          {FaultKind::kTimeout, "no whole answer" + Within(endpoint_.read_timeout)});
  }
  const std::vector<Slot> opening(opening_.begin(), opening_.end());
  for (const Slot slot : opening) {
    const Attempt& attempt = attempts_[slot];
    if (attempt.phase == Phase::kDialing) {
      if (attempt.link->dialer->due() <= now) GoOn(slot, now);
    } else if (attempt.deadline > now) {
      continue;
    } else if (attempt.phase == Phase::kResolving) {
      End(slot, RequestFault{FaultKind::kDns, "cannot look up " + target_.shown_host +
                                                  ": no answer within the connect timeout"});
    } else {
      EndAt(slot, {FaultKind::kTimeout, "no TLS handshake" + Within(endpoint_.connect_timeout)});
    }
  }
}

void EndpointClient::Impl::EndAll() {
  for (Slot slot = 0; slot < attempts_.size(); ++slot) Cancel(slot);
  idle_.clear();
}

EndpointClient::EndpointClient(config::EndpointConfig endpoint, Identity identity,
                               delivery::NullValues null_values, const base::Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(endpoint), std::move(identity), null_values, clock)) {}

EndpointClient::~EndpointClient() = default;

void EndpointClient::Begin(Slot slot, const delivery::Record& record) {
  impl_->Begin(slot, record);
}

void EndpointClient::Cancel(Slot slot) { impl_->Cancel(slot); }

void EndpointClient::Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended) {
  impl_->Wait(until, ended);
}

void EndpointClient::Wake() noexcept { impl_->Wake(); }

void EndpointClient::Abort() noexcept { impl_->Abort(); }

}  // namespace khs::http
