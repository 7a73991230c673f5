#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Exception.h>
#include <openssl/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "delivery/response.h"
#include "http/fault.h"
#include "http/request_head.h"
#include "net/fiber_socket.h"
#include "request/request.h"

namespace khs::http {

class Response;
class TlsContext;

// How to ask a proxy for a tunnel to the endpoint (CONNECT).
struct Tunnel {
  std::string proxy;        // the proxy's name in messages
  std::string authority;    // host:port of the endpoint
  std::string credentials;  // value of Proxy-Authorization; empty: none
};

// One connection to the endpoint, plain or TLS, with Poco's HTTP session on it. Its functions block
// the fiber that calls them; the fiber's deadline limits them. It never reconnects or resends, and
// must not be used after a fault. Owned by the attempt that uses it, or by IdleConnections.
class Connection {
 public:
  struct ExchangeResult {
    delivery::Response response;
    bool reusable = false;  // for another exchange
    // How long the endpoint keeps the idle connection, if it says so.
    std::optional<std::chrono::seconds> idle_timeout;
  };

  // `socket` must be connected: to a proxy if there is a `tunnel`, else to the endpoint. Opens the
  // tunnel and completes the TLS handshake. Without `tls`, which must outlive the connection, it is
  // plain. Messages name the endpoint by `label`. Throws Fault, and net::Interrupted.
  Connection(net::Loop& loop, Poco::AutoPtr<net::FiberSocket> socket, const Tunnel* tunnel,
             const TlsContext* tls, std::string label);
  ~Connection();

  // Sends a request and receives its response. Throws Fault, and net::Interrupted.
  ExchangeResult Exchange(const request::Request& request, const RequestFrame& frame);

  // Returns whether any byte of the current response arrived.
  bool received_bytes() const;
  // Returns whether anything follows the last response: bytes, or the end of the stream. Messages
  // of TLS itself (session tickets, key updates) are processed and do not count.
  bool HasUnexpectedInput();
  // Returns whether the loop saw input while the connection was idle. Costs no system call.
  bool may_have_unexpected_input() const { return socket_->readiness().unexpected_input; }
  base::MonotonicTime opened() const { return opened_; }

 private:
  class Session;

  void OpenTunnel(const Tunnel& tunnel);
  ExchangeResult ReceiveResponse();
  bool ReadBody(const Response& head, std::string& body);
  bool ReadChunks(std::string& body);
  Fault ToFault(const Poco::Exception& problem) const;
  Fault WithLabel(Fault fault) const;

  net::Loop& loop_;
  const std::string label_;
  const base::MonotonicTime opened_;
  Poco::AutoPtr<net::FiberSocket> socket_;
  SSL* tls_ = nullptr;  // owned by Poco
  std::unique_ptr<Session> session_;
};

}  // namespace khs::http
