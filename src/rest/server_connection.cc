#include "rest/server_connection.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Timestamp.h>

#include <algorithm>
#include <array>
#include <exception>
#include <istream>
#include <ostream>

#include "base/header_syntax.h"
#include "base/log.h"
#include "rest/error_response.h"

namespace khs::rest {
namespace {

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

constexpr std::chrono::hours kUnlimited{24};
constexpr const char* kTooSlow = "The request took too long";

void Set(Poco::Net::HTTPResponse& response, const std::string& name, const std::string& value) {
  if (base::IsFieldName(name) && base::IsFieldValue(value)) response.set(name, value);
}

// Includes all of 127.0.0.0/8, also as IPv4-mapped IPv6 addresses.
bool IsLoopback(const Poco::Net::IPAddress& address) {
  if (address.family() == Poco::Net::IPAddress::IPv4 || !address.isIPv4Mapped()) {
    return address.isLoopback();
  }
  constexpr int kPrefix = 12;
  return Poco::Net::IPAddress(static_cast<const char*>(address.addr()) + kPrefix, 4).isLoopback();
}

}  // namespace

std::optional<Response> Service::Authorize(const Request& head) {
  const std::lock_guard lock(mutex);
  return authorizer ? authorizer(head, std::chrono::steady_clock::now()) : std::nullopt;
}

void Service::ReportResponse(const std::string& method, int status) {
  const std::lock_guard lock(mutex);
  if (on_response) on_response(method, status);
}

ServerConnection::ServerConnection(const Poco::Net::StreamSocket& connected, Service& service)
    : TCPServerConnection(connected), service_(service), caller_(CallerSocket::Of(connected)) {}

void ServerConnection::run() try {
  StartReading(limits().request_time);
  Session session(socket(), service_.params);
  while (session.hasMoreRequests()) {
    StartReading(limits().request_time);
    if (!ServeNext(session)) return;
    StartReading(limits().idle_time);
  }
} catch (const std::exception& error) {
  Log().Warn("connection closed after an error", {{"error", error.what()}});
}

bool ServerConnection::ServeNext(Session& session) {
  method_.clear();
  caller_.StartHead();
  try {
    PocoResponse response(session);
    PocoRequest request(response, session, service_.params.get());
    caller_.EndHead();
    return CheckAndServe(session, request, response);
  } catch (const Poco::Exception& error) {
    const CallerSocket::Observations& observed = caller_.observed();
    if (observed.timed_out) return observed.has_received && Reject(session, {408, kTooSlow});
    const bool is_long = observed.head_bytes > limits().request_line_bytes;
    if (const Poco::Exception* failure = session.networkException(); failure != nullptr) {
      if (observed.head_bytes > limits().head_bytes)
        return Reject(session, MakeRejection("", is_long));
      RejectPlainHttp(*failure);
      return false;
    }
    if (observed.has_ended) return false;
    return Reject(session, MakeRejection(error.message(), is_long));
  }
}

bool ServerConnection::CheckAndServe(Session& session, PocoRequest& request,
                                     PocoResponse& response) {
  const auto reject = [&](const Rejection& rejection) {
    return SendResponse(session, response, HttpError(rejection.status, rejection.reason), false);
  };
  // After a timeout Poco treats the part of the head that was received as complete.
  if (caller_.observed().timed_out) return reject({408, kTooSlow});
  if (session.networkException() != nullptr || caller_.observed().has_ended) return false;
  if (caller_.observed().HeadIsSuspicious(static_cast<size_t>(session.buffered()))) {
    return reject({400, "A bare LF, a folded line or a byte 0xFF in the head"});
  }
  auto head = CheckRequest(request, limits());
  if (!head) return reject(head.error());
  head->keep_alive = head->keep_alive && !caller_.observed().is_ambiguous;
  head->request.from_loopback = IsLoopback(request.clientAddress().host());
  method_ = head->request.method;
  const auto refused = service_.Authorize(head->request);
  // The handler does not need the credentials and must not show them.
  head->request.headers.erase("authorization");
  if (refused) {
    // An unread body hides where the next request starts.
    return SendResponse(session, response, *refused, head->keep_alive && !head->has_body());
  }
  return ServeChecked(session, *head, request, response);
}

bool ServerConnection::ServeChecked(Session& session, CheckedHead& head, PocoRequest& request,
                                    PocoResponse& response) {
  if (head.has_body()) {
    response.setVersion(Poco::Net::HTTPMessage::HTTP_1_1);
    if (head.expects_continue) response.sendContinue();
    if (const auto rejection = ReadBody(session, request, head)) {
      method_.clear();
      return rejection->status != 0 &&
             SendResponse(session, response, HttpError(rejection->status, rejection->reason),
                          false);
    }
  }
  caller_.SetPhase(Connections::Phase::kHandling, kUnlimited, head.request.body.capacity());
  return SendResponse(session, response, CallHandler(head.request), head.keep_alive);
}

// Returns a rejection with status 0 when the caller has closed the connection.
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
    caller_.SetHeldBytes(body.capacity());
  }
  if (body.size() > limits().body_bytes) {
    return Rejection{413, "The body is too large"};
  }
  if (caller_.observed().timed_out) return Rejection{408, kTooSlow};
  if (session.networkException() != nullptr || caller_.observed().has_ended) return Rejection{0};
  // At a malformed chunk size Poco ends the body without an error and leaves the line unread.
  if (head.chunked && (session.buffered() > 0 || socket().available() > 0)) {
    return Rejection{400, "The chunks are malformed, or data follows the last chunk"};
  }
  return std::nullopt;
}

