#pragma once

#include <optional>
#include <string_view>

#include "http/response_reader.h"
#include "http/transport.h"

namespace khs::http {

// One connection to the endpoint, plain or TLS, and the exchange that is under way on it. It never
// blocks, sets no time limits, never connects anew and never repeats anything. After a fault it is
// of no more use. One thread.
class Connection {
 public:
  template <class T>
  using Result = Transport::Result<T>;

  // `tls` may be null: plain. It must outlive the connection otherwise.
  Connection(UniqueFd socket, const TlsContext* tls) : transport_(std::move(socket), tls) {}

  int descriptor() const { return transport_.descriptor(); }

  // TLS only; before anything else, until it wants nothing more.
  Result<Wants> Handshake() { return transport_.Handshake(); }

  // Begins an exchange: both parts of the request stay as they are until it is over.
  void Start(std::string_view head, std::string_view body);

  // Goes on with the exchange as far as that is possible now. It is over when it wants nothing.
  Result<Wants> Continue();

  // After an exchange: nothing came behind its answer, not even the connection's end.
  bool Quiet() { return transport_.Quiet(); }

  // The answer, once the exchange is over.
  Response& response() { return reader_.response(); }

 private:
  Wants Send();
  Result<bool> Receive(Wants& wants);

  Transport transport_;
  std::string_view head_;  // what is still to be sent
  std::string_view body_;
  std::optional<delivery::RequestFault> send_fault_;
  ResponseReader reader_;
};

}  // namespace khs::http
