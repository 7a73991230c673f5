#include "http/guarded_socket.h"

#include <Poco/Net/NetException.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "delivery/retry_indicator.h"

namespace khs::http {
namespace {

using Poco::Net::MessageException;

constexpr std::string_view kStart = "HTTP/1.";
constexpr size_t kMaxHead = 64 * 1024;
// The bytes of a body with its chunk framing. Suffices for the largest body that is read
// (kMaxIndicatorBody), even if each chunk holds one byte.
constexpr size_t kMaxRawBody = delivery::kMaxIndicatorBody * 8;
// More memory than this is freed before the next response.
constexpr size_t kMaxKeptMemory = 4 * 1024;

}  // namespace

// `socket` owns the descriptor; the destructor's reset keeps the base class from closing it.
GuardedSocket::GuardedSocket(Poco::AutoPtr<Poco::Net::StreamSocketImpl> socket)
    : socket_(std::move(socket)) {
  reset(socket_->sockfd());
}

GuardedSocket::~GuardedSocket() { reset(); }

void GuardedSocket::StartResponse() {
  if (received_.capacity() > kMaxKeptMemory) received_ = {};
  received_.clear();
  limit_ = kMaxHead;
  in_head_ = true;
}

void GuardedSocket::StartBody() {
  limit_ = received_.size() + kMaxRawBody;
  in_head_ = false;
}

int GuardedSocket::receiveBytes(void* buffer, int length, int flags) {
  const int count = socket_->receiveBytes(buffer, length, flags);
  if (count <= 0) {
    ended_ = true;
    return 0;
  }
  // Poco mistakes a byte 0xFF in a head for the end of the stream. 0xFE is not valid UTF-8 either.
  char* const bytes = static_cast<char*>(buffer);
  if (std::memchr(bytes, 0xff, static_cast<size_t>(count)) != nullptr) {
    std::replace(bytes, bytes + count, '\xff', '\xfe');
  }
  received_.append(bytes, static_cast<size_t>(count));
  const size_t known = std::min(received_.size(), kStart.size());
  if (received_.compare(0, known, kStart, 0, known) != 0) {
    throw MessageException("its status line is malformed");
  }
  if (received_.size() > limit_) {
    throw MessageException(in_head_ ? "its head is too large"
                                    : "its chunked body has too much overhead");
  }
  return count;
}

int GuardedSocket::sendBytes(const void* buffer, int length, int flags) {
  return socket_->sendBytes(buffer, length, flags);
}

void GuardedSocket::close() {
  reset();
  socket_->close();
}

}  // namespace khs::http
