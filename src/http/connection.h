#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Exception.h>
#include <openssl/types.h>

#include <chrono>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "delivery/response.h"
#include "http/fault.h"
#include "net/fiber_socket.h"
#include "request/request.h"

namespace khs::http {

class TlsContext;

// What goes with every request to one destination.
struct RequestFrame {
  std::string host;           // of the header Host, unless one is configured
  std::string target_prefix;  // a proxy's: scheme and host, before the target
  std::string headers;        // whole lines
};

// How a proxy is asked for a connection to the endpoint.
struct Tunnel {
  std::string proxy;        // for people
  std::string authority;    // HOST:PORT of the endpoint
  std::string credentials;  // the value of Proxy-Authorization; empty: none
};

// One connection to the endpoint, plain or TLS, and Poco's HTTP session on it. It blocks its fiber,
// sets no time limits, never connects anew and never repeats anything. After a fault it is of no
// more use. Owned by the attempt that uses it, or by IdleConnections.
class Connection {
 public:
  struct Exchanged {
    delivery::Response response;
    bool reusable = false;                             // for another exchange
    std::optional<std::chrono::seconds> idle_timeout;  // how long the endpoint waits for that
  };

  // Of a connected socket. `tunnel` may be null: the socket leads to the endpoint. `tls` may be
  // null: plain; otherwise its handshake is made, and it must outlive the connection. `label` is
  // for people. Throws Fault, and net::Interrupted.
  Connection(net::Loop& loop, Poco::AutoPtr<net::FiberSocket> socket, const Tunnel* tunnel,
             const TlsContext* tls, std::string label);
  ~Connection();

  // Sends a request and receives its response. Throws Fault, and net::Interrupted.
  Exchanged Exchange(const request::Request& request, const RequestFrame& frame);

  // After a fault: not a byte of a response has come.
  bool HeardNothing() const;
  // Between exchanges: nothing came behind the response, not even the connection's end. What TLS
  // itself sends (session tickets, new keys) is taken in, and does not count.
  bool Quiet();
  // Something has come while nobody waited for it.
  bool noticed() const { return socket_->readiness().noticed; }
  base::MonotonicTime opened() const { return opened_; }

 private:
  class Session;
  class Sending;

  void OpenTunnel(const Tunnel& tunnel);
  Exchanged Receive();
  bool ReadBody(std::istream& in, std::string& body);
  Fault FaultOf(const Poco::Exception& problem) const;
  Fault AtLabel(Fault fault) const;

  net::Loop& loop_;
  const std::string label_;
  const base::MonotonicTime opened_;
  Poco::AutoPtr<net::FiberSocket> socket_;
  SSL* tls_ = nullptr;  // Poco's
  std::unique_ptr<Session> session_;
};

}  // namespace khs::http
