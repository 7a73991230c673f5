#pragma once

#include <Poco/Net/Context.h>

#include <string>
#include <string_view>

// What TLS of the client's and of the server's side have in common. Any thread.
namespace khs::net {

// Debian's own default: keys of 112 bits of security, so no DH parameters of 1024 bits.
inline constexpr int kTlsSecurityLevel = 2;

// Creates a context for TLS 1.2 and up. It never asks the terminal for a key's password. The
// caller loads the files, because Poco's errors do not name the configuration key. From the first
// call on, the process ignores SIGPIPE. Throws std::runtime_error.
Poco::Net::Context::Ptr MakeTlsContext(Poco::Net::Context::Usage usage,
                                       Poco::Net::Context::Params params);

// Password of a private key file.
struct KeyPassword {
  std::string_view text;   // empty: unknown
  bool requested = false;  // OpenSSL asked for it, so the key is encrypted
};

// `password` must outlive the loading of the key; null: unknown.
void SetKeyPassword(SSL_CTX* context, KeyPassword* password);

// Clears errno and the thread's error queue. OpenSSL derives the result of an operation on a
// connection from both and does not clear them first, so this must precede each: other fibers use
// the same thread.
void ClearTlsErrors();

// Returns why the last OpenSSL call failed, and clears the thread's error queue. The reason is that
// of the first error, since later ones are its consequences.
std::string TakeOpensslError();

}  // namespace khs::net
