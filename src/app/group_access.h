#pragma once

#include "kafka/group_history.h"
#include "reconcile/worker.h"

namespace khs::app {

class ClusterWatch;

// The real one: librdkafka's admin client. What is passed by reference outlives what is answered.
reconcile::GroupAccess MakeGroupAccess(const ClusterWatch& cluster,
                                       kafka::GroupHistories& histories);

}  // namespace khs::app
