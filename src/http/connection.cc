#include "http/connection.h"

#include <Poco/Net/HTTPChunkedStream.h>
#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SecureStreamSocketImpl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <istream>
#include <limits>
#include <streambuf>
#include <string_view>
#include <system_error>
#include <utility>

#include "delivery/retry_indicator.h"
#include "http/fault.h"
#include "http/guarded_socket.h"
#include "http/response.h"
#include "http/tls_context.h"
#include "net/tls_setup.h"

namespace khs::http {
namespace {

using delivery::FaultKind;

// A body of at most this size is sent together with the head, in one packet or TLS record.
constexpr size_t kMaxJoinedBody = 16 * 1024;

// TLS on a connected socket.
class SecureSocket final : public Poco::Net::SecureStreamSocketImpl {
 public:
  SecureSocket(net::FiberSocket* socket, const TlsContext& tls)
      : SecureStreamSocketImpl(socket, tls.context()) {
    setLazyHandshake(true);  // Poco's handshake in connectSSL would not wait
    setPeerHostName(tls.server_name());
    connectSSL();
  }

  int Handshake() {
    net::ClearTlsErrors();
    return completeHandshake();
  }
  int receiveBytes(void* buffer, int length, int flags) override {
    net::ClearTlsErrors();
    return SecureStreamSocketImpl::receiveBytes(buffer, length, flags);
  }
  int sendBytes(const void* buffer, int length, int flags) override {
    net::ClearTlsErrors();
    return SecureStreamSocketImpl::sendBytes(buffer, length, flags);
  }
};

// Makes the protected constructor accessible.
class StreamSocketOf final : public Poco::Net::StreamSocket {
 public:
  explicit StreamSocketOf(Poco::Net::SocketImpl* socket) : StreamSocket(socket) {}
};

// Extracts "certificate verify failed" from "error:0A000086:SSL routines::certificate verify
// failed".
std::string ReasonOf(const Poco::Exception& problem) {
  const std::string& text = problem.message();
  return text.substr(text.rfind(':') + 1);
}

Fault ClosedEarly(const char* when) {
  return {FaultKind::kIo, std::string("closed early: the connection ended ") + when};
}

Fault TlsFault(const Poco::Net::SSLException& problem) {
  const std::string reason = ReasonOf(problem);
  if (reason.empty() || reason == "unexpected eof while reading") {
    return {FaultKind::kIo, "closed early: TLS ended without close_notify"};
  }
  return {FaultKind::kTls, "TLS: " + reason};
}

Fault SystemFault(const Poco::Exception& problem) {
  // ETIMEDOUT is TCP's own timeout for unacknowledged packets.
  const auto kind = problem.code() == ETIMEDOUT ? FaultKind::kTimeout : FaultKind::kIo;
  return {kind, problem.code() != 0 ? std::system_category().message(problem.code())
                                    : problem.displayText()};
}

Fault HandshakeFault(const Poco::Exception& problem) {
  const std::string certificate = TakeCertificateError();
  const auto* tls = dynamic_cast<const Poco::Net::SSLException*>(&problem);
  const std::string detail =
      tls != nullptr ? TlsFault(*tls).fault.detail : SystemFault(problem).fault.detail;
  return {FaultKind::kTls, "TLS handshake failed: " +
                               (certificate.empty() ? detail : "certificate: " + certificate)};
}

}  // namespace

// Poco's session on a socket that is already connected. It must not reconnect.
class Connection::Session final : public Poco::Net::HTTPClientSession {
 public:
  Session(Connection& connection, Poco::AutoPtr<GuardedSocket> socket)
      : HTTPClientSession(StreamSocketOf(socket.duplicate())),
        connection_(connection),
        guard_(std::move(socket)) {
    setProxyConfig({});  // ignores the process-wide proxy
    setKeepAlive(true);
  }

  // Receives a head, which Poco parses. Poco's own receiveResponse makes two streams for each
  // response, which cost more than the parsing.
  const Response& ReceiveHead() {
    try {
      do {
        in_.clear();
        head_.read(in_);
        input_.Release();
      } while (head_.getStatus() == Poco::Net::HTTPResponse::HTTP_CONTINUE);
      return head_;
    } catch (const Poco::Exception&) {
      if (networkException() != nullptr) networkException()->rethrow();  // in_ has swallowed it
      throw;
    }
  }
  using HTTPSession::read;

  GuardedSocket& guard() { return *guard_; }
  const GuardedSocket& guard() const { return *guard_; }
  // The bytes of the response that Poco has parsed, without those that it has only buffered.
  std::string_view parsed() const {
    std::string_view bytes = guard_->received();
    bytes.remove_suffix(static_cast<size_t>(buffered()));
    return bytes;
  }

