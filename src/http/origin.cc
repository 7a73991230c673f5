#include "http/origin.h"

#include <utility>

namespace khs::http {

Origin::Origin(const Target& target, const config::TlsConfig& tls,
               std::shared_ptr<WakeEvent> looked_up)
    : host_(target.host),
      shown_host_(target.shown_host),
      port_(target.port),
      label_(target.label),
      tls_config_(tls),
      resolver_(target.host, target.port, std::move(looked_up)) {
  if (target.tls) tls_.emplace(tls, target);
}

bool Origin::Is(const Target& target, const config::TlsConfig& tls) const {
  return host_ == target.host && shown_host_ == target.shown_host && port_ == target.port &&
         tls_.has_value() == target.tls && (!target.tls || tls_config_ == tls);
}

}  // namespace khs::http
