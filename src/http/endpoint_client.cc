#include "http/endpoint_client.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "base/descriptors.h"
#include "base/log.h"
#include "base/threads.h"
#include "http/fault.h"
#include "http/origin.h"
#include "http/tcp_connect.h"

namespace khs::http {
namespace {

using base::MonotonicTime;
using delivery::Aborted;
using delivery::FaultKind;
using delivery::Outcome;
using delivery::RequestFault;
using std::chrono::milliseconds;

// While responses come within kQuickResponse, the thread polls for kSpin before it sleeps. To sleep
// and wake up takes the processor about as long, so this halves the round trip at no extra cost.
constexpr std::chrono::microseconds kSpin{100};
constexpr std::chrono::microseconds kQuickResponse{200};
constexpr milliseconds kShortageRetryInterval{100};
constexpr int kProxyAuthentication = 407;

const base::Logger& Log() {
  static const base::Logger logger("task");
  return logger;
}

// Bounds the sum by the clock's maximum.
MonotonicTime AddTimeout(MonotonicTime now, milliseconds timeout) {
  return now + std::min(timeout, std::chrono::floor<milliseconds>(MonotonicTime::max() - now));
}

std::string Within(milliseconds timeout) {
  return " within " + std::to_string(timeout.count()) + " ms";
}

}  // namespace

void EndpointClient::Use(std::shared_ptr<const task::Destination> destination) {
  auto next = std::static_pointer_cast<const Destination>(std::move(destination));
  if (destination_ && next->origin != destination_->origin) {
    idle_.CloseAll();
    last_was_quick_ = false;
  }
  destination_ = std::move(next);
}

void EndpointClient::Begin(Slot slot, request::Request request) {
  while (attempts_.size() <= slot) attempts_.emplace_back();
  Attempt& attempt = attempts_[slot];
  attempt.request = std::move(request);
  attempt.destination = destination_;
  attempt.under_way = true;
  ++under_way_;
  try {
    net::Fiber* const fiber = loop_.Start([this, slot] { Run(slot); });
    if (attempt.under_way) attempt.fiber = fiber;  // it may have ended already
  } catch (const std::exception& problem) {        // no memory for the fiber's stack
    EndAttempt(slot, RequestFault{FaultKind::kIo, problem.what()});
  }
}

void EndpointClient::Cancel(Slot slot) {
  if (slot < attempts_.size() && attempts_[slot].under_way) loop_.Cancel(attempts_[slot].fiber);
}

void EndpointClient::CancelAll() {
  for (Slot slot = 0; slot < attempts_.size(); ++slot) Cancel(slot);
  idle_.CloseAll();
}

void EndpointClient::EndAttempt(Slot slot, Outcome outcome) {
  Attempt& attempt = attempts_[slot];
  attempt.fiber = nullptr;
  attempt.under_way = false;
  --under_way_;
  attempt.has_socket = false;
  attempt.destination.reset();
  if (std::exchange(attempt.connecting, false) && std::holds_alternative<RequestFault>(outcome)) {
    ++attempt.connections.failed;
  }
  ended_.push_back({slot, std::move(outcome), std::exchange(attempt.connections, {})});
}

void EndpointClient::Abort() noexcept {
  aborted_ = true;
  Wake();
}

void EndpointClient::Wait(std::optional<MonotonicTime> until, std::vector<Ended>& ended) {
  ended.clear();
  // Polls at least once, so that attempts that end immediately do not delay the others.
  for (bool woken = false, polled = false; !polled || (ended_.empty() && !woken); polled = true) {
    if (aborted_) CancelAll();
    const MonotonicTime now = loop_.Now();
    if (polled && until && now >= *until) break;
    const MonotonicTime next = std::min(until.value_or(MonotonicTime::max()), idle_.NextCheck());
    const bool spin = last_was_quick_ && under_way_ > 0 && ended_.empty();
    woken = loop_.Poll(ended_.empty() ? next : now, spin ? kSpin : kSpin.zero());
    if (loop_.TakeUnexpectedInput()) idle_.CloseUnusable();
    if (const MonotonicTime after = loop_.Now(); after >= idle_.NextCheck()) {
      idle_.CloseExpired(after);
    }
  }
  if (aborted_) CancelAll();
  ended.swap(ended_);
}

void EndpointClient::Run(Slot slot) {
  Attempt& attempt = attempts_[slot];
  Outcome outcome = Aborted{};
  try {
    if (!aborted_) outcome = SendRequest(attempt);
  } catch (const net::Interrupted&) {
    if (loop_.interruption() != net::Interruption::kCancelled)
      outcome = std::move(attempt.timeout_fault);
  } catch (const Fault& problem) {
    outcome = problem.fault;
  } catch (const std::exception& problem) {
    outcome =
        RequestFault{FaultKind::kIo, attempt.destination->origin->label() + ": " + problem.what()};
  }
  EndAttempt(slot, std::move(outcome));
}

// An endpoint may close an idle connection at the moment that a request is sent on it. No byte of a
// response comes then, and the request is sent again on a new connection, once.
delivery::Response EndpointClient::SendRequest(Attempt& attempt) {
  const Destination& destination = *attempt.destination;
  ConnectionPtr connection = TakeIdleConnection(attempt);
  bool may_resend = connection != nullptr;
  MonotonicTime limit = MonotonicTime::max();
  for (;;) {
    if (!connection) {
      attempt.connecting = true;
      connection = OpenConnection(attempt, limit);
      attempt.connecting = false;
    }
    const MonotonicTime start = loop_.UpdateNow();
    limit = std::min(limit, AddTimeout(start, destination.read_timeout));
    loop_.SetDeadline(limit);
    try {
      auto result = connection->Exchange(attempt.request, destination.frame);
      const bool through_proxy = !destination.frame.target_prefix.empty();
      if (result.response.status == kProxyAuthentication && through_proxy) {
        throw Fault(FaultKind::kProxy, "proxy " + destination.origin->tunnel()->proxy +
                                           ": it rejected http.proxy.user and http.proxy.password");
      }
      last_was_quick_ = loop_.Now() - start <= kQuickResponse;
      if (result.reusable) KeepConnection(attempt, std::move(connection), result.idle_timeout);
      return std::move(result.response);
    } catch (const net::Interrupted&) {
      attempt.timeout_fault = {FaultKind::kTimeout, destination.origin->label() +
                                                        ": no complete response" +
                                                        Within(destination.read_timeout)};
      throw;
    } catch (const Fault& problem) {
      const bool stale = problem.fault.kind == FaultKind::kIo && !connection->received_bytes();
      if (!std::exchange(may_resend, false) || !stale) throw;
      ++attempt.connections.stale;
    }
    connection.reset();
  }
}

ConnectionPtr EndpointClient::TakeIdleConnection(Attempt& attempt) {
  if (attempt.destination->origin != destination_->origin) return nullptr;
  const MonotonicTime now = loop_.Now();
  const std::chrono::seconds age = attempt.destination->connection_max_age;
  ConnectionPtr idle = idle_.Take(now, age.count() == 0 ? MonotonicTime::min() : now - age);
  if (idle) attempt.has_socket = true;
  return idle;
}

void EndpointClient::KeepConnection(const Attempt& attempt, ConnectionPtr connection,
                                    std::optional<std::chrono::seconds> idle_timeout) {
  if (attempt.destination->origin != destination_->origin) return;
  idle_.Add(std::move(connection), idle_timeout, loop_.Now());
  loop_.Notify();  // attempts may wait for a file descriptor
}

ConnectionPtr EndpointClient::OpenConnection(Attempt& attempt, MonotonicTime limit) {
  const Destination& destination = *attempt.destination;
  Origin& origin = *destination.origin;
  loop_.SetDeadline(std::min(limit, AddTimeout(loop_.UpdateNow(), destination.connect_timeout)));
  const std::vector<Address> addresses = SortAddresses(ResolveHost(attempt), origin.preferred());
  for (;;) {
    ConnectedSocket connected = ConnectTcp(loop_, addresses, origin.peer_name(), disallowed_,
                                           [&](int family) { return OpenSocket(attempt, family); });
    if (connected.socket) {
      origin.Prefer(connected.address);
      const Tunnel* const tunnel = origin.uses_tunnel() ? origin.tunnel() : nullptr;
      const std::string through = tunnel != nullptr ? " through proxy " + tunnel->proxy : "";
      attempt.timeout_fault = {FaultKind::kTimeout,
                               origin.label() +
                                   (origin.tls() ? ": no TLS handshake" : ": no tunnel") + through +
                                   Within(destination.connect_timeout)};
      auto connection = std::make_unique<Connection>(loop_, std::move(connected.socket), tunnel,
                                                     origin.tls(), origin.label());
      ++attempt.connections.opened;
      return connection;
    }
    attempt.timeout_fault = {FaultKind::kConnect, "cannot connect to " + origin.peer_name().label +
                                                      " (" +
                                                      std::system_category().message(EMFILE) + ')'};
    WaitForResources("no file descriptor for a connection");
    if (ConnectionPtr idle = TakeIdleConnection(attempt)) return idle;
  }
}

std::vector<Address> EndpointClient::ResolveHost(Attempt& attempt) {
  Origin& origin = *attempt.destination->origin;
  const std::string cannot = "cannot look up " + origin.peer_host() + ": ";
  if (auto addresses = origin.resolver().ParseLiteral()) return std::move(*addresses);
  std::shared_ptr<const Resolution> lookup;
  while (!lookup) {
    std::string lacking;
    try {
      lookup = origin.resolver().StartLookup(loop_.wake_event());
    } catch (const std::system_error& error) {
      lacking = base::Describe(error);
    }
    attempt.timeout_fault = {FaultKind::kDns, cannot + (lookup ? "no answer" : "no thread for it") +
                                                  " within the connect timeout"};
    if (!lookup) WaitForResources(lacking);
  }
  while (lookup->result() == nullptr) loop_.WaitForNotify();
  if (lookup->result()->addresses.empty()) {
    throw Fault(FaultKind::kDns, cannot + lookup->result()->problem);
  }
  return lookup->result()->addresses;
}

// The client needs one connection; further ones leave descriptors to other users.
int EndpointClient::OpenSocket(Attempt& attempt, int family) {
  const bool has_other = std::any_of(attempts_.begin(), attempts_.end(),
                                     [](const Attempt& each) { return each.has_socket; });
  const base::Claim claim = has_other ? base::Claim::kMore : base::Claim::kNeeded;
  const int socket = base::OpenSocket(family, SOCK_STREAM, IPPROTO_TCP, claim);
  if (socket >= 0) attempt.has_socket = true;
  return socket;
}

// Waits until another attempt keeps a connection, or for kShortageRetryInterval.
void EndpointClient::WaitForResources(const std::string& lacking) {
  Log().Warn("request waiting for a file descriptor or thread",
             {{"connector", connector_}, {"error", lacking}});
  (void)loop_.WaitForNotify(loop_.Now() + kShortageRetryInterval);
}

}  // namespace khs::http
