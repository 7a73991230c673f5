#pragma once

#include "reconcile/worker.h"

namespace khs::app {

class ClusterWatch;

// The real one: librdkafka's admin client. `cluster` outlives what is answered.
reconcile::GroupAccess MakeGroupAccess(const ClusterWatch& cluster);

}  // namespace khs::app