  // Returns false when not all of it could be sent. The endpoint may have responded nevertheless.
  bool Send(const request::Request& request, const RequestFrame& frame) {
    const std::string_view body = request.Body();
    const bool joined = body.size() <= kMaxJoinedBody;
    std::string head = RenderHead(request, frame, joined ? body.size() : 0);
    if (joined) return SendBytes(head.append(body));
    return SendBytes(head) && SendBytes(body);
  }
  // Returns the error of Send, null if there was none. It explains a fault better than the receive
  // error that follows it.
  std::unique_ptr<Poco::Exception> TakeFailure() { return std::move(failure_); }

 protected:
  // Poco's implementation would reconnect and send again.
  int write(const char* bytes, std::streamsize size) override {
    return HTTPSession::write(bytes, size);
  }
  void connect(const Poco::Net::SocketAddress&) override {
    throw Poco::Net::ConnectionResetException("the connection has ended");
  }

 private:
  bool SendBytes(std::string_view bytes) {
    while (!bytes.empty()) {
      try {
        const auto part = std::min<size_t>(bytes.size(), std::numeric_limits<int>::max());
        // cppcheck-suppress invalidLifetime ; nothing keeps the bytes
        const int sent = HTTPSession::write(bytes.data(), static_cast<int>(part));
        bytes.remove_prefix(static_cast<size_t>(sent));
      } catch (const net::InputBlocksSend&) {
        if (connection_.HasUnexpectedInput()) return false;
      } catch (const Poco::Exception& problem) {
        failure_.reset(problem.clone());
        clearException();
        return false;
      }
    }
    return true;
  }

  // Shows Poco's parser of heads the bytes that the session has buffered, in place.
  class Input final : public std::streambuf {
   public:
    explicit Input(Session& session) : session_(session) {}

    // Removes what was parsed from the session's buffer.
    void Release() {
      std::array<char, 512> parsed;
      for (auto left = gptr() - eback(); left > 0;) {
        left -= session_.read(parsed.data(), std::min<std::streamsize>(left, parsed.size()));
      }
      setg(nullptr, nullptr, nullptr);
    }

   protected:
    int_type underflow() override {
      Release();
      if (session_.peek() == traits_type::eof()) return traits_type::eof();
      const std::string_view received = session_.guard_->received();
      char* const end = const_cast<char*>(received.data()) + received.size();
      setg(end - session_.buffered(), end - session_.buffered(), end);
      return traits_type::to_int_type(*gptr());
    }

   private:
    Session& session_;
  };

