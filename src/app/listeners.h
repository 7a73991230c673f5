#pragma once

#include <memory>

#include "base/clock.h"
#include "config/process_config.h"
#include "connect/worker.h"
#include "metrics/registry.h"
#include "reconcile/reconciler.h"
#include "rest/http_server.h"

namespace khs::app {

// Metrics and probes, for everybody; null when they are turned off. What is passed by reference
// outlives the listener. Throws std::runtime_error naming the address.
std::unique_ptr<rest::HttpServer> ListenForProbes(const config::ProcessConfig& config,
                                                  const metrics::Registry& registry,
                                                  const reconcile::Reconciler& reconciler);

// The REST API, for those whom its doors let in; likewise.
std::unique_ptr<rest::HttpServer> ListenForRest(const config::ProcessConfig& config,
                                                connect::Worker& worker,
                                                metrics::Registry& registry,
                                                const base::Clock& clock);

}  // namespace khs::app
