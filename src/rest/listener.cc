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

// A round of the accept thread.
constexpr std::chrono::milliseconds kTick{50};
// The longest that a connection waits for a thread before another one has to go.
constexpr std::chrono::milliseconds kQueueTime{200};

bool IsShortage(int error) {
  return base::IsDescriptorShortage(error) || error == ENOBUFS || error == ENOMEM;
}

// poll(2) instead of Poco's poll, which needs a descriptor of its own.
class ListenerImpl final : public Poco::Net::ServerSocketImpl {
 public:
  ListenerImpl(Connections& connections, Listener::Tls tls)
      : connections_(connections), tls_(std::move(tls)) {}

  bool poll(const Poco::Timespan&, int) override {
    connections_.ServeQueued(kQueueTime);
    pollfd polled{sockfd(), POLLIN, 0};
    return ::poll(&polled, 1, static_cast<int>(kTick.count())) > 0 &&
           connections_.MakeRoom(connections_.limits().connections, kTick);
  }

  Poco::Net::SocketImpl* acceptConnection(Poco::Net::SocketAddress&) override {
    base::UniqueFd socket(::accept4(sockfd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket) {
      const int failure = errno;
      // The connection stays pending, so the next poll would return at once.
      if (IsShortage(failure)) (void)connections_.MakeRoom(0, kTick);
      error(failure);
    }
    if (base::IsReserved(socket.get()) &&
        !connections_.MakeRoom(connections_.limits().reserved_connections, kTick)) {
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
    // The address of a process that has ended may be taken at once. Not SO_REUSEPORT: a second
    // listener would share the connections.
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