  Connection& connection_;
  Poco::AutoPtr<GuardedSocket> guard_;
  std::unique_ptr<Poco::Exception> failure_;
  Response head_;  // the last one
  Input input_{*this};
  std::istream in_{&input_};
};

Connection::Connection(net::Loop& loop, Poco::AutoPtr<net::FiberSocket> socket,
                       const Tunnel* tunnel, const TlsContext* tls, std::string label)
    : loop_(loop), label_(std::move(label)), opened_(loop.Now()), socket_(std::move(socket)) {
  if (tunnel != nullptr) OpenTunnel(*tunnel);
  Poco::AutoPtr<Poco::Net::StreamSocketImpl> top(socket_, true);
  try {
    if (tls != nullptr) {
      (void)TakeCertificateError();
      Poco::AutoPtr<SecureSocket> secure(new SecureSocket(socket_, *tls));
      if (secure->Handshake() != 1) throw Poco::Net::ConnectionResetException();
      tls_ = TakeLastHandshake();
      top = secure;
    }
  } catch (const Poco::Exception& problem) {
    loop_.ThrowIfInterrupted();
    throw WithLabel(HandshakeFault(problem));
  }
  session_ = std::make_unique<Session>(
      *this, Poco::AutoPtr<GuardedSocket>(new GuardedSocket(std::move(top))));
}

Connection::~Connection() = default;

void Connection::OpenTunnel(const Tunnel& tunnel) {
  const auto fail = [&](const std::string& why) -> Fault {
    return {FaultKind::kProxy, "proxy " + tunnel.proxy + ": no tunnel to " + label_ + ": " + why};
  };
  session_ = std::make_unique<Session>(
      *this, Poco::AutoPtr<GuardedSocket>(
                 new GuardedSocket(Poco::AutoPtr<Poco::Net::StreamSocketImpl>(socket_, true))));
  session_->guard().StartResponse();
  int status = 0;
  try {
    Poco::Net::HTTPRequest request("CONNECT", tunnel.authority, Poco::Net::HTTPMessage::HTTP_1_1);
    request.set(Poco::Net::HTTPRequest::HOST, tunnel.authority);
    if (!tunnel.credentials.empty()) {
      request.set(Poco::Net::HTTPRequest::PROXY_AUTHORIZATION, tunnel.credentials);
    }
    session_->sendRequest(request);
    session_->flushRequest();
    status = session_->ReceiveHead().getStatus();
  } catch (const Poco::Exception& problem) {
    loop_.ThrowIfInterrupted();
    throw fail(ToFault(problem).fault.detail);
  }
  if (status / 100 != 2) throw fail("status " + std::to_string(status));
  if (session_->parsed() != session_->guard().received())
    throw fail("it sent bytes after the head of its response");
  (void)session_->detachSocket();  // keeps it open
  session_.reset();
}

bool Connection::received_bytes() const { return !session_->guard().received().empty(); }

Connection::ExchangeResult Connection::Exchange(const request::Request& request,
                                                const RequestFrame& frame) {
  session_->guard().StartResponse();
  try {
    const bool sent = session_->Send(request, frame);
    ExchangeResult result = ReceiveResponse();
    result.reusable = result.reusable && sent;
    return result;
  } catch (const Poco::Exception& problem) {
    loop_.ThrowIfInterrupted();  // Poco may have replaced Interrupted by its own exception
    if (const auto failure = session_->TakeFailure()) throw WithLabel(ToFault(*failure));
    throw WithLabel(ToFault(problem));
  }
}

Connection::ExchangeResult Connection::ReceiveResponse() {
  GuardedSocket& guard = session_->guard();
  const Response& head = session_->ReceiveHead();
  guard.StartBody();
  std::string body;
  const bool whole = ReadBody(head, body);
  bool reusable =
      whole && head.keeps_alive() && !guard.ended() && session_->parsed() == guard.received();
  if (whole && head.body() == Response::Body::kSized && body.size() < head.size()) {
    throw WithLabel(ClosedEarly("within the response's body"));
  }
  if (whole && head.body() == Response::Body::kChunked) {
    if (guard.ended()) throw WithLabel(ClosedEarly("within the response's body"));
    const ChunksEnd end = ParseChunksEnd(session_->parsed());
    if (end == ChunksEnd::kMalformed) {
      throw Poco::Net::MessageException("a chunk's size is malformed");
    }
    reusable = reusable && end == ChunksEnd::kWhole;
  }
  return {{static_cast<int>(head.getStatus()), head.retry_after(), std::move(body)},
          reusable,
          head.idle_timeout()};
}

// Returns false, with the rest unread, when the body is larger than a retry indicator may be.
bool Connection::ReadBody(const Response& head, std::string& body) {
  if (head.body() == Response::Body::kNone) return true;
  if (head.body() == Response::Body::kChunked) return ReadChunks(body);
  const bool sized = head.body() == Response::Body::kSized;
  const uint64_t size = sized ? head.size() : std::numeric_limits<uint64_t>::max();
  std::array<char, 4 * 1024> part;
  while (body.size() < size) {
    const auto wanted = static_cast<int>(std::min<uint64_t>(size - body.size(), part.size()));
    const int count = session_->read(part.data(), wanted);
    if (count <= 0) break;
    body.append(part.data(), static_cast<size_t>(count));
    if (body.size() > delivery::kMaxIndicatorBody) return false;
  }
  return true;
}

bool Connection::ReadChunks(std::string& body) {
  Poco::Net::HTTPChunkedInputStream in(*session_);
  std::array<char, 4 * 1024> part;
  do {
    in.read(part.data(), part.size());
    body.append(part.data(), static_cast<size_t>(in.gcount()));
    if (body.size() > delivery::kMaxIndicatorBody) return false;
  } while (in);
  if (in.bad()) loop_.ThrowIfInterrupted();  // the stream swallowed its exception
  if (session_->networkException() != nullptr) session_->networkException()->rethrow();
  return true;
}

Fault Connection::ToFault(const Poco::Exception& problem) const {
  if (const auto* tls = dynamic_cast<const Poco::Net::SSLException*>(&problem)) {
    return TlsFault(*tls);
  }
  const GuardedSocket& guard = session_->guard();
  if (guard.ended()) {
    return ClosedEarly(guard.received().empty() ? "before the response"
                                                : "within the response's head");
  }
  if (dynamic_cast<const Poco::Net::MessageException*>(&problem) != nullptr) {
    return {FaultKind::kIo, "not an HTTP response: " + problem.message()};
  }
  if (dynamic_cast<const Poco::DataException*>(&problem) != nullptr) {
    return {FaultKind::kIo, "not an HTTP response: its head is malformed"};
  }
  return SystemFault(problem);
}

Fault Connection::WithLabel(Fault fault) const {
  fault.fault.detail.insert(0, label_ + ": ");
  return fault;
}

bool Connection::HasUnexpectedInput() {
  const bool has_input = socket_->HasInput();
  if (tls_ == nullptr || (!has_input && SSL_has_pending(tls_) == 0)) return has_input;
  net::ClearTlsErrors();
  char next = 0;
  size_t bytes = 0;
  const int result = SSL_peek_ex(tls_, &next, 1, &bytes);
  // An incomplete record counts, because it may turn out to be anything.
  const bool tls_has_input = result == 1 || SSL_get_error(tls_, result) != SSL_ERROR_WANT_READ ||
                             SSL_has_pending(tls_) != 0;
  ERR_clear_error();
  return tls_has_input || socket_->HasInput();
}

}  // namespace khs::http
