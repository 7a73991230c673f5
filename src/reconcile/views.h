#pragma once

#include <string>

#include "metrics/connector_metrics.h"
#include "reconcile/desired.h"
#include "reconcile/entry.h"
#include "reconcile/status.h"

namespace khs::reconcile {

// How a connector is, by what runs under its name and what should; null: it should not be.
connect::RunState StateOf(const Entry& entry, const Wanted* wanted);

// What is shown of it; null: nothing stands under its name yet.
ConnectorView ViewOf(const std::string& name, const Wanted& wanted, const Entry* entry);

}  // namespace khs::reconcile
