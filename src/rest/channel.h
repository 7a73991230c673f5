#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/unique_fd.h"

namespace khs::rest {

// An accepted socket that never blocks, plain or with TLS, whose handshake goes with the first
// bytes. One thread.
class Channel {
 public:
  enum class Outcome {
    kMoved,
    kNeedsRead,   // nothing moved: again when the socket is readable
    kNeedsWrite,  // same, writable
    kEnded,       // the caller sends nothing more, or is gone
    kPlainHttp,   // where TLS was expected; the channel is plain from here on
  };
  struct Moved {
    Outcome outcome = Outcome::kEnded;
    size_t bytes = 0;
  };

  // `tls` may be null: plain. Throws std::bad_alloc.
  Channel(base::UniqueFd socket, SSL_CTX* tls);
  ~Channel();
  Channel(Channel&&) noexcept = default;
  Channel& operator=(Channel&&) = delete;

  int descriptor() const { return socket_.get(); }

  Moved Read(char* buffer, size_t size);
  Moved Write(std::string_view bytes);

  // Says goodbye; nothing is written after it, and what is read has no meaning any more.
  void Finish();
  // Reads what is there and forgets it.
  Moved Discard();

 private:
  struct SslDeleter {
    void operator()(SSL* ssl) const;
  };

  void SayGoodbye();
  Moved TlsMoved(int result, size_t bytes);

  base::UniqueFd socket_;
  std::unique_ptr<SSL, SslDeleter> tls_;  // before the socket goes
  bool is_broken_ = false;                // TLS has ended, in whatever way
};

}  // namespace khs::rest
