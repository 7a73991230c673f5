#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/connector_config.h"
#include "http/connection.h"
#include "http/dial.h"
#include "http/resolver.h"
#include "http/tls_context.h"
#include "request/target.h"

namespace khs::http {

// Where connections lead: scheme, host and port, through which proxy, whom to trust there and who
// we are. Connections of one origin are as good as each other, whatever is asked over them. Only
// the resolver and the preferred address change; they belong to the thread that connects.
class Origin {
 public:
  // Throws std::runtime_error, naming key and file, when the TLS settings can't be used.
  Origin(const request::Target& target, const config::EndpointConfig& endpoint);

  // The files that the TLS settings name are not compared: they were read once.
  bool Is(const request::Target& target, const config::EndpointConfig& endpoint) const;

  const std::string& label() const { return label_; }                // host:port, for people
  const TlsContext* tls() const { return tls_ ? &*tls_ : nullptr; }  // null: plain
  // Null unless there is a proxy; used for TLS only.
  const Tunnel* tunnel() const { return tunnel_ ? &*tunnel_ : nullptr; }

  // What is looked up and dialled: the host, or its proxy.
  const std::string& dialled_host() const { return dialled_host_; }  // for people
  const DialNames& dialled() const { return dialled_; }
  Resolver& resolver() { return resolver_; }
  // The address that was connected to last.
  const Address& preferred() const { return preferred_; }
  void Prefer(const Address& address) { preferred_ = address; }

 private:
  const std::string host_;
  const uint16_t port_;
  const std::string label_;
  const config::TlsConfig tls_config_;
  const config::ProxyConfig proxy_;
  std::optional<TlsContext> tls_;
  std::optional<Tunnel> tunnel_;
  std::string dialled_host_;
  DialNames dialled_;
  Resolver resolver_;
  Address preferred_;
};

}  // namespace khs::http
