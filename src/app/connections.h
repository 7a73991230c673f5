#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "auth/token_service.h"
#include "base/address_range.h"
#include "base/clock.h"
#include "kafka/group_history.h"
#include "kafka/properties.h"
#include "reconcile/connector.h"
#include "reconcile/definition_source.h"

namespace khs::app {

// Connections through librdkafka and HTTP. The clock, the histories and the tokens must outlive
// everything that they create. No endpoint or proxy is connected to at a `disallowed` address.
reconcile::Connections MakeConnections(const base::Clock& clock, kafka::GroupHistories& histories,
                                       auth::TokenService& tokens,
                                       std::vector<base::AddressRange> disallowed = {});

// The properties of a connector's consumer, without those of its group.
kafka::Properties ConsumerProperties(const config::ConnectorConfig& config);

// A connector's route, see reconcile::Connections. Its destination is an auth::Destination. Without
// `tokens` the route carries none. Throws std::exception that names the key when the definition
// can't be used.
task::Route MakeRoute(const config::ConnectorConfig& config, const task::Route* before,
                      auth::TokenService* tokens);

// Checks a definition with librdkafka and TLS, without any network. Owned by the reconciler and
// used by its thread.
class DefinitionCheck {
 public:
  std::vector<reconcile::Objection> operator()(const config::ConnectorConfig& config);

 private:
  using Tried = std::pair<kafka::Properties, size_t>;  // with the fingerprint of their files

  std::optional<std::string> TryConsumer(const config::ConnectorConfig& config);

  std::optional<Tried> last_tried_;  // the last that succeeded
};

}  // namespace khs::app
