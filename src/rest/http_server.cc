#include "rest/http_server.h"

#include <chrono>
#include <utility>

#include "rest/handler_pool.h"
#include "rest/listen_socket.h"
#include "rest/server_loop.h"

namespace khs::rest {

struct HttpServer::Server {
  Server(const std::string& host, int port_in, Handler handler, Terms terms)
      : tls(terms.tls.certificate.empty()
                ? nullptr
                : std::make_unique<ServerTls>(terms.tls, std::chrono::steady_clock::now())),
        listener(ListenOn(host, port_in)),
        port(PortOf(listener)),
        loop(std::move(listener), TermsOfLoop(terms)),
        handlers(terms.limits.handler_threads, std::move(handler),
                 [this](HandlerPool::CallerId caller, Response answer) {
                   loop.PostAnswer(caller, std::move(answer));
                 }) {
    loop.Start();
  }
  ~Server() {
    loop.Close();
    handlers.Stop();
    loop.End();
  }

  ServerLoop::Terms TermsOfLoop(const Terms& terms) {
    ServerLoop::Terms of_loop{terms.limits, terms.gate, terms.on_answer, {}, {}};
    if (tls) of_loop.tls = [this](base::MonotonicTime now) { return tls->Context(now); };
    of_loop.handle = [this](HandlerPool::CallerId caller, Request request) {
      handlers.Post(caller, std::move(request));
    };
    return of_loop;
  }

  const std::unique_ptr<ServerTls> tls;
  base::UniqueFd listener;  // the loop takes it
  const int port;
  ServerLoop loop;
  HandlerPool handlers;
};

HttpServer::HttpServer(const std::string& host, int port, Handler handler, Terms terms)
    : server_(std::make_unique<Server>(host, port, std::move(handler), std::move(terms))) {}
HttpServer::HttpServer(const std::string& host, int port, Handler handler)
    : HttpServer(host, port, std::move(handler), Terms()) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return server_->port; }

}  // namespace khs::rest
