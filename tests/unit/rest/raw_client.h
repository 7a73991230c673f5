#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace khs::rest {

struct RawAnswer {
  int status = 0;    // 0: the connection ended before there was an answer
  std::string head;  // as it came, with its empty line
  std::string body;

  bool Has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

// Connects to 127.0.0.1, sends bytes as they are, and reads what comes back. Every wait ends after
// 20 s at the latest.
class RawClient {
 public:
  explicit RawClient(int port) : RawClient(port, NewSocket()) {}
  // By a socket that was made before.
  RawClient(int port, base::UniqueFd socket);
  static base::UniqueFd NewSocket();

  // False when the other side takes no more.
  bool Send(std::string_view bytes) const;
  // Nothing more will be sent.
  void CloseWriting() const;

  // Whether something comes, or the connection ends, within that time.
  bool Await(std::chrono::milliseconds time) const;
  // The next one; by its Content-Length, without a body for HEAD.
  RawAnswer Read(bool without_body = false);
  // All that comes until the other side ends the connection. Fails the test if it does not.
  std::string ReadToEnd();

  int descriptor() const { return socket_.get(); }

 private:
  bool Fill();

  base::UniqueFd socket_;
  std::string bytes_;  // not used yet
};

// A request on a connection of its own, which the server ends: its answer, and that nothing
// follows.
RawAnswer AskOnce(int port, std::string_view bytes);

}  // namespace khs::rest
