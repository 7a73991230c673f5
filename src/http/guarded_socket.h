#pragma once

#include <Poco/AutoPtr.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace khs::http {

// Socket between Poco's HTTP session and a connected socket, plain or TLS. It rejects input that
// does not start like an HTTP/1.x response or is too large, and keeps the bytes of the current
// response for checks. Owned by the session; used by the fiber of the current attempt.
class GuardedSocket final : public Poco::Net::StreamSocketImpl {
 public:
  explicit GuardedSocket(Poco::AutoPtr<Poco::Net::StreamSocketImpl> socket);

  // Starts a new response, with the limit for its head, including interim responses.
  void StartResponse();
  // Switches to the limit for the body.
  void StartBody();

  // Everything received since StartResponse.
  std::string_view received() const { return received_; }
  // The peer closed the connection.
  bool ended() const { return ended_; }

  // Throws Poco::Net::MessageException when it rejects the input.
  int receiveBytes(void* buffer, int length, int flags) override;
  int sendBytes(const void* buffer, int length, int flags) override;
  // Does nothing, because Poco calls it after each request.
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
