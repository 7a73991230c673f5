#pragma once

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Timespan.h>

#include "base/unique_fd.h"
#include "net/loop.h"

namespace khs::net {

// Thrown when no more can be sent for the time being, but something came from the peer: it may have
// answered without reading all of the request. TLS can send on after it has looked what came.
struct PeerSpoke : std::exception {
  const char* what() const noexcept override { return "the peer spoke"; }
};

// A TCP socket that blocks in Poco's eyes, and in fact suspends the fiber that uses it. Its time
// limit is the fiber's deadline; Poco's own do nothing. TLS goes on top of it, by Poco's
// SecureStreamSocketImpl, which waits by Poll. Owned by Poco's reference counts; one fiber at a
// time.
class FiberSocket final : public Poco::Net::StreamSocketImpl {
 public:
  // Of a socket that does not block. `loop` must outlive it. Throws std::system_error.
  FiberSocket(Loop& loop, base::UniqueFd socket);

  // Begins to connect; `readiness` tells when to ask Connected. A system error, or 0.
  int BeginConnect(const Poco::Net::SocketAddress& address);
  // After the socket has become writable: a system error, or 0.
  int Connected();
  // Both, and the wait between them. Throws a Poco exception.
  void connect(const Poco::Net::SocketAddress& address) override;

  // All of it, unless it throws.
  int sendBytes(const void* buffer, int length, int flags) override;
  int receiveBytes(void* buffer, int length, int flags) override;
  bool poll(const Poco::Timespan& timeout, int mode) override;

  void setReceiveTimeout(const Poco::Timespan&) override {}
  void setSendTimeout(const Poco::Timespan&) override {}
  Poco::Timespan getReceiveTimeout() override { return Poco::Timespan(kYear, 0); }
  Poco::Timespan getSendTimeout() override { return Poco::Timespan(kYear, 0); }

  // Nothing can be read, not even the end of the stream. Does not wait.
  bool Quiet();
  Readiness& readiness() { return readiness_; }
  const Readiness& readiness() const { return readiness_; }

 private:
  static constexpr long kYear = 365 * 24 * 60 * 60;

  void AwaitRead();
  bool AwaitWrite();

  Loop& loop_;
  Readiness readiness_;
};

}  // namespace khs::net
