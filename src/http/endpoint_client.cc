#include "http/endpoint_client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <exception>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/descriptors.h"
#include "base/log.h"
#include "base/threads.h"
#include "http/destination.h"
#include "http/dial.h"
#include "http/fault.h"
#include "http/idle_connections.h"
#include "http/origin.h"
#include "net/loop.h"

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
constexpr int kProxyAuthentication = 407;

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
      : connector_(std::move(connector)), loop_(clock) {}
  ~Impl() { idle_.CloseAll(); }

  void Use(std::shared_ptr<const task::Destination> destination);
  void Begin(Slot slot, request::Request request);
  void Cancel(Slot slot);
  void Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended);
  void Wake() noexcept { loop_.wake_event()->Set(); }
  void Abort() noexcept {
    aborted_ = true;
    loop_.wake_event()->Set();
  }

 private:
  // While it is under way its fiber runs or waits.
  struct Attempt {
    net::Fiber* fiber = nullptr;  // null when not under way, and while it runs for the first time
    bool under_way = false;
    bool has_socket = false;
    bool resent = false;
    request::Request request;
    DestinationPtr destination;
    RequestFault late;  // what the attempt ends with at its deadline
  };

  // On the attempt's fiber.
  void Run(Slot slot);
  delivery::Response Send(Attempt& attempt);
  ConnectionPtr Open(Attempt& attempt, MonotonicTime limit);
  std::vector<Address> LookUp(Attempt& attempt);
  int OpenSocket(Attempt& attempt, int family);
  void AwaitResources(const std::string& lacking);
  ConnectionPtr TakeIdle(Attempt& attempt);
  void NoteSocket(Attempt& attempt);
  void GiveBack(const Attempt& attempt, ConnectionPtr connection,
                std::optional<std::chrono::seconds> announced);

  void End(Slot slot, Outcome outcome);
  void CancelAll();

  const std::string connector_;
  std::atomic<bool> aborted_{false};
  DestinationPtr destination_;    // of attempts to come; null before the first
  std::deque<Attempt> attempts_;  // by slot; they stay where they are
  size_t sockets_ = 0;            // attempts that have one
  size_t under_way_ = 0;
  IdleConnections idle_;      // of the origin of `destination_`
  std::vector<Ended> ended_;  // since the last Wait
  bool quick_ = false;        // the last answer was
  net::Loop loop_;            // last: its jobs use the rest
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
  while (attempts_.size() <= slot) attempts_.emplace_back();
  Attempt& attempt = attempts_[slot];
  attempt.request = std::move(request);
  attempt.destination = destination_;
  attempt.under_way = true;
  ++under_way_;
  try {
    net::Fiber* const fiber = loop_.Start([this, slot] { Run(slot); });
    if (attempt.under_way) attempt.fiber = fiber;
  } catch (const std::exception& problem) {  // no memory for its stack
    End(slot, RequestFault{FaultKind::kIo, problem.what()});
  }
}

void EndpointClient::Impl::Cancel(Slot slot) {
  if (slot < attempts_.size() && attempts_[slot].under_way) loop_.Cancel(attempts_[slot].fiber);
}

void EndpointClient::Impl::CancelAll() {
  for (Slot slot = 0; slot < attempts_.size(); ++slot) Cancel(slot);
  idle_.CloseAll();
}

void EndpointClient::Impl::End(Slot slot, Outcome outcome) {
  Attempt& attempt = attempts_[slot];
  attempt.fiber = nullptr;
  attempt.under_way = false;
  --under_way_;
  if (std::exchange(attempt.has_socket, false)) --sockets_;
  attempt.destination.reset();
  ended_.push_back({slot, std::move(outcome), std::exchange(attempt.resent, false)});
}

void EndpointClient::Impl::Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended) {
  ended.clear();
  // Looks at the sockets once at least: attempts that end at once must not keep others waiting.
  for (bool woken = false, looked = false; !looked || (ended_.empty() && !woken); looked = true) {
    if (aborted_) CancelAll();
    const MonotonicTime now = loop_.Now();
    if (looked && until && now >= *until) break;
    const MonotonicTime next = std::min(until.value_or(MonotonicTime::max()), idle_.NextEnd());
    const bool spin = quick_ && under_way_ > 0 && ended_.empty();
    woken = loop_.Poll(ended_.empty() ? next : now, spin ? kSpin : kSpin.zero());
    if (loop_.TakeNoticed()) idle_.CloseNoticed();
    if (const MonotonicTime after = loop_.Now(); after >= idle_.NextEnd()) idle_.CloseOld(after);
  }
  if (aborted_) CancelAll();
  ended.swap(ended_);
}

void EndpointClient::Impl::Run(Slot slot) {
  Attempt& attempt = attempts_[slot];
  Outcome outcome = Aborted{};
  try {
    if (!aborted_) outcome = Send(attempt);
  } catch (const net::Interrupted&) {
    if (loop_.interruption() != net::Interruption::kCancelled) outcome = std::move(attempt.late);
  } catch (const Fault& problem) {
    outcome = problem.fault;
  } catch (const std::exception& problem) {
    outcome =
        RequestFault{FaultKind::kIo, attempt.destination->origin->label() + ": " + problem.what()};
  }
  End(slot, std::move(outcome));
}

