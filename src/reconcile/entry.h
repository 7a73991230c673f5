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
#include "reconcile/start_backoff.h"

namespace khs::reconcile {

// A name and what runs under it.
struct Entry {
  explicit Entry(std::unique_ptr<metrics::ConnectorMetrics> its_metrics)
      : metrics(std::move(its_metrics)) {}

  const std::unique_ptr<metrics::ConnectorMetrics> metrics;
  bool ending = false;
  bool restart_asked = false;                  // why it ends: a call asked for it
  bool was_stopped = false;                    // by its target, since it last ran
  uint64_t generation = 0;                     // of the definition that it runs by
  std::map<std::string, std::string> written;  // that definition
  StartBackoff backoff;
  bool failure_counted = false;
  // There is no connector though there should be, or it does not run by its new definition, because
  // there are not enough file descriptors.
  struct RefusedStart {
    std::string why;
    base::MonotonicTime since;
    bool is_logged = false;
  };
  std::optional<RefusedStart> refused;
  std::unique_ptr<Connector> connector;  // last: it counts into metrics
};

}  // namespace khs::reconcile
