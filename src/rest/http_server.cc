#include "rest/http_server.h"

#include <Poco/Net/HTTPRequestHandler.h>
#include <Poco/Net/HTTPRequestHandlerFactory.h>
#include <Poco/Net/HTTPServer.h>
#include <Poco/Net/HTTPServerRequest.h>
#include <Poco/Net/HTTPServerResponse.h>
#include <Poco/Net/ServerSocket.h>
#include <Poco/String.h>
#include <Poco/ThreadPool.h>

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>

#include "base/log.h"

namespace khs::rest {
namespace {

constexpr int kThreads = 8;
constexpr int kBacklog = 64;
constexpr int kRequestSeconds = 10;
constexpr int kIdleSeconds = 30;
constexpr Poco::Int64 kMaxBody = 1 << 20;

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

Request Convert(const Poco::Net::HTTPServerRequest& request) {
  const std::string& target = request.getURI();
  const size_t end = std::min(target.find('?'), target.size());
  Request ours{.method = request.getMethod(),
               .path = target.substr(0, end),
               .query = target.substr(std::min(end + 1, target.size())),
               .headers = {},
               .body = {},
               .from_loopback = false};
  for (const auto& [name, value] : request) ours.headers.emplace(Poco::toLower(name), value);
  ours.from_loopback = request.clientAddress().host().isLoopback();
  return ours;
}

// False when the body is larger than may be.
bool ReadBody(Poco::Net::HTTPServerRequest& request, std::string& body) {
  if (request.getContentLength64() > kMaxBody) return false;
  if (!request.getChunkedTransferEncoding() && request.getContentLength64() <= 0) return true;
  std::istream& in = request.stream();
  std::array<char, 8192> chunk;
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    body.append(chunk.data(), static_cast<size_t>(in.gcount()));
    if (static_cast<Poco::Int64>(body.size()) > kMaxBody) return false;
  }
  return true;
}

class Adapter final : public Poco::Net::HTTPRequestHandler {
 public:
  explicit Adapter(const Handler& handler) : handler_(handler) {}

  void handleRequest(Poco::Net::HTTPServerRequest& request,
                     Poco::Net::HTTPServerResponse& response) override {
    Response answer;
    bool readable = true;
    try {
      Request ours = Convert(request);
      readable = ReadBody(request, ours.body);
      answer = readable ? handler_(ours)
                        : Response{413, "text/plain; charset=utf-8", "body over 1 MiB\n", {}};
    } catch (const std::exception& error) {
      readable = false;
      Log().Error("request failed", {{"path", request.getURI()}, {"error", error.what()}});
      answer = {500, "text/plain; charset=utf-8", "internal error\n", {}};
    }
    response.setStatusAndReason(static_cast<Poco::Net::HTTPResponse::HTTPStatus>(answer.status));
    response.setContentType(answer.content_type);
    for (const auto& [name, value] : answer.headers) response.set(name, value);
    // Where a body was not read to its end, the next request could not be found.
    if (!readable) response.setKeepAlive(false);
    response.setContentLength64(static_cast<Poco::Int64>(answer.body.size()));
    std::ostream& out = response.send();
    if (request.getMethod() != "HEAD") out << answer.body;
  }

 private:
  const Handler& handler_;
};

class Factory final : public Poco::Net::HTTPRequestHandlerFactory {
 public:
  explicit Factory(const Handler& handler) : handler_(handler) {}
  Poco::Net::HTTPRequestHandler* createRequestHandler(
      const Poco::Net::HTTPServerRequest&) override {
    return new Adapter(handler_);  // the server deletes it
  }

 private:
  const Handler& handler_;
};

Poco::Net::ServerSocket Listen(const std::string& host, int port) {
  try {
    Poco::Net::ServerSocket socket;
    const Poco::Net::SocketAddress address(host, static_cast<Poco::UInt16>(port));
    // Not the port as well: a second listener on it would share its connections.
    socket.bind(address, true, false);
    socket.listen(kBacklog);
    return socket;
  } catch (const Poco::Exception& error) {
    throw std::runtime_error("cannot listen on " + host + ":" + std::to_string(port) + ": " +
                             error.displayText());
  }
}

Poco::Net::HTTPServerParams::Ptr Parameters() {
  Poco::Net::HTTPServerParams::Ptr parameters = new Poco::Net::HTTPServerParams;
  parameters->setMaxThreads(kThreads);
  parameters->setMaxQueued(kBacklog);
  parameters->setTimeout(Poco::Timespan(kRequestSeconds, 0));
  parameters->setKeepAliveTimeout(Poco::Timespan(kIdleSeconds, 0));
  return parameters;
}

}  // namespace

struct HttpServer::Server {
  Server(const std::string& host, int port, Handler handler_in)
      : handler(std::move(handler_in)),
        socket(Listen(host, port)),
        http(new Factory(handler), threads, socket, Parameters()) {
    http.start();
  }
  ~Server() { http.stopAll(true); }

  const Handler handler;
  Poco::ThreadPool threads{2, kThreads};
  Poco::Net::ServerSocket socket;
  Poco::Net::HTTPServer http;  // last: its threads use the rest
};

HttpServer::HttpServer(const std::string& host, int port, Handler handler)
    : server_(std::make_unique<Server>(host, port, std::move(handler))) {}
HttpServer::~HttpServer() = default;

int HttpServer::port() const { return server_->socket.address().port(); }

}  // namespace khs::rest
