#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/connector_config.h"
#include "http/resolver.h"
#include "http/tls_context.h"
#include "request/target.h"

namespace khs::http {

// Where connections lead: scheme, host and port, whom to trust there and who we are. Connections of
// one origin are as good as each other, whatever is asked over them. Only the resolver and the
// preferred address change; they
// belong to the thread that connects.
class Origin {
 public:
  // Throws std::runtime_error, naming key and file, when the TLS settings can't be used.
  Origin(const request::Target& target, const config::TlsConfig& tls);

  // The files that `tls` names are not compared: they were read once.
  bool Is(const request::Target& target, const config::TlsConfig& tls) const;

  const std::string& shown_host() const { return shown_host_; }      // for people
  const std::string& label() const { return label_; }                // host:port, for people
  const TlsContext* tls() const { return tls_ ? &*tls_ : nullptr; }  // null: plain
  Resolver& resolver() { return resolver_; }
  // The address that was connected to last.
  const Address& preferred() const { return preferred_; }
  void Prefer(const Address& address) { preferred_ = address; }

 private:
  const std::string host_;
  const std::string shown_host_;
  const uint16_t port_;
  const std::string label_;
  const config::TlsConfig tls_config_;
  std::optional<TlsContext> tls_;
  Resolver resolver_;
  Address preferred_;
};

}  // namespace khs::http
