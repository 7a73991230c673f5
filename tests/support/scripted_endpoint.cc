#include "support/scripted_endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

namespace khs::testing {
namespace {

std::string HeadOf(int status, const Headers& headers) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " Scripted\r\n";
  for (const auto& [name, value] : headers) head += name + ": " + value + "\r\n";
  return head;
}

std::string ChunksOf(const std::vector<std::string>& chunks) {
  std::string text;
  for (const std::string& chunk : chunks) {
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
    text += size + chunk + "\r\n";
  }
  return text;
}

std::shared_ptr<void> MakeTlsContext(const EndpointTls& tls) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  bool good =
      SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate_file.c_str()) == 1 &&
      SSL_CTX_use_PrivateKey_file(context.get(), tls.key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!tls.client_ca_file.empty()) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    good = good &&
           SSL_CTX_load_verify_locations(context.get(), tls.client_ca_file.c_str(), nullptr) == 1;
  }
  if (!good) throw std::runtime_error("cannot set up the scripted endpoint's TLS");
  return context;
}

// Parses a complete head. False when it is malformed.
bool ParseHead(std::string_view head, Request& request, size_t& body_bytes) {
  const auto take = [&head](std::string_view end) {
    const size_t at = std::min(head.find(end), head.size());
    const std::string_view taken = head.substr(0, at);
    head.remove_prefix(std::min(at + end.size(), head.size()));
    return std::string(taken);
  };
  request.method = take(" ");
  request.target = take(" ");
  if (take("\r\n").rfind("HTTP/1.", 0) != 0) return false;
  while (!head.empty()) {
    const std::string line = take("\r\n");
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return line.empty();
    const size_t value = std::min(line.find_first_not_of(' ', colon + 1), line.size());
    request.headers.emplace_back(line.substr(0, colon), line.substr(value));
  }
  body_bytes = std::stoul(request.Header("Content-Length").value_or("0"));
  return true;
}

}  // namespace

// A connection's bytes, plain or TLS.
class ScriptedEndpoint::Stream {
 public:
  Stream(int descriptor, SSL_CTX* context) : descriptor_(descriptor) {
    if (context != nullptr) {
      ssl_ = SSL_new(context);
      SSL_set_fd(ssl_, descriptor);
    }
  }
  ~Stream() {
    if (ssl_ != nullptr) SSL_free(ssl_);
  }

  bool Accept() { return ssl_ == nullptr || SSL_accept(ssl_) == 1; }

  bool Read(Request& request) {
    size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Fill()) return false;
    }
    size_t body_bytes = 0;
    if (!ParseHead(std::string_view(buffer_).substr(0, end + 2), request, body_bytes)) return false;
    const size_t body = end + 4;
    while (buffer_.size() < body + body_bytes) {
      if (!Fill()) return false;
    }
    request.body = buffer_.substr(body, body_bytes);
    buffer_.erase(0, body + body_bytes);
    return true;
  }

  bool Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ssl_ != nullptr
                            ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                            : ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  bool WriteBehind(Answer::TlsBehind what) {
    switch (what) {
      case Answer::TlsBehind::kNothing:
        return true;
      case Answer::TlsBehind::kSessionTicket:
        return SSL_new_session_ticket(ssl_) == 1 && SSL_do_handshake(ssl_) == 1;
      case Answer::TlsBehind::kPartOfARecord:
        return ::send(descriptor_, "\x17\x03\x03", 3, MSG_NOSIGNAL) == 3;
    }
    return false;
  }

  // Sends close_notify, so that a body that ends with the connection is complete.
  void Finish() {
    if (ssl_ != nullptr) (void)SSL_shutdown(ssl_);
  }

  void ResetOnClose() const {
    const linger at_once{1, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  // Waits until the client or DropConnections closes the connection.
  void Drain() {
    while (Fill()) buffer_.clear();
  }

 private:
  bool Fill() {
    char chunk[16 * 1024];
    const auto count = ssl_ != nullptr ? SSL_read(ssl_, chunk, sizeof chunk)
                                       : ::recv(descriptor_, chunk, sizeof chunk, 0);
    if (count <= 0) return false;
    buffer_.append(chunk, static_cast<size_t>(count));
    return true;
  }

  const int descriptor_;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

std::optional<std::string> Request::Header(std::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known.size() == name.size() && ::strncasecmp(known.data(), name.data(), name.size()) == 0) {
      return value;
    }
  }
  return std::nullopt;
}

void Gate::Open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

bool Gate::is_open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

bool Gate::Wait(const std::function<bool()>& stopped) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return open_ || stopped(); });
  return open_;
}

void Gate::Wake() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

Answer Answer::Of(int status, std::string_view body, const Headers& headers) {
  Answer answer;
  answer.bytes = HeadOf(status, headers) + "Content-Length: " + std::to_string(body.size()) +
                 "\r\n\r\n" + std::string(body);
  return answer;
}

Answer Answer::Chunked(int status, const std::vector<std::string>& chunks) {
  return Raw(
      HeadOf(status, {{"Transfer-Encoding", "chunked"}}) + "\r\n" + ChunksOf(chunks) + "0\r\n\r\n",
      Then::kKeepAlive);
}

Answer Answer::Raw(std::string bytes, Then then) {
  Answer answer;
  answer.bytes = std::move(bytes);
  answer.then = then;
  return answer;
}

