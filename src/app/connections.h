#pragma once

#include "base/clock.h"
#include "kafka/properties.h"
#include "reconcile/connector.h"

namespace khs::app {

// The real way to Kafka and to endpoints. What is passed by reference outlives every connector.
reconcile::Connections MakeConnections(const kafka::Properties& kafka, const base::Clock& clock);

}  // namespace khs::app
