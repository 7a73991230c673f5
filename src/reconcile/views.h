#pragma once

#include <string>

#include "metrics/connector_metrics.h"
#include "reconcile/desired.h"
#include "reconcile/entry.h"
#include "reconcile/status.h"

namespace khs::reconcile {

// The state to show of a connector. `desired` is null when no definition has its name.
connect::RunState StateOf(const Entry& entry, const DesiredConnector* desired);

// The view of a connector. `entry` is null before the first plan that has its name.
ConnectorView ViewOf(const std::string& name, const DesiredConnector& desired, const Entry* entry);

}  // namespace khs::reconcile
