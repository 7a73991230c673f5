#pragma once

#include <memory>
#include <string>

#include "rest/gate.h"
#include "rest/limits.h"
#include "rest/message.h"
#include "rest/tls_files.h"

namespace khs::rest {

// A listener that answers by a handler, HTTP/1.1 and 1.0, on Poco's TCPServer and HTTP session. A
// connection has a thread of its own pool. What it refuses by itself (bad framing, too much, too
// slow, not admitted) it answers with Kafka Connect's error body.
class HttpServer {
 public:
  struct Terms {
    Limits limits = {};
    Gate gate = {};     // null: everyone is admitted; its Authorization is shown to nobody else
    TlsFiles tls = {};  // without a certificate: plain HTTP
    // Told of every answer, whoever gave it, by one thread at a time; null: nobody.
    AnswerObserver on_answer = {};
  };

  // Listens from here on; port 0 lets the system choose. Throws std::runtime_error naming the
  // address, or key and file.
  HttpServer(const std::string& host, int port, Handler handler, Terms terms);
  HttpServer(const std::string& host, int port, Handler handler);
  // Accepts no more, waits for the requests that are being handled, and sends their answers.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;

 private:
  struct Server;
  std::unique_ptr<Server> server_;
};

}  // namespace khs::rest
