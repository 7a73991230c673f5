#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "config/connector_config.h"
#include "connect/worker.h"
#include "metrics/connector_metrics.h"
#include "reconcile/desired.h"

namespace khs::reconcile {

// The published status of a connector.
struct ConnectorView {
  connect::ConnectorStatus status;
  connect::ConnectorInfo info;
  Origin origin = Origin::kFile;
  bool invalid = false;                           // the newest definition is invalid
  std::optional<config::ConnectorConfig> config;  // that it runs by, or would run by
  connect::TargetState target_state = connect::TargetState::kStarted;
  // Continues to grow; null while nothing of the connector was ever started.
  std::shared_ptr<const metrics::ErrorHistory> errors = {};
  bool stopped = false;  // its target state is STOPPED, and nothing of it runs any more
};

// The state of all connectors that the reconciler publishes.
struct Status {
  std::map<std::string, ConnectorView> connectors;  // by name
  std::string scan_error;  // why the definitions could not be read; empty when they could
  bool settled = false;    // nothing was still changing at the last scan
};

}  // namespace khs::reconcile
