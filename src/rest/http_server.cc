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

// Time to send the remaining responses when the server stops.
constexpr std::chrono::seconds kResponseGrace{1};

class ConnectionFactory final : public Poco::Net::TCPServerConnectionFactory {
 public:
  explicit ConnectionFactory(Service& service) : service_(service) {}
  Poco::Net::TCPServerConnection* createConnection(const Poco::Net::StreamSocket& socket) override {
    return new ServerConnection(socket, service_);
  }

 private:
  Service& service_;
};

Poco::Net::HTTPServerParams::Ptr MakeParams(const Limits& limits) {
  Poco::Net::HTTPServerParams::Ptr params(new Poco::Net::HTTPServerParams);
  params->setMaxThreads(static_cast<int>(limits.connections));
  params->setMaxQueued(static_cast<int>(limits.connections));
  // CallerSocket has deadlines instead.
  params->setTimeout(0);
  // When the server stops, Poco wakes one idle thread only. The others end after this time.
  params->setThreadIdleTime(Poco::Timespan(0, 250'000));
  return params;
}

Listener::Tls MakeTls(const config::TlsFiles& files) {
  if (files.certificate.empty()) return {};
  return [tls = std::make_shared<ServerTls>(files, steady_clock::now())] {
    return tls->Context(steady_clock::now());
  };
}

}  // namespace

struct HttpServer::Server {
  Server(const std::string& host, int port, Handler handler, Options options)
      : service{.connections = Connections(options.limits),
                .handle = std::move(handler),
                .params = MakeParams(options.limits),
                .authorizer = std::move(options.authorizer),
                .on_response = std::move(options.on_response)},
        listener(host, port, service.connections, MakeTls(options.tls)),
        // Twice the number of connections: a thread is not free at once after a connection ends.
        threads(1, 2 * static_cast<int>(options.limits.connections)),
        server(new ConnectionFactory(service), threads, listener, service.params) {
    server.start();
  }
  ~Server() {
    server.stop();
    service.connections.Close(kResponseGrace);
    threads.joinAll();
  }

  Service service;
  Listener listener;
  Poco::ThreadPool threads;
  Poco::Net::TCPServer server;  // last: it uses the other members
};

HttpServer::HttpServer(const std::string& host, int port, Handler handler, Options options)
    : server_(std::make_unique<Server>(host, port, std::move(handler), std::move(options))) {}
HttpServer::HttpServer(const std::string& host, int port, Handler handler)
    : HttpServer(host, port, std::move(handler), Options()) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return server_->listener.address().port(); }

}  // namespace khs::rest
