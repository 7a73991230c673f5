#include "net/fiber_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace khs::net {
namespace {

// A connect to a local port that nobody listens on may by chance get that very port as its own, and
// then TCP connects the socket with itself.
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
  (void)socket.Release();  // the base class closes it from here on
}

int FiberSocket::BeginConnect(const Poco::Net::SocketAddress& address) {
  const int result = ::connect(sockfd(), address.addr(), address.length());
  if (result != 0 && errno != EINPROGRESS) return errno;
  // Watched from here on: epoll takes a socket that was never connected for one that has ended.
  loop_.Watch(sockfd(), readiness_);
  readiness_.wanted = Readiness::kWrite;
  return 0;
}

int FiberSocket::Connected() {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(sockfd(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0 && ConnectedToItself(sockfd())) error = ECONNREFUSED;
  if (error != 0) return error;
  const int on = 1;
  // Without these the connection is slower, or a dead peer is noticed later: no reason to fail.
  (void)::setsockopt(sockfd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(sockfd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  return 0;
}

void FiberSocket::connect(const Poco::Net::SocketAddress& address) {
  int problem = BeginConnect(address);
  if (problem == 0) {
    Readiness* const self = &readiness_;
    (void)loop_.Wait({&self, 1});
    problem = Connected();
  }
  if (problem != 0) error(problem, address.toString());
}

void FiberSocket::AwaitRead() {
  readiness_.wanted = Readiness::kRead;
  Readiness* const self = &readiness_;
  (void)loop_.Wait({&self, 1});
}

// False when only reading has become possible.
bool FiberSocket::AwaitWrite() {
  readiness_.possible &= static_cast<uint8_t>(~Readiness::kWrite);
  readiness_.wanted = Readiness::kRead | Readiness::kWrite;
  Readiness* const self = &readiness_;
  (void)loop_.Wait({&self, 1});
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
      if (!AwaitWrite() && !Quiet()) throw PeerSpoke();
    } else if (errno != EINTR) {
      error(errno);
    }
  }
  return length;
}

int FiberSocket::receiveBytes(void* buffer, int length, int flags) {
  for (;;) {
    AwaitRead();
    const ssize_t count = ::recv(sockfd(), buffer, static_cast<size_t>(length), flags);
    // Less than was asked for: there was no more, and the next wait needs no system call to see it.
    if ((count > 0 && count < length && !readiness_.ended) || (count < 0 && errno == EAGAIN)) {
      readiness_.possible &= static_cast<uint8_t>(~Readiness::kRead);
    }
    if (count >= 0) return static_cast<int>(count);
    if (errno != EAGAIN && errno != EINTR) error(errno);
  }
}

// Only TLS asks, and only after the socket has refused.
bool FiberSocket::poll(const Poco::Timespan&, int mode) {
  if ((mode & SELECT_WRITE) != 0) {
    if (!AwaitWrite()) throw PeerSpoke();
  } else {
    readiness_.possible &= static_cast<uint8_t>(~Readiness::kRead);
    AwaitRead();
  }
  return true;
}

bool FiberSocket::Quiet() {
  char next = 0;
  ssize_t count = -1;
  do {
    count = ::recv(sockfd(), &next, 1, MSG_PEEK);
  } while (count < 0 && errno == EINTR);
  const bool quiet = count < 0 && errno == EAGAIN;
  if (quiet) readiness_.possible &= static_cast<uint8_t>(~Readiness::kRead);
  readiness_.noticed = false;
  return quiet;
}

}  // namespace khs::net
