#include "rest/caller_socket.h"

#include <Poco/Exception.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace khs::rest {
namespace {

using Phase = Connections::Phase;
using std::chrono::steady_clock;

// OpenSSL and Poco derive the result of an operation from errno and the thread's error queue and do
// not clear them first, so errors of another connection would count for this one.
void ClearErrors() {
  errno = 0;
  ERR_clear_error();
}

}  // namespace

CallerSocket::CallerSocket(base::UniqueFd socket, Connections& connections)
    : StreamSocketImpl(socket.get()),
      connections_(connections),
      entry_(connections.Add(socket.Release())) {}

CallerSocket& CallerSocket::Of(const Poco::Net::StreamSocket& socket) {
  auto* const secure = dynamic_cast<SecureCallerSocket*>(socket.impl());
  return secure != nullptr ? secure->plain() : dynamic_cast<CallerSocket&>(*socket.impl());
}

void CallerSocket::SetPhase(Phase phase, std::chrono::milliseconds timeout, size_t held_bytes) {
  phase_ = phase;
  deadline_ = steady_clock::now() + timeout;
  connections_.SetPhase(entry_, phase, held_bytes);
}

void CallerSocket::StartHead() {
  in_head_ = true;
  observed_.head_bytes = 0;
  observed_.first_suspicious = Observations().first_suspicious;
}

// Looks at single bytes and pairs of bytes only. Bytes that are received together with the end of
// the head may belong to the body or the next head; HeadIsSuspicious ignores those.
void CallerSocket::Inspect(std::string_view bytes) {
  (bytes.empty() ? observed_.has_ended : observed_.has_received) = true;
  if (!in_head_) return;
  for (const char byte : bytes) {
    const char last = std::exchange(observed_.last_byte, byte);
    const bool is_suspicious = byte == '\xff' || (byte == '\n' && last != '\r') ||
                               ((byte == ' ' || byte == '\t') && last == '\n');
    if (is_suspicious)
      observed_.first_suspicious = std::min(observed_.first_suspicious, observed_.head_bytes);
    // Poco 1.11 decodes RFC 2047 words, which start with "=?", even in Content-Length.
    const bool is_encoded = byte == '?' && last == '=';
    observed_.is_ambiguous = observed_.is_ambiguous || is_suspicious || is_encoded;
    ++observed_.head_bytes;
  }
  if (observed_.head_bytes > connections_.limits().head_bytes) {
    throw Poco::IOException("the head is too large");
  }
}

bool CallerSocket::WaitFor(short events) {
  while (!entry_->is_evicted) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - steady_clock::now());
    observed_.timed_out = left.count() <= 0;
    if (observed_.timed_out) return false;
    pollfd polled{sockfd(), events, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(left.count()));
    errno = 0;
    if (ready > 0) return !entry_->is_evicted;
  }
  return false;
}

bool CallerSocket::poll(const Poco::Timespan&, int mode) {
  return WaitFor((mode & SELECT_WRITE) != 0 ? POLLOUT : POLLIN);
}

int CallerSocket::receiveBytes(void* buffer, int length, int) {
  for (;;) {
    if (!WaitFor(POLLIN)) throw Poco::TimeoutException();
    const ssize_t count = ::recv(sockfd(), buffer, static_cast<size_t>(length), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count < 0) error();
    Inspect({static_cast<const char*>(buffer), static_cast<size_t>(count)});
    return static_cast<int>(count);
  }
}

int CallerSocket::sendBytes(const void* buffer, int length, int) {
  std::string_view left(static_cast<const char*>(buffer), static_cast<size_t>(length));
  while (!left.empty()) {
    if (!WaitFor(POLLOUT)) throw Poco::TimeoutException();
    const ssize_t count = ::send(sockfd(), left.data(), left.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) error();
    if (count > 0) left.remove_prefix(static_cast<size_t>(count));
  }
  return length;
}

void CallerSocket::shutdown() { (void)::shutdown(sockfd(), SHUT_WR); }

// Discards what the caller still sends after the response, until the caller closes the connection.
// Bytes that arrive at a closed socket cause a reset, which may destroy the response.
void CallerSocket::close() {
  if (!initialized()) return;
  if (phase_ == Phase::kResponding && !observed_.timed_out) {
    shutdown();
    SetPhase(Phase::kResponding, connections_.limits().linger_time);
    std::array<char, 4096> ignored;
    while (WaitFor(POLLIN) && ::recv(sockfd(), ignored.data(), ignored.size(), 0) > 0) {
    }
  }
  connections_.Remove(entry_);
  StreamSocketImpl::close();
}

SecureCallerSocket::SecureCallerSocket(CallerSocket* plain, Poco::Net::Context::Ptr context)
    : SecureStreamSocketImpl(plain, std::move(context)), plain_(plain) {
  acceptSSL();
}

// Bytes that OpenSSL has already decrypted do not make the descriptor readable.
bool SecureCallerSocket::poll(const Poco::Timespan& timeout, int mode) {
  return ((mode & SELECT_READ) != 0 && available() > 0) || plain_->poll(timeout, mode);
}

int SecureCallerSocket::receiveBytes(void* buffer, int length, int flags) {
  ClearErrors();
  const int count = SecureStreamSocketImpl::receiveBytes(buffer, length, flags);
  plain_->Inspect({static_cast<const char*>(buffer), static_cast<size_t>(std::max(count, 0))});
  return count;
}

int SecureCallerSocket::sendBytes(const void* buffer, int length, int flags) {
  ClearErrors();
  return SecureStreamSocketImpl::sendBytes(buffer, length, flags);
}

}  // namespace khs::rest
