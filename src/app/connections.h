#pragma once

#include <vector>

#include "base/clock.h"
#include "reconcile/connector.h"
#include "reconcile/definition_source.h"

namespace khs::app {

// The real ones: librdkafka and HTTP. `clock` outlives what they make.
reconcile::Connections MakeConnections(const base::Clock& clock);

// What librdkafka and TLS say of a definition, without any network.
std::vector<reconcile::Objection> CheckDefinition(const config::ConnectorConfig& config,
                                                  const base::Clock& clock);

}  // namespace khs::app
