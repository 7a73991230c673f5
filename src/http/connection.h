#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "delivery/reply.h"
#include "http/tls_context.h"
#include "http/unique_fd.h"

namespace khs::http {

// What an endpoint answered, as far as it matters here.
struct Response {
  int status = 0;
  std::string body;  // empty when it is over delivery::kMaxIndicatorBody: there is nothing to judge
  std::optional<std::string> retry_after;  // the header's value
  bool delimited = false;  // the answer itself marked its end, not the end of the connection
  bool reusable = false;   // the connection can carry another request
};

// One connection to the endpoint, plain or TLS. Used by one thread at a time. It sets no time
// limits: whoever shuts the socket down from another thread ends what it is doing, with a fault. It
// never connects anew, and never repeats anything.
class Connection {
 public:
  // `tls` may be null: plain. It must outlive the connection otherwise.
  Connection(UniqueFd socket, const TlsContext* tls);
  ~Connection();

  int descriptor() const;

  // TLS only; before anything else.
  base::Expected<void, delivery::RequestFault> Handshake();

  // Sends a request (in one piece when it is small) and reads its answer. After a fault the
  // connection is of no more use.
  base::Expected<Response, delivery::RequestFault> Exchange(std::string head,
                                                            std::string_view body);

  // Nothing has arrived since the last answer, not even the end of the connection.
  bool Quiet() const;

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

}  // namespace khs::http
