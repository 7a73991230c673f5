#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "delivery/reply.h"
#include "http/poller.h"
#include "http/tls_context.h"
#include "http/unique_fd.h"

namespace khs::http {

// A connected socket that never blocks, plain or with TLS. One thread.
class Transport {
 public:
  struct Moved {
    size_t bytes = 0;
    Wants wants = Wants::kNothing;  // nothing moved, and what must become possible before it can
    bool ended = false;             // the peer sends nothing more
  };
  template <class T>
  using Result = base::Expected<T, delivery::RequestFault>;

  // `tls` may be null: plain. It must outlive the transport otherwise.
  Transport(UniqueFd socket, const TlsContext* tls);
  ~Transport();

  int descriptor() const { return socket_.get(); }

  // TLS only, before anything else, until it wants nothing more.
  Result<Wants> Handshake();
  Result<Moved> Read(char* buffer, size_t size);
  Result<Moved> Write(std::string_view bytes);

  // Between exchanges: nothing has come that the next one would read as its own, and the peer has
  // not gone. What TLS itself sends (session tickets, new keys) is taken in, and does not count.
  bool Quiet();

 private:
  struct SslDeleter {
    void operator()(SSL* ssl) const;
  };

  Result<Moved> TlsMoved(int result, size_t bytes);

  UniqueFd socket_;
  std::unique_ptr<SSL, SslDeleter> tls_;  // before the socket goes
  bool may_say_goodbye_ = false;
};

}  // namespace khs::http
