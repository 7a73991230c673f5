#include "rest/listener.h"

#include <Poco/Exception.h>
#include <Poco/Net/ServerSocketImpl.h>
#include <Poco/Net/SocketAddress.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/descriptors.h"
#include "base/unique_fd.h"
#include "rest/caller_socket.h"

namespace khs::rest {
namespace {

// Longest wait of the accept thread before it checks the connections again.
constexpr std::chrono::milliseconds kPollInterval{50};
// When a connection has waited for a thread for so long, another one is evicted.
constexpr std::chrono::milliseconds kMaxQueueTime{200};

bool IsShortage(int error) {
  return base::IsDescriptorShortage(error) || error == ENOBUFS || error == ENOMEM;
}

// Uses poll(2), because Poco's poll needs a descriptor of its own.
class ListenerImpl final : public Poco::Net::ServerSocketImpl {
 public:
  ListenerImpl(Connections& connections, Listener::Tls tls)
      : connections_(connections), tls_(std::move(tls)) {}

  bool poll(const Poco::Timespan&, int) override {
    connections_.EvictForQueued(kMaxQueueTime);
    pollfd polled{sockfd(), POLLIN, 0};
    return ::poll(&polled, 1, static_cast<int>(kPollInterval.count())) > 0 &&
           connections_.EnsureFewerThan(connections_.limits().connections, kPollInterval);
  }

  Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress&) override {
    base::UniqueFd socket(::accept4(sockfd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      const int failure = errno;
      // The connection stays pending, so the next poll returns at once. This waits.
      if (IsShortage(failure)) (void)connections_.EnsureFewerThan(0, kPollInterval);
      error(failure);
    }
    if (base::IsReserved(socket.get()) &&
        !connections_.EnsureFewerThan(connections_.limits().reserved_connections, kPollInterval)) {
      throw Poco::IOException("too few file descriptors");
    }
    Poco::AutoPtr<CallerSocket> plain(new CallerSocket(std::move(socket), connections_));
    if (!tls_) return plain.duplicate();
    return new SecureCallerSocket(plain.get(), tls_());
  }

 private:
  Connections& connections_;
  const Listener::Tls tls_;
};

}  // namespace

Listener::Listener(const std::string& host, int port, Connections& connections, Tls tls)
    : ServerSocket(new ListenerImpl(connections, std::move(tls)), true) {
  try {
    const Poco::Net::SocketAddress address(host, static_cast<Poco::UInt16>(port));
    // SO_REUSEADDR, so that a restarted process can listen at once. Not SO_REUSEPORT, with which a
    // second listener would take some of the connections.
    if (address.family() == Poco::Net::SocketAddress::IPv6) {
      impl()->bind6(address, true, false, false);
    } else {
      impl()->bind(address, true, false);
    }
    impl()->listen(SOMAXCONN);
    impl()->setBlocking(false);
  } catch (const Poco::Exception& error) {
    throw std::runtime_error("cannot listen on " + host + ':' + std::to_string(port) + ": " +
                             error.displayText());
  }
}

}  // namespace khs::rest
