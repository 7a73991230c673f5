#include "net/fiber_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "net/tls_setup.h"

namespace khs::net {
namespace {

// When nobody listens on a local port, a connect to it may by chance get that port as its own, and
// TCP then connects the socket to itself.
bool ConnectedToItself(int descriptor) {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_length = sizeof own;
  socklen_t peer_length = sizeof peer;
  return ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &own_length) == 0 &&
         ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &peer_length) == 0 &&
         own_length == peer_length && std::memcmp(&own, &peer, own_length) == 0;
}

}  // namespace

FiberSocket::FiberSocket(Loop& loop, base::UniqueFd socket)
    : StreamSocketImpl(socket.get()), loop_(loop) {
  (void)socket.Release();  // the base class closes it
}

int FiberSocket::StartConnect(const Poco::Net::SocketAddress& address) {
  const int result = ::connect(sockfd(), address.addr(), address.length());
  if (result != 0 && errno != EINPROGRESS) return errno;
  // Not earlier: epoll reports EPOLLHUP for a socket that never started to connect.
  loop_.RegisterSocket(sockfd(), readiness_);
  readiness_.wanted = Readiness::kWrite;
  return 0;
}

int FiberSocket::FinishConnect() {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(sockfd(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0 && ConnectedToItself(sockfd())) error = ECONNREFUSED;
  if (error != 0) return error;
  const int on = 1;
  // The connection also works without these options, so their failure is ignored.
  (void)::setsockopt(sockfd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(sockfd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  return 0;
}

void FiberSocket::connect(const Poco::Net::SocketAddress& address) {
  int problem = StartConnect(address);
  if (problem == 0) {
    WaitFor(Readiness::kWrite);
    problem = FinishConnect();
  }
  if (problem != 0) error(problem, address.toString());
}

void FiberSocket::WaitFor(uint8_t directions) {
  readiness_.wanted = directions;
  Readiness* const self = &readiness_;
  (void)loop_.WaitForSockets({&self, 1});
}

// Returns false when the socket has become readable only.
bool FiberSocket::WaitForWrite() {
  readiness_.Clear(Readiness::kWrite);
  WaitFor(Readiness::kRead | Readiness::kWrite);
  return (readiness_.possible & Readiness::kWrite) != 0;
}

int FiberSocket::sendBytes(const void* buffer, int length, int) {
  const char* const bytes = static_cast<const char*>(buffer);
  for (int sent = 0; sent < length;) {
    const ssize_t count =
        ::send(sockfd(), bytes + sent, static_cast<size_t>(length - sent), MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<int>(count);
    } else if (errno == EAGAIN) {
      if (!WaitForWrite() && HasInput()) throw InputBlocksSend();
    } else if (errno != EINTR) {
      error(errno);
    }
  }
  return length;
}

int FiberSocket::receiveBytes(void* buffer, int length, int flags) {
  for (;;) {
    WaitFor(Readiness::kRead);
    const ssize_t count = ::recv(sockfd(), buffer, static_cast<size_t>(length), flags);
    // A short read emptied the buffer, so the next wait need not try recv first.
    if ((count > 0 && count < length && !readiness_.ended) || (count < 0 && errno == EAGAIN)) {
      readiness_.Clear(Readiness::kRead);
    }
    if (count >= 0) return static_cast<int>(count);
    if (errno != EAGAIN && errno != EINTR) error(errno);
  }
}

// Only SecureStreamSocketImpl calls this, after an operation would have blocked.
bool FiberSocket::poll(const Poco::Timespan&, int mode) {
  if ((mode & SELECT_WRITE) != 0) {
    if (!WaitForWrite()) throw InputBlocksSend();
  } else {
    readiness_.Clear(Readiness::kRead);
    WaitFor(Readiness::kRead);
  }
  ClearTlsErrors();  // of the fibers that ran meanwhile
  return true;
}

bool FiberSocket::HasInput() {
  char next = 0;
  ssize_t count = -1;
  do {
    count = ::recv(sockfd(), &next, 1, MSG_PEEK);
  } while (count < 0 && errno == EINTR);
  const bool has_input = count >= 0 || errno != EAGAIN;
  if (!has_input) readiness_.Clear(Readiness::kRead);
  readiness_.unexpected_input = false;
  return has_input;
}

}  // namespace khs::net
