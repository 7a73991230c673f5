#include "support/tunnel_proxy.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

namespace khs::testing {
namespace {

sockaddr_in Local(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Returns false when `from` was closed.
bool PassOn(int from, int to) {
  char part[16 * 1024];
  const ssize_t count = ::recv(from, part, sizeof part, 0);
  return count > 0 && ::send(to, part, static_cast<size_t>(count), MSG_NOSIGNAL) == count;
}

}  // namespace

TunnelProxy::TunnelProxy(std::string answer, uint16_t to) : answer_(std::move(answer)), to_(to) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Local(0);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, length) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, generic, &length) != 0 || ::pipe(stop_) != 0) {
    throw std::runtime_error("the proxy cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

TunnelProxy::~TunnelProxy() {
  ::close(stop_[1]);
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(stop_[0]);
  ::close(listener_);
}

std::string TunnelProxy::TakeHead() {
  const std::lock_guard lock(mutex_);
  return std::exchange(head_, {});
}

void TunnelProxy::Serve() {
  const int caller = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (caller < 0) return;
  std::string head;
  for (char c = 0; !head.ends_with("\r\n\r\n") && ::recv(caller, &c, 1, 0) == 1;) head += c;
  {
    const std::lock_guard lock(mutex_);
    head_ = std::move(head);
  }
  (void)::send(caller, answer_.data(), answer_.size(), MSG_NOSIGNAL);
  const int target = to_ == 0 ? -1 : ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Local(to_);
  if (target >= 0 &&
      ::connect(target, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    for (bool open = true; open;) {
      pollfd polled[] = {{caller, POLLIN, 0}, {target, POLLIN, 0}, {stop_[0], POLLIN, 0}};
      (void)::poll(polled, 3, -1);
      if (polled[2].revents != 0) break;
      if (polled[0].revents != 0) open = PassOn(caller, target);
      if (open && polled[1].revents != 0) open = PassOn(target, caller);
    }
  }
  if (target >= 0) ::close(target);
  ::close(caller);
}

}  // namespace khs::testing
