#include "http/connection.h"

#include <Poco/AutoPtr.h>
#include <Poco/Exception.h>
#include <Poco/Net/HTTPHeaderStream.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Net/HTTPSession.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/SSLException.h>
#include <Poco/Net/SecureStreamSocketImpl.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/String.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "delivery/retry_indicator.h"
#include "http/response_framing.h"

namespace khs::http {
namespace {

using delivery::FaultKind;
using delivery::RequestFault;
using Poco::Net::HTTPResponse;

// Heads and trailers; Poco bounds the number of fields (100) and the length of each as well.
constexpr size_t kMaxHeadBytes = 64 * 1024;
constexpr size_t kMaxChunkLine = 4 * 1024;
// Up to this, head and body are copied together to leave in one packet or TLS record.
constexpr size_t kMaxJoinedBody = 16 * 1024;

// The connection ended before the answer did.
struct CutShort : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The bytes are not an HTTP answer that can be understood.
struct NotHttp : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// What a socket received, which Poco's HTTP classes don't tell: they take the connection's end for
// the answer's, and bound no head in bytes.
class Receipts {
 public:
  void Allow(size_t bytes) { allowed_ = bytes; }
  bool ended() const { return ended_; }

 protected:
  ~Receipts() = default;

  int Note(int received) {
    if (received <= 0) {
      ended_ = true;
      return 0;
    }
    if (static_cast<size_t>(received) > allowed_) throw NotHttp("its head is too large");
    allowed_ -= static_cast<size_t>(received);
    return received;
  }

 private:
  size_t allowed_ = 0;
  bool ended_ = false;
};

class PlainSocket final : public Poco::Net::StreamSocketImpl, public Receipts {
 public:
  explicit PlainSocket(int descriptor) : StreamSocketImpl(descriptor) {}

  int sendBytes(const void* buffer, int length, int flags) override {
    return StreamSocketImpl::sendBytes(buffer, length, flags | MSG_NOSIGNAL);
  }
  int receiveBytes(void* buffer, int length, int flags) override {
    return Note(StreamSocketImpl::receiveBytes(buffer, length, flags));
  }

 private:
  ~PlainSocket() override = default;
};

// Poco judges an operation by errno and by the thread's OpenSSL errors, and empties neither before:
// what another connection left there would be taken for this one's.
void ForgetErrors() {
  errno = 0;
  ERR_clear_error();
}

class TlsSocket final : public Poco::Net::SecureStreamSocketImpl, public Receipts {
 public:
  TlsSocket(StreamSocketImpl* socket, const TlsContext& tls)
      : SecureStreamSocketImpl(socket, Poco::Net::Context::Ptr(&tls.context(), true)) {
    // Without a name Poco sends no SNI, which is right for an address.
    setPeerHostName(tls.server_name());
  }

  void Handshake() {
    ForgetErrors();
    connectSSL();
  }
  int sendBytes(const void* buffer, int length, int flags) override {
    ForgetErrors();
    return SecureStreamSocketImpl::sendBytes(buffer, length, flags);
  }
  int receiveBytes(void* buffer, int length, int flags) override {
    ForgetErrors();
    return Note(SecureStreamSocketImpl::receiveBytes(buffer, length, flags));
  }

 private:
  ~TlsSocket() override = default;
};

// Poco's buffered reading and its parser of heads; where a body ends is decided and checked here.
class Session final : public Poco::Net::HTTPSession {
 public:
  Session(const Poco::Net::StreamSocket& socket, Receipts& receipts)
      : HTTPSession(socket), receipts_(receipts) {}

  // Sending failed, and reading goes on nevertheless.
  void ForgetFailure() { clearException(); }

  void Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const int sent = write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      if (sent <= 0) throw CutShort("the connection takes no more bytes");
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  Response ReadResponse() {
    receipts_.Allow(kMaxHeadBytes);
    HTTPResponse head;
    ReadHead(head);
    while (head.getStatus() < 200) {  // interim answers
      if (head.getStatus() == HTTPResponse::HTTP_SWITCHING_PROTOCOLS) {
        throw NotHttp("it switched protocols unasked");
      }
      ReadHead(head);
    }
    receipts_.Allow(std::numeric_limits<size_t>::max());
    const Framing framing = FramingOf(head);
    Response response;
    response.status = head.getStatus();
    if (head.has("Retry-After")) response.retry_after = head.get("Retry-After");
    response.delimited = framing.body != Framing::Body::kUntilClose;
    const bool whole = ReadBody(framing, response.body);
    if (!whole) response.body.clear();
    response.reusable = whole && framing.keeps_alive && !receipts_.ended() && buffered() == 0 &&
                        (!socket().secure() || socket().available() == 0);
    return response;
  }

