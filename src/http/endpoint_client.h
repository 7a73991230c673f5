#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address_range.h"
#include "base/clock.h"
#include "delivery/reply.h"
#include "http/destination.h"
#include "http/idle_connections.h"
#include "net/loop.h"
#include "task/endpoint.h"

namespace khs::http {

// HTTP client of one task. It sends requests over connections that it keeps open between them, and
// runs each attempt on a fiber of its loop. It ignores the environment's proxies and does not
// follow redirects. It retries nothing, with one exception: when a kept connection ends before any
// byte of the response, it sends the request once more, on a new connection. Owned by the task;
// used by its delivery thread, except that any thread may call Wake and Abort.
//
//   Begin ──► take an idle connection ───────────────────┐
//                  │ there is none                       ▼
//                  └─► resolve, connect, TLS handshake ──► send, receive ──► keep the ──► end
//                           ▲                                   │            connection
//                           └───────── resend, once ◄───────────┘
//                             an idle connection had ended
//
//                      └─────── connect timeout ───────┘  └ read timeout ┘
class EndpointClient final : public task::Endpoint {
 public:
  // Log lines name the connector. `clock` must outlive the client. Throws std::system_error when no
  // file descriptor is free. It never connects to `disallowed` addresses.
  EndpointClient(std::string connector, const base::Clock& clock,
                 std::vector<base::AddressRange> disallowed = {})
      : connector_(std::move(connector)), disallowed_(std::move(disallowed)), loop_(clock) {}
  ~EndpointClient() override { idle_.CloseAll(); }

  // `destination` must come from MakeDestination. Idle connections are kept when it has the same
  // origin as the previous one, and closed otherwise.
  void Use(std::shared_ptr<const task::Destination> destination) override;
  void Begin(Slot slot, request::Request request) override;
  void Cancel(Slot slot) override;
  void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) override;
  void Wake() noexcept override { loop_.wake_event()->Set(); }
  void Abort() noexcept override;

 private:
  struct Attempt {
    net::Fiber* fiber = nullptr;  // null until its first wait, and after its end
    bool under_way = false;
    bool has_socket = false;
    bool connecting = false;
    Connections connections;
    request::Request request;
    DestinationPtr destination;
    delivery::RequestFault timeout_fault;  // its outcome if its current deadline passes
  };

  // The attempt's fiber runs these.
  void Run(Slot slot);
  delivery::Response SendRequest(Attempt& attempt);
  ConnectionPtr TakeIdleConnection(Attempt& attempt);
  ConnectionPtr OpenConnection(Attempt& attempt, base::MonotonicTime limit);
  std::vector<Address> ResolveHost(Attempt& attempt);
  int OpenSocket(Attempt& attempt, int family);
  void WaitForResources(const std::string& lacking);
  void KeepConnection(const Attempt& attempt, ConnectionPtr connection,
                      std::optional<std::chrono::seconds> idle_timeout);

  void EndAttempt(Slot slot, delivery::Outcome outcome);
  void CancelAll();

  const std::string connector_;
  const std::vector<base::AddressRange> disallowed_;
  std::atomic<bool> aborted_{false};
  DestinationPtr destination_;    // of new attempts; null before the first Use
  std::deque<Attempt> attempts_;  // by slot; a deque, because fibers hold references
  size_t under_way_ = 0;          // number of attempts
  IdleConnections idle_;          // to the origin of `destination_`
  std::vector<Ended> ended_;      // since the last Wait
  bool last_was_quick_ = false;   // the last response came within kQuickResponse
  net::Loop loop_;                // last: its jobs use the other members
};

}  // namespace khs::http
