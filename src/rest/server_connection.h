#pragma once

#include <Poco/Net/HTTPServerParams.h>
#include <Poco/Net/HTTPServerRequestImpl.h>
#include <Poco/Net/HTTPServerResponseImpl.h>
#include <Poco/Net/HTTPServerSession.h>
#include <Poco/Net/TCPServerConnection.h>

#include <mutex>
#include <optional>
#include <string>

#include "rest/caller_socket.h"
#include "rest/connections.h"
#include "rest/gate.h"
#include "rest/limits.h"
#include "rest/message.h"
#include "rest/request_checks.h"

namespace khs::rest {

// What the connections of a listener share. Their threads use it; owned by HttpServer.
struct Service {
  std::optional<Response> Admit(const Request& head);
  void ReportAnswer(const std::string& method, int status);

  Connections connections;
  const Handler handle;
  const Poco::Net::HTTPServerParams::Ptr params;
  std::mutex mutex = {};  // of the next two, one of which looks at files
  const Gate gate;
  const AnswerObserver on_answer;
};

// One caller's connection: lets Poco read each request and write its answer. It is no
// HTTPServerConnection, because that one answers a malformed head without a body, or not at all,
// and takes one that was cut off for a whole one. One thread of the pool; owned by Poco's server.
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

  void Wait(std::chrono::milliseconds time) {
    caller_.EnterPhase(Connections::Phase::kReading, time);
  }
  const Limits& limits() const { return service_.connections.limits(); }
  // Each returns whether the connection goes on.
  bool Serve(Session& session);
  bool ServeRequest(Session& session, PocoRequest& request, PocoResponse& response);
  bool Answer(Session& session, CheckedHead& head, PocoRequest& request, PocoResponse& response);
  bool Send(Session& session, PocoResponse& response, const Response& answer, bool keep_alive);
  bool Refuse(Session& session, const Rejection& rejection);
  void AnswerPlainHttp(const Poco::Exception& error);

  std::optional<Rejection> ReadBody(Session& session, PocoRequest& request, CheckedHead& head);
  Response Handle(const Request& request) const;

  Service& service_;
  Poco::Net::HTTPServerParams::Ptr params_;
  CallerSocket& caller_;
  std::string method_;  // of the request that is being served
};

}  // namespace khs::rest
