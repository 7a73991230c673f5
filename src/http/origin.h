#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/connector_config.h"
#include "http/connection.h"
#include "http/resolver.h"
#include "http/tcp_connect.h"
#include "http/tls_context.h"
#include "request/target.h"

namespace khs::http {

// Where connections lead: scheme, host and port, the proxy, and the TLS settings. All connections
// of one origin are interchangeable. Shared by destinations; immutable, except for the resolver and
// the preferred address, which only the thread that connects uses.
class Origin {
 public:
  // Throws std::runtime_error that names the key and the file when the TLS settings are unusable.
  Origin(const request::Target& target, const config::EndpointConfig& endpoint);

  // Returns whether an origin of these arguments would be the same. Does not compare the content of
  // the files that the TLS settings name.
  bool Matches(const request::Target& target, const config::EndpointConfig& endpoint) const;

  const std::string& label() const { return label_; }                // host:port, in messages
  const TlsContext* tls() const { return tls_ ? &*tls_ : nullptr; }  // null: plain
  // Null: no proxy. Plain requests need no tunnel; they use its fields to address the proxy.
  const Tunnel* tunnel() const { return tunnel_ ? &*tunnel_ : nullptr; }
  bool uses_tunnel() const { return tunnel_ && (tls_ || proxy_.always_tunnels); }

  // What is resolved and connected to, the host or its proxy, as messages name it.
  const std::string& peer_host() const { return peer_host_; }
  const PeerName& peer_name() const { return peer_name_; }
  Resolver& resolver() { return resolver_; }
  // The address of the last connection.
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
  std::string peer_host_;
  PeerName peer_name_;
  Resolver resolver_;
  Address preferred_;
};

}  // namespace khs::http
