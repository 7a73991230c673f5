#include "unit/rest/raw_client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace khs::rest {

base::UniqueFd RawClient::NewSocket() {
  return base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

RawClient::RawClient(int port, base::UniqueFd socket) : socket_(std::move(socket)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval longest{20, 0};
  if (!socket_ ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest) != 0 ||
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof longest) != 0 ||
      ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect");
  }
}

bool RawClient::Send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

void RawClient::CloseWriting() const { ::shutdown(socket_.get(), SHUT_WR); }

bool RawClient::WaitForInput(std::chrono::milliseconds time) const {
  pollfd polled{socket_.get(), POLLIN, 0};
  return ::poll(&polled, 1, static_cast<int>(time.count())) == 1;
}

bool RawClient::Fill() {
  char chunk[16 * 1024];
  const ssize_t count = ::recv(socket_.get(), chunk, sizeof chunk, 0);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    ADD_FAILURE() << "the server neither answers nor ends the connection";
  }
  if (count <= 0) return false;
  bytes_.append(chunk, static_cast<size_t>(count));
  return true;
}

RawAnswer RawClient::Read(bool without_body) {
  RawAnswer answer;
  size_t end = 0;
  while ((end = bytes_.find("\r\n\r\n")) == std::string::npos) {
    if (!Fill()) return answer;
  }
  answer.head = bytes_.substr(0, end + 4);
  bytes_.erase(0, end + 4);
  answer.status = std::atoi(answer.head.c_str() + std::string_view("HTTP/1.1 ").size());
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const size_t length = answer.head.find(kLength);
  if (without_body || length == std::string::npos) return answer;
  const auto size = static_cast<size_t>(std::atoi(answer.head.c_str() + length + kLength.size()));
  while (bytes_.size() < size) {
    if (!Fill()) return answer;
  }
  answer.body = bytes_.substr(0, size);
  bytes_.erase(0, size);
  return answer;
}

std::string RawClient::ReadToEnd() {
  while (Fill()) {
  }
  return std::exchange(bytes_, {});
}

RawAnswer AskOnce(int port, std::string_view bytes) {
  RawClient client(port);
  EXPECT_TRUE(client.Send(bytes));
  RawAnswer answer = client.Read();
  EXPECT_EQ(client.ReadToEnd(), "");
  return answer;
}

}  // namespace khs::rest
