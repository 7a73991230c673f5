#include "rest/channel.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <new>
#include <utility>

namespace khs::rest {
namespace {

Channel::Moved Receive(int descriptor, char* buffer, size_t size) {
  using enum Channel::Outcome;
  for (;;) {
    const ssize_t count = ::recv(descriptor, buffer, size, 0);
    if (count > 0) return {kMoved, static_cast<size_t>(count)};
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {kNeedsRead};
    return {kEnded};
  }
}

// OpenSSL judges an operation by errno and by the thread's errors, and empties neither before: what
// another connection left there would be taken for this one's.
void ForgetErrors() {
  errno = 0;
  ERR_clear_error();
}

}  // namespace

void Channel::SslDeleter::operator()(SSL* ssl) const { SSL_free(ssl); }

Channel::Channel(base::UniqueFd socket, SSL_CTX* tls) : socket_(std::move(socket)) {
  if (tls == nullptr) return;
  tls_.reset(SSL_new(tls));
  if (!tls_ || SSL_set_fd(tls_.get(), socket_.get()) != 1) throw std::bad_alloc();
  SSL_set_accept_state(tls_.get());
}

Channel::~Channel() { SayGoodbye(); }

void Channel::SayGoodbye() {
  if (!tls_ || is_broken_ || SSL_is_init_finished(tls_.get()) == 0) return;
  ForgetErrors();
  (void)SSL_shutdown(tls_.get());  // does not wait for the caller's
  is_broken_ = true;
}

Channel::Moved Channel::Read(char* buffer, size_t size) {
  if (!tls_) return Receive(socket_.get(), buffer, size);
  if (is_broken_) return {Outcome::kEnded};
  ForgetErrors();
  size_t bytes = 0;
  const int result = SSL_read_ex(tls_.get(), buffer, size, &bytes);
  return TlsMoved(result, bytes);
}

Channel::Moved Channel::Write(std::string_view bytes) {
  if (tls_) {
    if (is_broken_) return {Outcome::kEnded};
    ForgetErrors();
    size_t written = 0;
    const int result = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &written);
    return TlsMoved(result, written);
  }
  for (;;) {
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) return {Outcome::kMoved, static_cast<size_t>(count)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {Outcome::kNeedsWrite};
    return {Outcome::kEnded};
  }
}

Channel::Moved Channel::TlsMoved(int result, size_t bytes) {
  if (result == 1) return {Outcome::kMoved, bytes};
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Outcome::kNeedsRead};
    case SSL_ERROR_WANT_WRITE:
      return {Outcome::kNeedsWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {Outcome::kEnded};
    case SSL_ERROR_SSL:
      if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) {
        tls_.reset();
        return {Outcome::kPlainHttp};
      }
      [[fallthrough]];
    default:
      is_broken_ = true;
      return {Outcome::kEnded};
  }
}

void Channel::Finish() {
  SayGoodbye();
  (void)::shutdown(socket_.get(), SHUT_WR);
}

Channel::Moved Channel::Discard() {
  std::array<char, 16 * 1024> ignored;
  return Receive(socket_.get(), ignored.data(), ignored.size());
}

}  // namespace khs::rest
