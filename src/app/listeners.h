#pragma once

#include <memory>

#include "base/clock.h"
#include "config/process_config.h"
#include "connect/worker.h"
#include "metrics/registry.h"
#include "reconcile/reconciler.h"
#include "rest/http_server.h"

namespace khs::app {

// Serves metrics and probes without access control; null when they are turned off. The arguments
// must outlive the listener. Throws std::runtime_error with the address.
std::unique_ptr<rest::HttpServer> ListenForProbes(const config::ProcessConfig& config,
                                                  const metrics::Registry& registry,
                                                  const reconcile::Reconciler& reconciler);

// Serves the REST API, behind credentials and TLS if they are configured; otherwise as above.
std::unique_ptr<rest::HttpServer> ListenForRest(const config::ProcessConfig& config,
                                                connect::Worker& worker,
                                                metrics::Registry& registry,
                                                const base::Clock& clock);

}  // namespace khs::app
