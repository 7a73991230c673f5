#pragma once

#include <Poco/AutoPtr.h>
#include <openssl/types.h>

#include <string>

#include "config/connector_config.h"
#include "request/target.h"

namespace Poco::Net {
class Context;
}

namespace khs::http {

// TLS settings of the connections to one origin: trusted authorities, the expected server name and
// the client certificate. Owned by Origin; immutable, so any thread may use it.
class TlsContext {
 public:
  // Throws std::runtime_error that names the configuration key and the file it cannot use.
  TlsContext(const config::TlsConfig& config, const request::Target& target);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const Poco::AutoPtr<Poco::Net::Context>& context() const { return context_; }

  // The name sent as SNI. It is empty when the host is an address, which SNI does not allow.
  const std::string& server_name() const { return server_name_; }

 private:
  std::string server_name_;
  Poco::AutoPtr<Poco::Net::Context> context_;
};

// Returns the connection whose handshake this thread completed last, and forgets it.
SSL* TakeLastHandshake();

// Returns why OpenSSL rejected the last certificate that this thread verified, and forgets it.
// Empty: it was accepted.
std::string TakeCertificateError();

}  // namespace khs::http
