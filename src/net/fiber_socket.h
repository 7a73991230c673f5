#pragma once

#include <Poco/Net/SocketAddress.h>
#include <Poco/Net/StreamSocketImpl.h>
#include <Poco/Timespan.h>

#include "base/unique_fd.h"
#include "net/loop.h"

namespace khs::net {

// Thrown when a send would block and the peer has sent something: it may have responded without
// reading the whole request. TLS may continue to send once it has processed the input.
struct InputBlocksSend : std::exception {
  const char* what() const noexcept override { return "input came while a send was blocked"; }
};

// TCP socket for Poco's HTTP client: a call that would block suspends its fiber. The fiber's
// deadline limits every wait, and Poco's timeouts have no effect. Poco's SecureStreamSocketImpl
// adds TLS on top and waits by `poll`. Owned by Poco's reference counts; used by one fiber at a
// time.
class FiberSocket final : public Poco::Net::StreamSocketImpl {
 public:
  // `socket` must be non-blocking, and `loop` must outlive this. Throws std::system_error.
  FiberSocket(Loop& loop, base::UniqueFd socket);

  // Starts to connect; FinishConnect is due once `readiness` is writable. Returns an errno, or 0.
  int StartConnect(const Poco::Net::SocketAddress& address);
  // Returns an errno, or 0 when the socket is connected.
  int FinishConnect();
  // Does both and waits in between. Throws a Poco exception.
  void connect(const Poco::Net::SocketAddress& address) override;

  // Sends all bytes, or throws.
  int sendBytes(const void* buffer, int length, int flags) override;
  int receiveBytes(void* buffer, int length, int flags) override;
  bool poll(const Poco::Timespan& timeout, int mode) override;

  void setReceiveTimeout(const Poco::Timespan&) override {}
  void setSendTimeout(const Poco::Timespan&) override {}
  Poco::Timespan getReceiveTimeout() override { return Poco::Timespan(kYear, 0); }
  Poco::Timespan getSendTimeout() override { return Poco::Timespan(kYear, 0); }

  // Returns whether input, or the end of the stream, can be read now. Does not wait.
  bool HasInput();
  Readiness& readiness() { return readiness_; }
  const Readiness& readiness() const { return readiness_; }

 private:
  static constexpr long kYear = 365 * 24 * 60 * 60;

  void WaitFor(uint8_t directions);
  bool WaitForWrite();

  Loop& loop_;
  Readiness readiness_;
};

}  // namespace khs::net
