#pragma once

#include <Poco/Net/Context.h>
#include <Poco/Net/ServerSocket.h>

#include <functional>
#include <string>

#include "rest/connections.h"

namespace khs::rest {

// Listening socket for Poco's TCPServer, whose accept thread polls it. Before it accepts, it evicts
// connections if there are too many. Owned by HttpServer; `connections` must outlive it.
class Listener final : public Poco::Net::ServerSocket {
 public:
  // Returns the TLS context for a new connection. Null: plain HTTP.
  using Tls = std::function<Poco::Net::Context::Ptr()>;

  // For port 0 the system chooses one. Throws std::runtime_error that names the address.
  Listener(const std::string& host, int port, Connections& connections, Tls tls);
};

}  // namespace khs::rest
