#include "rest/server_connection.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Timestamp.h>

#include <algorithm>
#include <array>
#include <exception>
#include <istream>
#include <ostream>

#include "base/log.h"
#include "request/header_syntax.h"
#include "rest/error_response.h"

namespace khs::rest {
namespace {

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

constexpr std::chrono::hours kAnyTime{24};
constexpr const char* kTooSlow = "The request took too long";

void Set(Poco::Net::HTTPResponse& response, const std::string& name, const std::string& value) {
  if (request::IsFieldName(name) && request::IsFieldValue(value)) response.set(name, value);
}

// Of IPv4 all of 127.0.0.0/8, also as IPv6 sockets show it.
bool IsLoopback(const Poco::Net::IPAddress& address) {
  if (address.family() == Poco::Net::IPAddress::IPv4 || !address.isIPv4Mapped()) {
    return address.isLoopback();
  }
  constexpr int kPrefix = 12;
  return Poco::Net::IPAddress(static_cast<const char*>(address.addr()) + kPrefix, 4).isLoopback();
}

}  // namespace

std::optional<Response> Service::Admit(const Request& head) {
  const std::lock_guard lock(mutex);
  return gate ? gate(head, std::chrono::steady_clock::now()) : std::nullopt;
}

void Service::ReportAnswer(const std::string& method, int status) {
  const std::lock_guard lock(mutex);
  if (on_answer) on_answer(method, status);
}

ServerConnection::ServerConnection(const Poco::Net::StreamSocket& connected, Service& service)
    : TCPServerConnection(connected),
      service_(service),
      params_(service.params),
      caller_(CallerSocket::Of(connected)) {}

void ServerConnection::run() try {
  Wait(limits().request_time);
  Session session(socket(), params_);
  while (session.hasMoreRequests()) {
    Wait(limits().request_time);
    if (!Serve(session)) return;
    Wait(limits().idle_time);
  }
} catch (const std::exception& error) {
  Log().Warn("connection closed after an error", {{"error", error.what()}});
}

bool ServerConnection::Serve(Session& session) {
  method_.clear();
  caller_.BeginHead();
  try {
    PocoResponse response(session);
    PocoRequest request(response, session, params_.get());
    caller_.EndHead();
    return ServeRequest(session, request, response);
  } catch (const Poco::Exception& error) {
    const CallerSocket::Observed& observed = caller_.observed();
    if (observed.timed_out) return observed.has_received && Refuse(session, {408, kTooSlow});
    const bool is_long = observed.head_bytes > limits().request_line_bytes;
    if (const Poco::Exception* failure = session.networkException(); failure != nullptr) {
      if (observed.head_bytes > limits().head_bytes)
        return Refuse(session, RejectionOf("", is_long));
      AnswerPlainHttp(*failure);
      return false;
    }
    if (observed.has_ended) return false;
    return Refuse(session, RejectionOf(error.message(), is_long));
  }
}

bool ServerConnection::ServeRequest(Session& session, PocoRequest& request,
                                    PocoResponse& response) {
  const auto refuse = [&](const Rejection& rejection) {
    return Send(session, response, ErrorResponse(rejection.status, rejection.reason), false);
  };
  // Poco takes the head that has come so far for a whole one.
  if (caller_.observed().timed_out) return refuse({408, kTooSlow});
  if (session.networkException() != nullptr || caller_.observed().has_ended) return false;
  if (caller_.observed().HeadIsSuspicious(static_cast<size_t>(session.buffered()))) {
    return refuse({400, "A bare LF, a folded line or a byte 0xFF in the head"});
  }
  auto head = CheckRequest(request, limits());
  if (!head) return refuse(head.error());
  head->keep_alive = head->keep_alive && !caller_.observed().is_ambiguous;
  head->request.from_loopback = IsLoopback(request.clientAddress().host());
  method_ = head->request.method;
  const auto refused = service_.Admit(head->request);
  // Whoever handles the request has no use for it, and might show it.
  head->request.headers.erase("authorization");
  if (refused) {
    // A body that nobody reads hides where the next request begins.
    return Send(session, response, *refused, head->keep_alive && !head->has_body());
  }
  return Answer(session, *head, request, response);
}

bool ServerConnection::Answer(Session& session, CheckedHead& head, PocoRequest& request,
                              PocoResponse& response) {
  if (head.has_body()) {
    response.setVersion(Poco::Net::HTTPMessage::HTTP_1_1);
    if (head.expects_continue) response.sendContinue();
    if (const auto rejection = ReadBody(session, request, head)) {
      method_.clear();
      return rejection->status != 0 &&
             Send(session, response, ErrorResponse(rejection->status, rejection->reason), false);
    }
  }
  caller_.EnterPhase(Connections::Phase::kHandling, kAnyTime, head.request.body.capacity());
  return Send(session, response, Handle(head.request), head.keep_alive);
}

// A rejection without a status: the caller has gone.
std::optional<Rejection> ServerConnection::ReadBody(Session& session, PocoRequest& request,
                                                    CheckedHead& head) {
  std::string& body = head.request.body;
  std::array<char, 4096> buffer;
  const size_t most = head.chunked ? limits().body_bytes + 1 : head.content_length;
  while (body.size() < most) {
    const size_t wanted = std::min(buffer.size(), most - body.size());
    request.stream().read(buffer.data(), static_cast<std::streamsize>(wanted));
    const auto count = static_cast<size_t>(request.stream().gcount());
    if (count == 0) break;
    body.append(buffer.data(), count);
    caller_.Hold(body.capacity());
  }
  if (body.size() > limits().body_bytes) {
    return Rejection{413, "The body is larger than may be"};
  }
  if (caller_.observed().timed_out) return Rejection{408, kTooSlow};
  if (session.networkException() != nullptr || caller_.observed().has_ended) return Rejection{0};
  // Poco ends a body without a word where a chunk's size is malformed, and leaves that line unread.
  if (head.chunked && (session.buffered() > 0 || socket().available() > 0)) {
    return Rejection{400, "The chunks are malformed, or something follows them"};
  }
  return std::nullopt;
}

Response ServerConnection::Handle(const Request& request) const {
  try {
    return service_.handle(request);
  } catch (const std::exception& error) {
    Log().Error("request failed", {{"path", request.path}, {"error", error.what()}});
    return ErrorResponse(500);
  }
}

bool ServerConnection::Send(Session& session, PocoResponse& response, const Response& answer,
                            bool keep_alive) {
  keep_alive = keep_alive && !service_.connections.is_closed();
  response.setVersion(Poco::Net::HTTPMessage::HTTP_1_1);
  response.setStatusAndReason(static_cast<PocoResponse::HTTPStatus>(answer.status));
  response.setDate(Poco::Timestamp());
  response.set("Connection", keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : answer.headers) Set(response, name, value);
  const bool may_have_body = answer.status >= 200 && answer.status != 204 && answer.status != 304;
  const bool has_body = may_have_body && method_ != "HEAD";
  if (may_have_body) {
    // Clients choose how to read a body by its type, so an empty one has none.
    if (!answer.body.empty()) Set(response, "Content-Type", answer.content_type);
    response.setContentLength64(static_cast<Poco::Int64>(answer.body.size()));
  }
  service_.ReportAnswer(method_, answer.status);
  caller_.EnterPhase(Connections::Phase::kAnswering, limits().answer_time,
                     has_body ? answer.body.capacity() : 0);
  std::ostream& out = response.send();
  if (has_body) {
    out.write(answer.body.data(), static_cast<std::streamsize>(answer.body.size()));
  }
  out.flush();
  keep_alive = keep_alive && out.good() && session.networkException() == nullptr;
  session.setKeepAlive(keep_alive);
  return keep_alive;
}

bool ServerConnection::Refuse(Session& session, const Rejection& rejection) {
  PocoResponse response(session);
  return Send(session, response, ErrorResponse(rejection.status, rejection.reason), false);
}

// The handshake has failed, so the connection is plain from here on.
void ServerConnection::AnswerPlainHttp(const Poco::Exception& error) {
  if (!socket().secure() || error.displayText().find("http request") == std::string::npos) return;
  caller_.duplicate();
  Session plain(Poco::Net::StreamSocket(&caller_), params_);
  (void)Refuse(plain, {400, "This port speaks HTTPS"});
  (void)plain.detachSocket();  // closed with the one above it
}

}  // namespace khs::rest
