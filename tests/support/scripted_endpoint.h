#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace khs::testing {

using Headers = std::vector<std::pair<std::string, std::string>>;

// A request as it arrived.
struct Request {
  std::string method;
  std::string target;
  Headers headers;
  std::string body;
  int connection = 0;  // counted from 1, in the order of accepting
  std::chrono::steady_clock::time_point time;

  // The first header of that name, in any case.
  std::optional<std::string> Header(std::string_view name) const;
};

// Holds answers back until the test opens it.
class Gate {
 public:
  void Open();
  bool is_open() const;
  // False when `stopped` became true first; whoever makes it so calls Wake.
  bool Wait(const std::function<bool()>& stopped);
  void Wake();

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// What the endpoint does about a request.
struct Answer {
  // With TLS, kClose says goodbye, and kCut closes without it.
  enum class Then { kKeepAlive, kClose, kCut, kReset, kHang };
  enum class TlsBehind { kNothing, kSessionTicket, kPartOfARecord };

  std::string bytes;                           // as they go over the wire
  std::chrono::milliseconds byte_interval{0};  // not 0: one byte at a time
  Then then = Then::kKeepAlive;
  TlsBehind tls_behind = TlsBehind::kNothing;  // what follows the bytes
  std::shared_ptr<Gate> gate;                  // answered only when it is open

  // An HTTP answer with its Content-Length.
  static Answer Of(int status, std::string_view body = {}, const Headers& headers = {});
  static Answer Chunked(int status, const std::vector<std::string>& chunks);
  static Answer Raw(std::string bytes, Then then = Then::kClose);
  // Without a byte.
  static Answer Close() { return Raw({}, Then::kClose); }
  static Answer Reset() { return Raw({}, Then::kReset); }
  static Answer Hang() { return Raw({}, Then::kHang); }
  // Announces the whole body, sends `sent` bytes of it and closes.
  static Answer CutBody(int status, std::string_view body, size_t sent);
  // Sends the chunks without the last one, which would end the body, and closes.
  static Answer CutChunks(int status, const std::vector<std::string>& chunks);
  static Answer Trickle(int status, std::string_view body, std::chrono::milliseconds interval);

  Answer When(std::shared_ptr<Gate> opened) && {
    gate = std::move(opened);
    return std::move(*this);
  }
};

struct EndpointTls {
  std::string certificate_file;
  std::string key_file;
  std::string client_ca_file;  // not empty: clients must show a certificate of this authority
};

// An HTTP server on a free port of 127.0.0.1, a thread a connection, that does to every request
// what its script says. The script is called by the connections' threads, several at once.
// Destroying it ends every connection, whatever it is doing.
class ScriptedEndpoint {
 public:
  using Script = std::function<Answer(const Request&)>;

  explicit ScriptedEndpoint(Script script, std::optional<EndpointTls> tls = std::nullopt);
  ~ScriptedEndpoint();
  ScriptedEndpoint(const ScriptedEndpoint&) = delete;
  ScriptedEndpoint& operator=(const ScriptedEndpoint&) = delete;

  uint16_t port() const { return port_; }
  // http(s)://HOST:PORT/PATH
  std::string Url(const std::string& path = "/", const std::string& host = "127.0.0.1") const;

  // All requests so far, in the order in which they were complete.
  std::vector<Request> Requests() const;
  size_t RequestCount() const;
  int ConnectionCount() const;  // accepted so far
  // False when there are still fewer after `timeout`.
  bool WaitForRequests(size_t count,
                       std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
  // Also until the answers have left; those that hang have not.
  bool WaitForAnswers(size_t count,
                      std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
  // Waits until this many connections are open.
  bool WaitUntilOpen(size_t count,
                     std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
  // Waits until no connection is open.
  bool WaitUntilDisconnected(std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;

  // Closes every connection that is open now; new ones are welcome.
  void DropConnections();

 private:
  class Stream;

  void AcceptAll();
  void Serve(int descriptor, int number);
  void Give(Stream& stream, const Answer& answer, bool& keep);
  bool Stopping() const;
  void Sleep(std::chrono::milliseconds time);

  const Script script_;
  std::shared_ptr<void> tls_context_;  // an SSL_CTX, or null
  int listener_ = -1;
  uint16_t port_ = 0;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool stopping_ = false;
  int accepted_ = 0;
  std::vector<Request> requests_;
  size_t answers_ = 0;
  std::map<int, int> open_;  // connection number to descriptor
  std::vector<std::weak_ptr<Gate>> gates_;
  std::map<int, std::thread> threads_;
  std::vector<int> finished_;  // threads that have nothing more to do
  std::thread acceptor_;
};

}  // namespace khs::testing
