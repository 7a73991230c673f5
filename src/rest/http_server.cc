#include "rest/http_server.h"

#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/TCPServer.h>
#include <Poco/Net/TCPServerConnectionFactory.h>
#include <Poco/ThreadPool.h>

#include <chrono>
#include <memory>
#include <utility>

#include "rest/connections.h"
#include "rest/listener.h"
#include "rest/server_connection.h"
#include "rest/server_tls.h"

namespace khs::rest {
namespace {

using std::chrono::steady_clock;

// For sending the answers that are there when the server stops.
constexpr std::chrono::seconds kAnswerGrace{1};

class ConnectionFactory final : public Poco::Net::TCPServerConnectionFactory {
 public:
  explicit ConnectionFactory(Service& service) : service_(service) {}
  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
    return new ServerConnection(socket, service_);
  }

 private:
  Service& service_;
};

Poco::Net::HTTPServerParams::Ptr ParamsOf(const Limits& limits) {
  Poco::Net::HTTPServerParams::Ptr params(new Poco::Net::HTTPServerParams);
  params->setMaxThreads(static_cast<int>(limits.connections));
  params->setMaxQueued(static_cast<int>(limits.connections));
  // The deadlines of CallerSocket count instead.
  params->setTimeout(0);
  // Poco wakes only one of its waiting threads when the server stops.
  params->setThreadIdleTime(Poco::Timespan(0, 250'000));
  return params;
}

Listener::Tls TlsOf(const TlsFiles& files) {
  if (files.certificate.empty()) return {};
  return [tls = std::make_shared<ServerTls>(files, steady_clock::now())] {
    return tls->Context(steady_clock::now());
  };
}

}  // namespace

struct HttpServer::Server {
  Server(const std::string& host, int port, Handler handler, Terms terms)
      : service{.connections = Connections(terms.limits),
                .handle = std::move(handler),
                .params = ParamsOf(terms.limits),
                .gate = std::move(terms.gate),
                .on_answer = std::move(terms.on_answer)},
        listener(host, port, service.connections, TlsOf(terms.tls)),
        // A thread that has just ended a connection is not free at once.
        threads(1, 2 * static_cast<int>(terms.limits.connections)),
        server(new ConnectionFactory(service), threads, listener, service.params) {
    server.start();
  }
  ~Server() {
    server.stop();
    service.connections.Close(kAnswerGrace);
    threads.joinAll();
  }

  Service service;
  Listener listener;
  Poco::ThreadPool threads;
  Poco::Net::TCPServer server;  // last: it uses the rest
};

HttpServer::HttpServer(const std::string& host, int port, Handler handler, Terms terms)
    : server_(std::make_unique<Server>(host, port, std::move(handler), std::move(terms))) {}
HttpServer::HttpServer(const std::string& host, int port, Handler handler)
    : HttpServer(host, port, std::move(handler), Terms()) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return server_->listener.address().port(); }

}  // namespace khs::rest
