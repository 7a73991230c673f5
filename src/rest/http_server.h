#pragma once

#include <memory>
#include <string>

#include "rest/message.h"

namespace khs::rest {

// A listener that answers by a handler. A request's body may have up to 1 MiB; slow callers are
// timed out.
class HttpServer {
 public:
  // Listens from here on; port 0 lets the system choose. Throws std::runtime_error naming the
  // address.
  HttpServer(const std::string& host, int port, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace khs::rest
