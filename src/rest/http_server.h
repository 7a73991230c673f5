#pragma once

#include <memory>
#include <string>

#include "config/process_config.h"
#include "rest/authorizer.h"
#include "rest/limits.h"
#include "rest/message.h"

namespace khs::rest {

// HTTP/1.1 and 1.0 server on Poco's TCPServer, with one thread per connection. It passes requests
// to a handler. It rejects those that are malformed, too large, too slow or unauthorized with Kafka
// Connect's error body. Owned by the application; its own threads call the handler.
class HttpServer {
 public:
  struct Options {
    Limits limits = {};
    Authorizer authorizer = {};  // null: accepts every request
    config::TlsFiles tls = {};   // without a certificate: plain HTTP
    // Called for every response, also for rejections, by one thread at a time. May be null.
    ResponseObserver on_response = {};
  };

  // Starts to listen; for port 0 the system chooses one. Throws std::runtime_error that names the
  // address, or the configuration key and file.
  HttpServer(const std::string& host, int port, Handler handler, Options options);
  HttpServer(const std::string& host, int port, Handler handler);
  // Stops accepting, waits for running handlers, and sends their responses.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace khs::rest
