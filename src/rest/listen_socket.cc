#include "rest/listen_socket.h"

#include <Poco/Exception.h>
#include <Poco/Net/SocketAddress.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace khs::rest {
namespace {

// Of IPv4 all of 127.0.0.0/8, also as IPv6 sockets show it.
bool IsLoopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return ntohl(v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  if (address.ss_family != AF_INET6) return false;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) != 0 ||
         (IN6_IS_ADDR_V4MAPPED(&v6) != 0 && v6.s6_addr[12] == IN_LOOPBACKNET);
}

base::UniqueFd Listen(const Poco::Net::SocketAddress& address) {
  const auto failure = [] { return std::system_error(errno, std::system_category()); };
  const bool v6 = address.family() == Poco::Net::SocketAddress::IPv6;
  base::UniqueFd listener(
      ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener) throw failure();
  // The address of a process that has ended may be taken at once. Not SO_REUSEPORT: a second
  // listener would share the connections.
  constexpr int kOn = 1;
  constexpr int kOff = 0;
  if (::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn) != 0 ||
      (v6 && ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &kOff, sizeof kOff) != 0) ||
      ::bind(listener.get(), address.addr(), address.length()) != 0 ||
      ::listen(listener.get(), SOMAXCONN) != 0) {
    throw failure();
  }
  return listener;
}

}  // namespace

base::UniqueFd ListenOn(const std::string& host, int port) {
  const auto refuse = [&](const std::string& reason) {
    return std::runtime_error("cannot listen on " + host + ':' + std::to_string(port) + ": " +
                              reason);
  };
  try {
    return Listen(Poco::Net::SocketAddress(host, static_cast<Poco::UInt16>(port)));
  } catch (const Poco::Exception& error) {
    throw refuse(error.displayText());
  } catch (const std::system_error& error) {
    throw refuse(error.code().message());
  }
}

int PortOf(const base::UniqueFd& listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::system_error(errno, std::system_category(), "getsockname");
  }
  // At the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

Accepted AcceptOn(const base::UniqueFd& listener) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  Accepted accepted;
  accepted.socket = base::UniqueFd(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&address),
                                             &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted.socket) {
    accepted.error = errno;
    // The system asks for a descriptor before it looks whether anybody is there.
    pollfd polled{listener.get(), POLLIN, 0};
    if (::poll(&polled, 1, 0) == 0) accepted.error = EAGAIN;
    return accepted;
  }
  accepted.from_loopback = IsLoopback(address);
  constexpr int kOn = 1;
  (void)::setsockopt(accepted.socket.get(), IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  return accepted;
}

}  // namespace khs::rest