// An endpoint may close a connection just when it is used again. Then nothing is heard on it, and
// the request goes on on a new one, once.
delivery::Response EndpointClient::Impl::Send(Attempt& attempt) {
  const Destination& destination = *attempt.destination;
  ConnectionPtr connection = TakeIdle(attempt);
  bool may_resend = connection != nullptr;
  MonotonicTime limit = MonotonicTime::max();
  for (;;) {
    if (!connection) connection = Open(attempt, limit);
    const MonotonicTime begun = loop_.Now();
    limit = std::min(limit, After(begun, destination.read_timeout));
    loop_.SetDeadline(limit);
    try {
      auto exchanged = connection->Exchange(attempt.request, destination.frame);
      const bool through_proxy = !destination.frame.target_prefix.empty();
      if (exchanged.response.status == kProxyAuthentication && through_proxy) {
        throw Fault(FaultKind::kProxy, "proxy " + destination.origin->tunnel()->proxy +
                                           ": it does not take http.proxy.user and its password");
      }
      quick_ = loop_.Now() - begun <= kQuickAnswer;
      if (exchanged.reusable) GiveBack(attempt, std::move(connection), exchanged.idle_timeout);
      return std::move(exchanged.response);
    } catch (const net::Interrupted&) {
      attempt.late = {FaultKind::kTimeout, destination.origin->label() + ": no whole answer" +
                                               Within(destination.read_timeout)};
      throw;
    } catch (const Fault& problem) {
      const bool gone = problem.fault.kind == FaultKind::kIo && connection->HeardNothing();
      if (!std::exchange(may_resend, false) || !gone) throw;
      attempt.resent = true;
    }
    connection.reset();
  }
}

ConnectionPtr EndpointClient::Impl::TakeIdle(Attempt& attempt) {
  if (attempt.destination->origin != destination_->origin) return nullptr;
  const MonotonicTime now = loop_.Now();
  const std::chrono::seconds age = attempt.destination->connection_max_age;
  ConnectionPtr idle = idle_.Take(now, age.count() == 0 ? MonotonicTime::min() : now - age);
  if (idle) NoteSocket(attempt);
  return idle;
}

void EndpointClient::Impl::NoteSocket(Attempt& attempt) {
  if (!std::exchange(attempt.has_socket, true)) ++sockets_;
}

void EndpointClient::Impl::GiveBack(const Attempt& attempt, ConnectionPtr connection,
                                    std::optional<std::chrono::seconds> announced) {
  if (attempt.destination->origin != destination_->origin) return;
  idle_.Add(std::move(connection), announced, loop_.Now());
  loop_.Notify();  // of those that lack a descriptor
}

ConnectionPtr EndpointClient::Impl::Open(Attempt& attempt, MonotonicTime limit) {
  const Destination& destination = *attempt.destination;
  Origin& origin = *destination.origin;
  loop_.SetDeadline(std::min(limit, After(loop_.Now(), destination.connect_timeout)));
  const std::vector<Address> addresses = InOrder(LookUp(attempt), origin.preferred());
  for (;;) {
    Dialled dialled = Dial(loop_, addresses, origin.dialled(),
                           [&](int family) { return OpenSocket(attempt, family); });
    if (dialled.socket) {
      origin.Prefer(dialled.address);
      const Tunnel* const tunnel = origin.tls() != nullptr ? origin.tunnel() : nullptr;
      const std::string through = tunnel != nullptr ? " through proxy " + tunnel->proxy : "";
      attempt.late = {FaultKind::kTimeout, origin.label() + ": no TLS handshake" + through +
                                               Within(destination.connect_timeout)};
      return std::make_unique<Connection>(loop_, std::move(dialled.socket), tunnel, origin.tls(),
                                          origin.label());
    }
    attempt.late = {FaultKind::kConnect, "cannot connect to " + origin.dialled().label + " (" +
                                             std::system_category().message(EMFILE) + ')'};
    AwaitResources("no file descriptor for a connection");
    if (ConnectionPtr idle = TakeIdle(attempt)) return idle;
  }
}

std::vector<Address> EndpointClient::Impl::LookUp(Attempt& attempt) {
  Origin& origin = *attempt.destination->origin;
  const std::string cannot = "cannot look up " + origin.dialled_host() + ": ";
  if (auto addresses = origin.resolver().Literal()) return std::move(*addresses);
  std::shared_ptr<const Resolution> lookup;
  while (!lookup) {
    std::string lacking;
    try {
      lookup = origin.resolver().Start(loop_.wake_event());
    } catch (const std::system_error& error) {
      lacking = base::Describe(error);
    }
    attempt.late = {FaultKind::kDns, cannot + (lookup ? "no answer" : "no thread for it") +
                                         " within the connect timeout"};
    if (!lookup) AwaitResources(lacking);
  }
  while (lookup->result() == nullptr) loop_.AwaitNotice();
  if (lookup->result()->addresses.empty()) {
    throw Fault(FaultKind::kDns, cannot + lookup->result()->problem);
  }
  return lookup->result()->addresses;
}

// The first one of this client is needed; further ones leave something to others.
int EndpointClient::Impl::OpenSocket(Attempt& attempt, int family) {
  const base::Claim claim = sockets_ == 0 ? base::Claim::kNeeded : base::Claim::kMore;
  const int socket = base::OpenSocket(family, SOCK_STREAM, IPPROTO_TCP, claim);
  if (socket >= 0) NoteSocket(attempt);
  return socket;
}

// Until another attempt has ended, or for a while.
void EndpointClient::Impl::AwaitResources(const std::string& lacking) {
  Log().Warn("request waits for resources of this process",
             {{"connector", connector_}, {"error", lacking}});
  (void)loop_.AwaitNotice(loop_.Now() + kShortageRetry);
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