 private:
  void ReadHead(HTTPResponse& head) {
    head.clear();
    Poco::Net::HTTPHeaderInputStream stream(*this);
    try {
      head.read(stream);
    } catch (const Poco::Exception&) {
      // The stream swallows what the socket threw; the session kept a copy.
      if (networkException() != nullptr) networkException()->rethrow();
      if (receipts_.ended()) throw CutShort("it ended before the answer");
      throw NotHttp("its head is malformed");
    }
    if (receipts_.ended()) throw CutShort("it ended within the answer's head");
    const std::string& version = head.getVersion();
    if (version.rfind("HTTP/1.", 0) != 0 || head.getStatus() < 100) {
      throw NotHttp("its status line is malformed");
    }
  }

  static Framing FramingOf(const HTTPResponse& head) {
    FramingHeaders headers;
    headers.status = head.getStatus();
    headers.http_1_1 = head.getVersion() != HTTPResponse::HTTP_1_0;
    const auto collect = [&head](const std::string& name, std::vector<std::string_view>& values) {
      for (auto it = head.find(name); it != head.end(); ++it) {
        if (Poco::icompare(it->first, name) == 0) values.emplace_back(it->second);
      }
    };
    collect(HTTPResponse::CONTENT_LENGTH, headers.content_length);
    collect(HTTPResponse::TRANSFER_ENCODING, headers.transfer_encoding);
    collect(HTTPResponse::CONNECTION, headers.connection);
    auto framing = DecideFraming(headers);
    if (!framing) throw NotHttp(framing.error());
    return *framing;
  }

  // False when the body is larger than what is judged; the rest is then left unread.
  bool ReadBody(const Framing& framing, std::string& body) {
    switch (framing.body) {
      case Framing::Body::kNone:
        return true;
      case Framing::Body::kSized:
        if (framing.size > delivery::kMaxIndicatorBody) return false;
        ReadExactly(framing.size, body);
        return true;
      case Framing::Body::kChunked:
        return ReadChunks(body);
      case Framing::Body::kUntilClose:
        return ReadUntilClose(body);
    }
    return true;
  }

  void ReadExactly(uint64_t size, std::string& body) {
    const size_t start = body.size();
    body.resize(start + size);
    for (size_t at = start; at < body.size();) {
      const int count = read(body.data() + at, static_cast<std::streamsize>(body.size() - at));
      if (count <= 0) throw CutShort("it ended within the answer's body");
      at += static_cast<size_t>(count);
    }
  }

  bool ReadUntilClose(std::string& body) {
    char buffer[4096];
    for (;;) {
      const int count = read(buffer, sizeof buffer);
      if (count <= 0) return true;
      body.append(buffer, static_cast<size_t>(count));
      if (body.size() > delivery::kMaxIndicatorBody) return false;
    }
  }

  bool ReadChunks(std::string& body) {
    for (;;) {
      const auto size = ParseChunkSize(ReadLine());
      if (!size) throw NotHttp("a chunk's size is malformed");
      if (*size == 0) break;
      if (*size > delivery::kMaxIndicatorBody - body.size()) return false;
      ReadExactly(*size, body);
      if (!ReadLine().empty()) throw NotHttp("a chunk is longer than its size");
    }
    receipts_.Allow(kMaxHeadBytes);
    while (!ReadLine().empty()) {  // trailers
    }
    return true;
  }

