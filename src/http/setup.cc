#include "http/setup.h"

#include <stdexcept>
#include <utility>

#include "http/header_syntax.h"

namespace khs::http {
namespace {

void RequireLegalHeaders(const config::EndpointConfig& endpoint) {
  for (const auto& [name, value] : endpoint.headers) {
    if (!IsFieldName(name)) {
      throw std::runtime_error("callback.request.headers: \"" + name + "\" is not a header's name");
    }
    // Never the value: it may be a secret.
    if (!IsFieldValue(value.Reveal())) {
      throw std::runtime_error("callback.request.headers: the value of " + name +
                               " holds a character that HTTP forbids");
    }
  }
}

std::shared_ptr<Origin> OriginOf(const Target& target, const config::TlsConfig& tls,
                                 const std::shared_ptr<WakeEvent>& looked_up, const Setup* before) {
  if (before != nullptr && before->origin->Is(target, tls)) return before->origin;
  return std::make_shared<Origin>(target, tls, looked_up);
}

}  // namespace

Setup::Setup(config::EndpointConfig definition, delivery::NullValues nulls,
             const std::shared_ptr<WakeEvent>& looked_up, const Setup* before)
    : endpoint(std::move(definition)),
      null_values(nulls),
      target(ParseTarget(endpoint.url.Reveal(), endpoint.host_is_secret)),
      origin(OriginOf(target, endpoint.tls, looked_up, before)) {
  RequireLegalHeaders(endpoint);
}

// What was there before goes after the lock.
void SetupHandover::Give(SetupPtr next) {
  const std::lock_guard lock(mutex_);
  newest_.swap(next);
  fresh_.store(true, std::memory_order_release);
}

SetupPtr SetupHandover::Newest() const {
  const std::lock_guard lock(mutex_);
  return newest_;
}

SetupPtr SetupHandover::Take() {
  const std::lock_guard lock(mutex_);
  fresh_.store(false, std::memory_order_relaxed);
  return newest_;
}

}  // namespace khs::http
