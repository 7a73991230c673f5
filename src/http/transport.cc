#include "http/transport.h"

#include <Poco/Net/Context.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>
#include <string>
#include <system_error>

namespace khs::http {
namespace {

using delivery::FaultKind;
using delivery::RequestFault;

RequestFault SystemFault(int error) {
  // The system's own timeout: packets that nobody acknowledged.
  const auto kind = error == ETIMEDOUT ? FaultKind::kTimeout : FaultKind::kIo;
  return {kind, std::system_category().message(error)};
}

RequestFault TlsEndedEarly() {
  return {FaultKind::kIo, "closed early: TLS ended without a goodbye"};
}

RequestFault TlsFault() {
  const unsigned long error = ERR_peek_last_error();
  if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return TlsEndedEarly();
  const char* reason = ERR_reason_error_string(error);
  return {FaultKind::kTls,
          std::string("TLS: ") + (reason != nullptr ? reason : "the connection failed")};
}

// OpenSSL judges an operation by errno and by the thread's errors, and empties neither before: what
// another connection left there would be taken for this one's.
void ForgetErrors() {
  errno = 0;
  ERR_clear_error();
}

}  // namespace

void Transport::SslDeleter::operator()(SSL* ssl) const { SSL_free(ssl); }

Transport::Transport(UniqueFd socket, const TlsContext* tls) : socket_(std::move(socket)) {
  if (tls == nullptr) return;
  tls_.reset(SSL_new(tls->context().sslContext()));
  if (!tls_ || SSL_set_fd(tls_.get(), socket_.get()) != 1) throw std::bad_alloc();
  SSL_set_connect_state(tls_.get());
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_RELEASE_BUFFERS);
  const std::string& name = tls->server_name();
  if (!name.empty()) (void)SSL_set_tlsext_host_name(tls_.get(), name.c_str());
}

Transport::~Transport() {
  if (!may_say_goodbye_) return;
  ForgetErrors();
  (void)SSL_shutdown(tls_.get());  // does not wait for the peer's
}

Transport::Result<Wants> Transport::Handshake() {
  ForgetErrors();
  (void)TakeCertificateProblem();
  const auto moved = TlsMoved(SSL_do_handshake(tls_.get()), 0);
  if (moved && !moved->ended) {
    may_say_goodbye_ = moved->wants == Wants::kNothing;
    return moved->wants;
  }
  const std::string problem = TakeCertificateProblem();
  const std::string detail = moved ? TlsEndedEarly().detail : moved.error().detail;
  return base::Unexpected<RequestFault>(RequestFault{
      FaultKind::kTls,
      "TLS handshake failed: " + (problem.empty() ? detail : "certificate: " + problem)});
}

Transport::Result<Transport::Moved> Transport::Read(char* buffer, size_t size) {
  if (tls_) {
    ForgetErrors();
    size_t bytes = 0;
    const int result = SSL_read_ex(tls_.get(), buffer, size, &bytes);
    return TlsMoved(result, bytes);
  }
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), buffer, size, 0);
    if (count > 0) return Moved{static_cast<size_t>(count), Wants::kNothing, false};
    if (count == 0) return Moved{0, Wants::kNothing, true};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Moved{0, Wants::kRead, false};
    if (errno != EINTR) return base::Unexpected<RequestFault>(SystemFault(errno));
  }
}

Transport::Result<Transport::Moved> Transport::Write(std::string_view bytes) {
  if (tls_) {
    ForgetErrors();
    size_t written = 0;
    const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &written);
    return TlsMoved(result, written);
  }
  for (;;) {
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return Moved{static_cast<size_t>(count), Wants::kNothing, false};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Moved{0, Wants::kWrite, false};
    if (errno != EINTR) return base::Unexpected<RequestFault>(SystemFault(errno));
  }
}

bool Transport::Quiet() {
  char next = 0;
  if (tls_) {
    ForgetErrors();
    size_t bytes = 0;
    const int result = SSL_peek_ex(tls_.get(), &next, 1, &bytes);
    const auto moved = TlsMoved(result, bytes);
    // A part of a record may become anything.
    return moved && moved->wants == Wants::kRead && SSL_has_pending(tls_.get()) == 0;
  }
  ssize_t count = -1;
  do {
    count = ::recv(socket_.get(), &next, 1, MSG_PEEK);
  } while (count < 0 && errno == EINTR);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

Transport::Result<Transport::Moved> Transport::TlsMoved(int result, size_t bytes) {
  if (result == 1) return Moved{bytes, Wants::kNothing, false};
  const int error = errno;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Moved{0, Wants::kRead, false};
    case SSL_ERROR_WANT_WRITE:
      return Moved{0, Wants::kWrite, false};
    case SSL_ERROR_ZERO_RETURN:
      return Moved{0, Wants::kNothing, true};
    case SSL_ERROR_SYSCALL:
      may_say_goodbye_ = false;
      return base::Unexpected<RequestFault>(error != 0 ? SystemFault(error) : TlsEndedEarly());
    default:
      may_say_goodbye_ = false;
      return base::Unexpected<RequestFault>(TlsFault());
  }
}

}  // namespace khs::http
