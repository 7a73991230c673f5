#include "http/origin.h"

namespace khs::http {

Origin::Origin(const request::Target& target, const config::TlsConfig& tls)
    : host_(target.host),
      shown_host_(target.shown_host),
      port_(target.port),
      label_(target.label),
      tls_config_(tls),
      resolver_(target.host, target.port) {
  if (target.tls) tls_.emplace(tls, target);
}

bool Origin::Is(const request::Target& target, const config::TlsConfig& tls) const {
  return host_ == target.host && shown_host_ == target.shown_host && port_ == target.port &&
         tls_.has_value() == target.tls && (!target.tls || tls_config_ == tls);
}

}  // namespace khs::http
