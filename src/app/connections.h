#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kafka/group_history.h"
#include "kafka/properties.h"
#include "reconcile/connector.h"
#include "reconcile/definition_source.h"

namespace khs::app {

// The real ones: librdkafka and HTTP. What is passed by reference outlives what they make.
reconcile::Connections MakeConnections(const base::Clock& clock, kafka::GroupHistories& histories);

// What librdkafka and TLS say of a definition, without any network. One thread.
class DefinitionCheck {
 public:
  std::vector<reconcile::Objection> operator()(const config::ConnectorConfig& config);

 private:
  using Tried = std::pair<kafka::Properties, size_t>;  // and the fingerprint of their files

  std::optional<std::string> TryConsumer(const config::ConnectorConfig& config);

  std::optional<Tried> last_tried_;  // with success
};

}  // namespace khs::app
