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

// A connector as it stands, for whoever shows it.
struct ConnectorView {
  connect::ConnectorStatus status;
  connect::ConnectorInfo info;
  Origin origin = Origin::kFile;
  bool invalid = false;                           // the newest definition is rejected
  std::optional<config::ConnectorConfig> target;  // that it runs by, or would
  bool is_to_stop = false;                        // its target is STOPPED
  bool stopped = false;                           // and nothing of it runs any more
};

struct Status {
  std::map<std::string, ConnectorView> connectors;  // by name
  std::string look_error;  // why the definitions could not be read; empty when they could
  bool settled = false;    // the last look left nothing undecided
};

}  // namespace khs::reconcile
