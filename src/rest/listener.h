#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/ServerSocket.h>

#include <functional>
#include <string>

#include "rest/connections.h"

namespace khs::rest {

// The listening socket of Poco's TCPServer, which polls it and accepts on a thread of its own. Each
// round makes room for a pending connection. `connections` must outlive the server.
class Listener final : public Poco::Net::ServerSocket {
 public:
  // The context of a new connection; null: plain HTTP.
  using Tls = std::function<Poco::Net::Context::Ptr()>;

  // Port 0 lets the system choose. Throws std::runtime_error naming the address.
  Listener(const std::string& host, int port, Connections& connections, Tls tls);
};

}  // namespace khs::rest
