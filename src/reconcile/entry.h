#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "metrics/connector_metrics.h"
#include "reconcile/connector.h"
#include "reconcile/phase.h"
#include "reconcile/start_backoff.h"

namespace khs::reconcile {

// A connector's name and what runs under it. Owned by the fleet and used by the reconciler's
// thread.
struct Entry {
  explicit Entry(std::unique_ptr<metrics::ConnectorMetrics> its_metrics)
      : metrics(std::move(its_metrics)) {}

  Phase phase() const {
    if (!connector) return Phase::kAbsent;
    return draining ? Phase::kDraining : connector->phase();
  }

  const std::unique_ptr<metrics::ConnectorMetrics> metrics;
  bool draining = false;
  bool restart_requested = false;              // it drains because a caller asked for a restart
  bool stays_stopped = false;                  // see ObservedConnector
  uint64_t generation = 0;                     // of the definition that it runs by
  std::map<std::string, std::string> written;  // the keys of that definition
  StartBackoff backoff;
  bool failure_counted = false;
  // There are too few file descriptors for the connector, or for its new definition.
  struct RefusedStart {
    std::string why;
    base::MonotonicTime since;
    bool is_logged = false;
  };
  std::optional<RefusedStart> refused;
  std::unique_ptr<Connector> connector;  // last: it counts into metrics
};

}  // namespace khs::reconcile
