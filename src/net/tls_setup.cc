#include "net/tls_setup.h"

#include <Poco/Exception.h>
#include <Poco/Net/NetSSL.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <csignal>
#include <stdexcept>

namespace khs::net {
namespace {

void InitializeOnce() {
  static const bool done = [] {
    Poco::Net::initializeSSL();
    // OpenSSL writes to its socket without MSG_NOSIGNAL, and a peer that closes the connection must
    // not end the process.
    std::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  (void)done;
}

// Poco 1.13.0 frees DH parameters that it has given to the context, unless OpenSSL refuses them.
// OpenSSL refuses Poco's 1024 bits at this level. Poco 1.11 has neither the bug nor the setting.
template <typename Params>
void SetSecurityLevel(Params& params) {
  if constexpr (requires { params.securityLevel; }) {
    params.securityLevel = static_cast<decltype(params.securityLevel)>(kTlsSecurityLevel);
  }
}

int GivePassword(char* buffer, int size, int, void* data) {
  auto* const password = static_cast<KeyPassword*>(data);
  if (password == nullptr) return -1;
  password->requested = true;
  const size_t length = password->text.size();
  if (length == 0 || length > static_cast<size_t>(size)) return -1;
  password->text.copy(buffer, length);
  return static_cast<int>(length);
}

}  // namespace

Poco::Net::Context::Ptr MakeTlsContext(Poco::Net::Context::Usage usage,
                                       Poco::Net::Context::Params params) try {
  InitializeOnce();
  params.cipherList = "DEFAULT";
  SetSecurityLevel(params);
  Poco::Net::Context::Ptr context(new Poco::Net::Context(usage, params));
  SSL_CTX_set_min_proto_version(context->sslContext(), TLS1_2_VERSION);
  SSL_CTX_set_default_passwd_cb(context->sslContext(), GivePassword);
  ERR_clear_error();
  return context;
} catch (const Poco::Exception& error) {
  throw std::runtime_error("cannot set up TLS: " + error.displayText());
}

void SetKeyPassword(SSL_CTX* context, KeyPassword* password) {
  SSL_CTX_set_default_passwd_cb_userdata(context, password);
}

void ClearTlsErrors() {
  errno = 0;
  if (ERR_peek_error() != 0) ERR_clear_error();
}

std::string TakeOpensslError() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  ERR_clear_error();
  return reason != nullptr ? reason : "not a usable PEM file";
}

}  // namespace khs::net
