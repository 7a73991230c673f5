#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "config/connector_config.h"
#include "request/target.h"

namespace Poco::Net {
class Context;
}

namespace khs::http {

// What every TLS connection of a connector has in common: whom to trust, whom to expect, and who we
// are. Built once; then used by several threads at once.
class TlsContext {
 public:
  // Throws std::runtime_error, naming key and file, when something of it cannot be used.
  TlsContext(const config::TlsConfig& config, const request::Target& target);
  ~TlsContext();

  Poco::Net::Context* context() const;

  // What the server is asked for by SNI; empty for an address, which has no place there.
  const std::string& server_name() const;

 private:
  struct Parts;

  std::unique_ptr<Parts> parts_;
};

// The connection whose handshake this thread has completed last. Forgets it.
SSL* TakeHandshake();

// Why the last certificate that this thread judged was refused; empty when it was not. Forgets it.
std::string TakeCertificateProblem();

}  // namespace khs::http
