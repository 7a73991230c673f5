#pragma once

#include "kafka/group_history.h"
#include "reconcile/worker.h"

namespace khs::app {

class ClusterWatch;

// Group access through librdkafka's admin client. The arguments must outlive the result.
reconcile::GroupAccess MakeGroupAccess(const ClusterWatch& cluster,
                                       kafka::GroupHistories& histories);

}  // namespace khs::app