Response ServerConnection::CallHandler(const Request& request) const {
  try {
    return service_.handle(request);
  } catch (const std::exception& error) {
    Log().Error("request failed", {{"path", request.path}, {"error", error.what()}});
    return HttpError(500);
  }
}

bool ServerConnection::SendResponse(Session& session, PocoResponse& out, const Response& response,
                                    bool keep_alive) {
  keep_alive = keep_alive && !service_.connections.is_closed();
  out.setVersion(Poco::Net::HTTPMessage::HTTP_1_1);
  out.setStatusAndReason(static_cast<PocoResponse::HTTPStatus>(response.status));
  out.setDate(Poco::Timestamp());
  out.set("Connection", keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) Set(out, name, value);
  const bool may_have_body =
      response.status >= 200 && response.status != 204 && response.status != 304;
  const bool has_body = may_have_body && method_ != "HEAD";
  if (may_have_body) {
    // An empty body has no type, because clients choose a parser by it.
    if (!response.body.empty()) Set(out, "Content-Type", response.content_type);
    out.setContentLength64(static_cast<Poco::Int64>(response.body.size()));
  }
  service_.ReportResponse(method_, response.status);
  caller_.SetPhase(Connections::Phase::kResponding, limits().response_time,
                   has_body ? response.body.capacity() : 0);
  std::ostream& stream = out.send();
  if (has_body) {
    stream.write(response.body.data(), static_cast<std::streamsize>(response.body.size()));
  }
  stream.flush();
  keep_alive = keep_alive && stream.good() && session.networkException() == nullptr;
  session.setKeepAlive(keep_alive);
  return keep_alive;
}

bool ServerConnection::Reject(Session& session, const Rejection& rejection) {
  PocoResponse response(session);
  return SendResponse(session, response, HttpError(rejection.status, rejection.reason), false);
}

// The TLS handshake failed, so the response is sent without TLS.
void ServerConnection::RejectPlainHttp(const Poco::Exception& error) {
  if (!socket().secure() || error.displayText().find("http request") == std::string::npos) return;
  caller_.duplicate();
  Session plain(Poco::Net::StreamSocket(&caller_), service_.params);
  (void)Reject(plain, {400, "This port speaks HTTPS"});
  (void)plain.detachSocket();  // `caller_` is closed with the session of the connection
}

}  // namespace khs::rest