  // Without its end.
  std::string ReadLine() {
    std::string line;
    for (int c = get(); c != '\n'; c = get()) {
      if (c < 0 && receipts_.ended()) throw CutShort("it ended within the answer's body");
      line += static_cast<char>(c);
      if (line.size() > kMaxChunkLine) throw NotHttp("a chunk's line is too long");
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }

  Receipts& receipts_;
};

RequestFault FaultOf(const Poco::Exception& problem) {
  const auto* ssl = dynamic_cast<const Poco::Net::SSLException*>(&problem);
  if (ssl != nullptr) {
    const std::string text = ssl->displayText();
    const bool ended =
        dynamic_cast<const Poco::Net::SSLConnectionUnexpectedlyClosedException*>(ssl) != nullptr ||
        text.find("unexpected eof") != std::string::npos;
    if (ended) return {FaultKind::kIo, "closed early: TLS ended without a goodbye"};
    return {FaultKind::kTls, "TLS: " + text};
  }
  // The system's own timeout: packets that nobody acknowledged.
  const bool timeout = dynamic_cast<const Poco::TimeoutException*>(&problem) != nullptr;
  return {
      timeout ? FaultKind::kTimeout : FaultKind::kIo,
      problem.code() != 0 ? std::system_category().message(problem.code()) : problem.displayText()};
}

// Runs what reads and writes, and makes every way in which it fails a fault.
template <class Action>
auto Guarded(Action action) -> base::Expected<decltype(action()), RequestFault> {
  using Failure = base::Unexpected<RequestFault>;
  try {
    return action();
  } catch (const CutShort& problem) {
    return Failure(RequestFault{FaultKind::kIo, std::string("closed early: ") + problem.what()});
  } catch (const NotHttp& problem) {
    return Failure(
        RequestFault{FaultKind::kIo, std::string("not an HTTP answer: ") + problem.what()});
  } catch (const Poco::Exception& problem) {
    return Failure(FaultOf(problem));
  }
}

}  // namespace

struct Connection::Parts {
  int descriptor = -1;
  TlsSocket* tls = nullptr;  // owned by the session
  Receipts* receipts = nullptr;
  std::unique_ptr<Session> session;
};

Connection::Connection(UniqueFd socket, const TlsContext* tls) : parts_(std::make_unique<Parts>()) {
  parts_->descriptor = socket.get();
  Poco::AutoPtr<PlainSocket> plain(new PlainSocket(socket.get()));
  (void)socket.Release();
  if (tls == nullptr) {
    parts_->receipts = plain.get();
    parts_->session =
        std::make_unique<Session>(Poco::Net::StreamSocket(plain.duplicate()), *parts_->receipts);
    return;
  }
  Poco::AutoPtr<TlsSocket> secure(new TlsSocket(plain.get(), *tls));
  parts_->tls = secure.get();
  parts_->receipts = secure.get();
  parts_->session =
      std::make_unique<Session>(Poco::Net::StreamSocket(secure.duplicate()), *parts_->receipts);
}

Connection::~Connection() {
  // TLS says goodbye when it closes, which must not wait for a peer that does not read.
  const int flags = ::fcntl(parts_->descriptor, F_GETFL);
  if (flags >= 0) (void)::fcntl(parts_->descriptor, F_SETFL, flags | O_NONBLOCK);
}

int Connection::descriptor() const { return parts_->descriptor; }

base::Expected<void, RequestFault> Connection::Handshake() {
  (void)TakeCertificateProblem();
  const auto done = Guarded([this] {
    parts_->tls->Handshake();
    return true;
  });
  if (done) return {};
  const std::string problem = TakeCertificateProblem();
  const std::string& detail = done.error().detail;
  return base::Unexpected<RequestFault>(RequestFault{
      FaultKind::kTls,
      "TLS handshake failed: " + (problem.empty() ? detail : "certificate: " + problem)});
}

base::Expected<Response, RequestFault> Connection::Exchange(std::string head,
                                                            std::string_view body) {
  Session& session = *parts_->session;
  const auto sent = Guarded([&] {
    if (body.size() <= kMaxJoinedBody) {
      head.append(body);
      session.Send(head);
    } else {
      session.Send(head);
      session.Send(body);
    }
    return true;
  });
  if (sent) return Guarded([&] { return session.ReadResponse(); });
  // An endpoint may answer and close without reading all of the request, as for one that is too
  // large.
  session.ForgetFailure();
  auto early = Guarded([&] { return session.ReadResponse(); });
  if (!early) return base::Unexpected<RequestFault>(sent.error());
  early->reusable = false;
  return early;
}

bool Connection::Quiet() const {
  pollfd polled{parts_->descriptor, POLLIN, 0};
  return ::poll(&polled, 1, 0) == 0;
}

}  // namespace khs::http