Answer Answer::CutBody(int status, std::string_view body, size_t sent) {
  Answer answer = Of(status, body);
  answer.bytes.resize(answer.bytes.size() - (body.size() - sent));
  answer.then = Then::kClose;
  return answer;
}

Answer Answer::CutChunks(int status, const std::vector<std::string>& chunks) {
  return Raw(HeadOf(status, {{"Transfer-Encoding", "chunked"}}) + "\r\n" + ChunksOf(chunks));
}

Answer Answer::Trickle(int status, std::string_view body, std::chrono::milliseconds interval) {
  Answer answer = Of(status, body);
  answer.byte_interval = interval;
  return answer;
}

ScriptedEndpoint::ScriptedEndpoint(Script script, std::optional<EndpointTls> tls)
    : script_(std::move(script)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  if (tls) tls_context_ = MakeTlsContext(*tls);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, length) != 0 || ::listen(listener_, 256) != 0 ||
      ::getsockname(listener_, generic, &length) != 0) {
    throw std::runtime_error("the scripted endpoint cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { AcceptAll(); });
}

ScriptedEndpoint::~ScriptedEndpoint() {
  std::vector<std::shared_ptr<Gate>> gates;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [number, descriptor] : open_) ::shutdown(descriptor, SHUT_RDWR);
    for (const auto& gate : gates_) {
      if (auto alive = gate.lock()) gates.push_back(std::move(alive));
    }
    changed_.notify_all();
  }
  for (const auto& gate : gates) gate->Wake();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  for (auto& [number, thread] : threads_) thread.join();
}

std::string ScriptedEndpoint::Url(const std::string& path, const std::string& host) const {
  return (tls_context_ ? "https://" : "http://") + host + ':' + std::to_string(port_) + path;
}

std::vector<Request> ScriptedEndpoint::Requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

size_t ScriptedEndpoint::RequestCount() const {
  const std::lock_guard lock(mutex_);
  return requests_.size();
}

int ScriptedEndpoint::ConnectionCount() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

bool ScriptedEndpoint::WaitForRequests(size_t count, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return requests_.size() >= count; });
}

bool ScriptedEndpoint::WaitForAnswers(size_t count, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return answers_ >= count; });
}

bool ScriptedEndpoint::WaitUntilOpen(size_t count, std::chrono::milliseconds timeout) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [&] { return open_.size() == count; });
}

bool ScriptedEndpoint::WaitUntilDisconnected(std::chrono::milliseconds timeout) const {
  return WaitUntilOpen(0, timeout);
}

void ScriptedEndpoint::DropConnections() {
  const std::lock_guard lock(mutex_);
  for (const auto& [number, descriptor] : open_) ::shutdown(descriptor, SHUT_RDWR);
}

bool ScriptedEndpoint::Stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

void ScriptedEndpoint::Sleep(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, time, [this] { return stopping_; });
}

void ScriptedEndpoint::AcceptAll() {
  for (;;) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::vector<std::thread> ended;  // joined after the lock is released
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ || descriptor < 0) {
        if (descriptor >= 0) ::close(descriptor);
        if (stopping_) return;
        continue;
      }
      for (const int number : finished_) {
        ended.push_back(std::move(threads_[number]));
        threads_.erase(number);
      }
      finished_.clear();
      const int number = ++accepted_;
      open_[number] = descriptor;
      threads_[number] = std::thread([this, descriptor, number] { Serve(descriptor, number); });
    }
    for (std::thread& thread : ended) thread.join();
  }
}

void ScriptedEndpoint::Serve(int descriptor, int number) {
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  {
    Stream stream(descriptor, static_cast<SSL_CTX*>(tls_context_.get()));
    bool keep = stream.Accept();
    while (keep) {
      Request request;
      if (!stream.Read(request)) break;
      request.connection = number;
      request.time = std::chrono::steady_clock::now();
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
        changed_.notify_all();
      }
      Give(stream, script_(request), keep);
      const std::lock_guard lock(mutex_);
      ++answers_;
      changed_.notify_all();
    }
  }
  const std::lock_guard lock(mutex_);
  ::close(
      descriptor);  // under the lock, so that DropConnections does not close a reused descriptor
  open_.erase(number);
  finished_.push_back(number);
  changed_.notify_all();
}

void ScriptedEndpoint::Give(Stream& stream, const Answer& answer, bool& keep) {
  if (answer.gate) {
    {
      const std::lock_guard lock(mutex_);
      if (gates_.empty() || gates_.back().lock() != answer.gate) gates_.push_back(answer.gate);
    }
    keep = answer.gate->Wait([this] { return Stopping(); });
  }
  if (keep && answer.byte_interval.count() == 0) {
    keep = stream.Write(answer.bytes);
  } else {
    for (size_t i = 0; keep && i < answer.bytes.size(); ++i) {
      keep = stream.Write(std::string_view(answer.bytes).substr(i, 1));
      Sleep(answer.byte_interval);
    }
  }
  if (keep) keep = stream.WriteBehind(answer.tls_behind);
  switch (answer.then) {
    case Answer::Then::kKeepAlive:
      break;
    case Answer::Then::kClose:
      stream.Finish();
      keep = false;
      break;
    case Answer::Then::kCut:
      keep = false;
      break;
    case Answer::Then::kReset:
      stream.ResetOnClose();
      keep = false;
      break;
    case Answer::Then::kHang:
      stream.Drain();
      keep = false;
      break;
  }
}

}  // namespace khs::testing
