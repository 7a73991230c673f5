#include "app/listeners.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "app/version.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "rest/connect_router.h"
#include "rest/credentials.h"
#include "rest/error_response.h"
#include "rest/probes.h"

namespace khs::app {
namespace {

const base::Logger& Log() {
  static const base::Logger logger("app");
  return logger;
}

std::vector<std::string> Unready(const reconcile::Reconciler& reconciler) {
  const reconcile::Readiness readiness = reconciler.readiness();
  if (std::string why = readiness.starting(); !why.empty()) return {std::move(why)};
  if (readiness.draining) return {"draining"};
  return readiness.waiting_for;
}

// Callers get a sixteenth of the file descriptors at most.
rest::Limits ConnectionLimits() {
  rest::Limits limits;
  limits.connections = std::clamp<size_t>(base::MaxDescriptors() / 16, 16, limits.connections);
  return limits;
}

rest::HttpServer::Options OptionsOf(const config::ProcessConfig& config) {
  rest::HttpServer::Options options;
  options.limits = ConnectionLimits();
  if (!config.rest_credentials.empty()) {
    options.authorizer =
        rest::MakeAuthorizer(config.rest_credentials, std::chrono::steady_clock::now());
  }
  options.tls = config.rest_tls;
  return options;
}

}  // namespace

std::unique_ptr<rest::HttpServer> ListenForProbes(const config::ProcessConfig& config,
                                                  const metrics::Registry& registry,
                                                  const reconcile::Reconciler& reconciler) {
  if (!config.metrics_listen) return nullptr;
  rest::Probes probes{[&registry] { return registry.Render(); },
                      [&reconciler] { return reconciler.readiness().starting(); },
                      [&reconciler] { return Unready(reconciler); }};
  rest::HttpServer::Options options;
  options.limits = ConnectionLimits();
  auto server = std::make_unique<rest::HttpServer>(
      config.metrics_listen->host, config.metrics_listen->port,
      [probes](const rest::Request& request) { return rest::RouteProbes(probes, request); },
      std::move(options));
  Log().Info("listening for metrics and probes",
             {{"host", config.metrics_listen->host}, {"port", server->port()}});
  return server;
}

std::unique_ptr<rest::HttpServer> ListenForRest(const config::ProcessConfig& config,
                                                connect::Worker& worker,
                                                metrics::Registry& registry,
                                                const base::Clock& clock) {
  if (!config.rest_listen) return nullptr;
  const config::ListenAddress& address = *config.rest_listen;
  const bool tls = !config.rest_tls.certificate.empty();
  const rest::ConnectApi api{worker,
                             rest::ProcessLoggers(clock),
                             kVersion,
                             std::string(kVersion) + "-" + kRevision,
                             address.host + ":" + std::to_string(address.port),
                             tls ? "https" : "http",
                             config.defaults};
  rest::HttpServer::Options options = OptionsOf(config);
  options.on_response = [&registry](const std::string& method, int status) {
    registry.RestRequested(method, status);
  };
  auto server = std::make_unique<rest::HttpServer>(
      address.host, address.port,
      [api](const rest::Request& request) {
        // Before the definitions are known, an answer about connectors would be wrong.
        const bool too_early = request.path.starts_with("/connectors") && !api.worker.Started();
        return too_early ? rest::HttpError(503, "Worker is still starting up.")
                         : rest::RouteConnect(api, request);
      },
      std::move(options));
  Log().Info("listening for REST",
             {{"host", address.host}, {"port", server->port()}, {"tls", tls}});
  return server;
}

}  // namespace khs::app
