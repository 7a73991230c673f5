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

// A received request.
struct Request {
  std::string method;
  std::string target;
  Headers headers;
  std::string body;
  int connection = 0;  // number of the connection, from 1
  std::chrono::steady_clock::time_point time;

  // Returns the first header of that name, case-insensitively.
  std::optional<std::string> Header(std::string_view name) const;
};

// Blocks answers until the test opens it.
class Gate {
 public:
  void Open();
  bool is_open() const;
  // False when `stopped` became true first; Wake must be called then.
  bool Wait(const std::function<bool()>& stopped);
  void Wake();

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// What the endpoint does with a request.
struct Answer {
  // With TLS, kClose sends close_notify and kCut does not.
  enum class Then { kKeepAlive, kClose, kCut, kReset, kHang };
  enum class TlsBehind { kNothing, kSessionTicket, kPartOfARecord };

  std::string bytes;                           // as sent
  std::chrono::milliseconds byte_interval{0};  // not 0: one byte at a time
  Then then = Then::kKeepAlive;
  TlsBehind tls_behind = TlsBehind::kNothing;  // what follows the bytes
  std::shared_ptr<Gate> gate;                  // the answer waits until it is open

  // A response with a Content-Length.
  static Answer Of(int status, std::string_view body = {}, const Headers& headers = {});
  static Answer Chunked(int status, const std::vector<std::string>& chunks);
  static Answer Raw(std::string bytes, Then then = Then::kClose);
  // These send nothing.
  static Answer Close() { return Raw({}, Then::kClose); }
  static Answer Reset() { return Raw({}, Then::kReset); }
  static Answer Hang() { return Raw({}, Then::kHang); }
  // Announces the whole body, sends `sent` bytes of it and closes.
  static Answer CutBody(int status, std::string_view body, size_t sent);
  // Sends chunks without the last, empty one, and closes.
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
  std::string client_ca_file;  // not empty: clients need a certificate of this authority
};

// HTTP server on a free port of 127.0.0.1 that answers every request as its script says. Each
// connection has a thread, which calls the script. The destructor closes all connections.
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

  // Returns all requests so far, in the order of their completion.
  std::vector<Request> Requests() const;
  size_t RequestCount() const;
  int ConnectionCount() const;  // accepted so far
  // False when there are fewer after `timeout`.
  bool WaitForRequests(size_t count,
                       std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
  // Waits until so many answers have been sent, without those that hang.
  bool WaitForAnswers(size_t count,
                      std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
  // Waits until so many connections are open.
  bool WaitUntilOpen(size_t count,
                     std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;
  // Waits until no connection is open.
  bool WaitUntilDisconnected(std::chrono::milliseconds timeout = std::chrono::seconds(20)) const;

  // Closes all open connections. It still accepts new ones.
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
  std::vector<int> finished_;  // threads that can be joined
  std::thread acceptor_;
};

}  // namespace khs::testing
