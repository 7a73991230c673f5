#include "rest/connect_answers.h"
#include "rest/connect_handlers.h"
#include "rest/openapi.h"

namespace khs::rest {
namespace {

// The Kafka version of this API. Clients choose features by it.
constexpr std::string_view kKafkaVersion = "3.9.0";

Response Health(int status, std::string_view word, std::string_view message) {
  JsonText text;
  text.BeginObject().Key("status").String(word).Key("message").String(message).EndObject();
  return Json(status, std::move(text));
}

}  // namespace

Response GetRoot(const Call& call) {
  JsonText text;
  text.BeginObject().Key("version").String(kKafkaVersion);
  text.Key("commit").String(call.api.commit).Key("kafka_cluster_id");
  const std::string cluster = call.api.worker.ClusterId();
  cluster.empty() ? text.Null() : text.String(cluster);
  text.EndObject();
  return Json(200, std::move(text));
}

Response GetHealth(const Call& call) {
  if (!call.api.worker.Started()) {
    return Health(503, "starting", "Worker is still starting up. The definitions are being read.");
  }
  if (!call.api.worker.BrokerAnswers()) {
    return Health(500, "unhealthy",
                  "Worker was unable to handle this request and may be unable to handle other "
                  "requests. No Kafka broker answers.");
  }
  return Health(200, "healthy", "Worker has completed startup and is ready to handle requests.");
}

Response GetOpenApi(const Call&) {
  return {200, "application/json", std::string(OpenApiDocument()), {}};
}

Response PostReload(const Call& call) {
  JsonText text;
  text.BeginObject().Key("problems");
  WriteStrings(text, call.api.worker.Reload());
  text.EndObject();
  return Json(200, std::move(text));
}

Response PostDrain(const Call& call) {
  JsonText text;
  text.BeginObject().Key("drained").Boolean(call.api.worker.Drain()).EndObject();
  return Json(200, std::move(text));
}

}  // namespace khs::rest
