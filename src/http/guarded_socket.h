#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace khs::http {

// Stands between Poco's HTTP session and a connected socket, plain or TLS, and sees what the
// session reads: what does not begin like a response of HTTP/1.x, or is too large, is refused at
// once, and what was read of a response is kept until the next one. Owned by the session.
class GuardedSocket final : public Poco::Net::StreamSocketImpl {
 public:
  explicit GuardedSocket(Poco::AutoPtr<Poco::Net::StreamSocketImpl> socket);

  // A response is to come. Its head, and whatever comes before it, has a bound.
  void StartResponse();
  // From here on the bound is another one.
  void StartBody();

  // All that came since StartResponse.
  std::string_view received() const { return received_; }
  // The peer has ended the stream.
  bool ended() const { return ended_; }

  // Throws Poco::Net::MessageException for what is refused.
  int receiveBytes(void* buffer, int length, int flags) override;
  int sendBytes(const void* buffer, int length, int flags) override;
  // Poco ends its stream with each request.
  void shutdownSend() override {}
  void close() override;

 protected:
  ~GuardedSocket() override;

 private:
  Poco::AutoPtr<Poco::Net::StreamSocketImpl> socket_;
  std::string received_;
  size_t limit_ = 0;
  bool in_head_ = true;
  bool ended_ = false;
};

}  // namespace khs::http
