#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace khs::rest {

struct RawAnswer {
  int status = 0;    // 0: the connection ended before a response
  std::string head;  // as received, with its empty line
  std::string body;

  bool Has(std::string_view line) const { return head.find(line) != std::string::npos; }
};

// Client that connects to 127.0.0.1 and sends raw bytes. Every wait ends after at most 20 s.
class RawClient {
 public:
  explicit RawClient(int port) : RawClient(port, NewSocket()) {}
  // Connects an existing socket.
  RawClient(int port, base::UniqueFd socket);
  static base::UniqueFd NewSocket();

  // False when the server has closed the connection.
  bool Send(std::string_view bytes) const;
  // Closes the direction to the server.
  void CloseWriting() const;

  // Returns whether input, or the end of the connection, comes within `time`.
  bool WaitForInput(std::chrono::milliseconds time) const;
  // Reads the next response by its Content-Length; for HEAD without a body.
  RawAnswer Read(bool without_body = false);
  // Reads until the server closes the connection. Fails the test if it does not.
  std::string ReadToEnd();

  int descriptor() const { return socket_.get(); }

 private:
  bool Fill();

  base::UniqueFd socket_;
  std::string bytes_;  // received but not consumed yet
};

// Sends a request on a new connection. Returns the response, and checks that the server then closes
// the connection.
RawAnswer AskOnce(int port, std::string_view bytes);

}  // namespace khs::rest
