#pragma once

#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponseImpl.h>
#include <Poco/Net/HTTPServerSession.h>
#include <Poco/Net/TCPServerConnection.h>

#include <mutex>
#include <optional>
#include <string>

#include "rest/authorizer.h"
#include "rest/caller_socket.h"
#include "rest/connections.h"
#include "rest/limits.h"
#include "rest/message.h"
#include "rest/request_checks.h"

namespace khs::rest {

// State that the connections of a listener share. Owned by HttpServer; their threads use it.
struct Service {
  std::optional<Response> Authorize(const Request& head);
  void ReportResponse(const std::string& method, int status);

  Connections connections;
  const Handler handle;
  Poco::Net::HTTPServerParams::Ptr params;
  std::mutex mutex = {};  // held while the next two are called
  const Authorizer authorizer;
  const ResponseObserver on_response;
};

// One caller's connection. Poco's session parses its requests and writes the responses; this checks
// the requests and calls the handler. It replaces Poco's HTTPServerConnection, which responds to a
// malformed head without a body or not at all, and handles a truncated request as if it were
// complete. Owned by Poco's server; used by one thread of its pool.
class ServerConnection final : public Poco::Net::TCPServerConnection {
 public:
  ServerConnection(const Poco::Net::StreamSocket& socket, Service& service);
  void run() override;

 private:
  using PocoRequest = Poco::Net::HTTPServerRequestImpl;
  using PocoResponse = Poco::Net::HTTPServerResponseImpl;
  class Session : public Poco::Net::HTTPServerSession {
   public:
    using HTTPServerSession::buffered;
    using HTTPServerSession::HTTPServerSession;
  };

  void StartReading(std::chrono::milliseconds timeout) {
    caller_.SetPhase(Connections::Phase::kReading, timeout);
  }
  const Limits& limits() const { return service_.connections.limits(); }
  // Each returns whether to keep the connection.
  bool ServeNext(Session& session);
  bool CheckAndServe(Session& session, PocoRequest& request, PocoResponse& response);
  bool ServeChecked(Session& session, CheckedHead& head, PocoRequest& request,
                    PocoResponse& response);
  bool SendResponse(Session& session, PocoResponse& out, const Response& response, bool keep_alive);
  bool Reject(Session& session, const Rejection& rejection);
  void RejectPlainHttp(const Poco::Exception& error);

  std::optional<Rejection> ReadBody(Session& session, PocoRequest& request, CheckedHead& head);
  Response CallHandler(const Request& request) const;

  Service& service_;
  CallerSocket& caller_;
  std::string method_;  // of the current request; empty until it is known
};

}  // namespace khs::rest
