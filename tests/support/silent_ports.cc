#include "support/silent_ports.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace khs::testing {
namespace {

// Binds a socket to a free port of 127.0.0.1 and sets `address`.
int BoundSocket(sockaddr_in& address) {
  const int bound = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (bound < 0 || ::bind(bound, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::getsockname(bound, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::runtime_error("cannot bind a port for the test");
  }
  return bound;
}

}  // namespace

FullListener::FullListener() {
  sockaddr_in address{};
  listener_ = BoundSocket(address);
  port_ = ntohs(address.sin_port);
  if (::listen(listener_, 0) != 0) throw std::runtime_error("cannot listen");
  // The queue holds one or two connections. It is full when a connect does not complete.
  for (int i = 0; i < 16; ++i) {
    const int queued = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    queued_.push_back(queued);
    (void)::connect(queued, reinterpret_cast<sockaddr*>(&address), sizeof address);
    pollfd polled{queued, POLLOUT, 0};
    if (::poll(&polled, 1, 50) == 0) return;
  }
  throw std::runtime_error("the listener's queue does not fill");
}

FullListener::~FullListener() {
  for (const int queued : queued_) ::close(queued);
  ::close(listener_);
}

SilentListener::SilentListener() {
  sockaddr_in address{};
  listener_ = BoundSocket(address);
  port_ = ntohs(address.sin_port);
  if (::listen(listener_, 64) != 0) throw std::runtime_error("cannot listen");
}

SilentListener::~SilentListener() { ::close(listener_); }

void SilentListener::AnswerUnread(const std::string& bytes) const {
  const int accepted = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  char some[512];
  if (accepted < 0 || ::recv(accepted, some, sizeof some, 0) <= 0 ||
      ::send(accepted, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) {
    throw std::runtime_error("no connection to answer");
  }
  ::close(accepted);
}

ClosedPort::ClosedPort() {
  sockaddr_in address{};
  socket_ = BoundSocket(address);
  port_ = ntohs(address.sin_port);
}

ClosedPort::~ClosedPort() { ::close(socket_); }

}  // namespace khs::testing
