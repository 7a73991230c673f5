#include "rest/connect_answers.h"
#include "rest/connect_handlers.h"
#include "rest/offset_request.h"

namespace khs::rest {
namespace {

using connect::CallError;

// `verb` is "alter" or "reset", for Kafka Connect's message.
Response OffsetsError(CallError error, const std::string& name, const std::string& verb) {
  if (error.kind == CallError::Kind::kStillActive) {
    error.message = "Failed to " + verb + " consumer group offsets for connector " + name +
                    " either because its tasks haven't stopped completely yet or the connector "
                    "was resumed before the request to " +
                    verb +
                    " its offsets could be successfully completed. If the connector is in a "
                    "stopped state, this operation can be safely retried.";
  }
  return ErrorOf(error, name, NotFoundText(name));
}

Response Changed(const char* how) {
  JsonText text;
  text.BeginObject().Key("message");
  text.String(std::string("The offsets for this connector have been ") + how + " successfully");
  text.EndObject();
  return Json(200, std::move(text));
}

}  // namespace

Response GetOffsets(const Call& call) {
  const auto offsets = call.api.worker.Offsets(call.name());
  if (!offsets) return ErrorOf(offsets.error(), call.name(), NotFoundText(call.name()));
  JsonText text;
  text.BeginObject().Key("offsets").BeginArray();
  for (const connect::PartitionOffset& offset : *offsets) {
    if (!offset.offset) continue;
    text.BeginObject().Key("partition").BeginObject();
    text.Key("kafka_partition").Number(offset.partition).Key("kafka_topic").String(offset.topic);
    text.EndObject().Key("offset").BeginObject();
    text.Key("kafka_offset").Number(*offset.offset).EndObject().EndObject();
  }
  text.EndArray().EndObject();
  return Json(200, std::move(text));
}

Response PatchOffsets(const Call& call) {
  const auto sent = ReadOffsets(call.request.body);
  if (!sent) return Error(400, sent.error());
  if (sent->empty()) {
    return Error(400, "Partitions / offsets need to be provided for an alter offsets request");
  }
  // Kafka Connect checks the connector before each offset.
  const auto stopped = call.api.worker.AwaitStopped(call.name());
  if (!stopped) return OffsetsError(stopped.error(), call.name(), "alter");
  const auto offsets = ParseOffsets(*sent);
  if (!offsets) return Error(400, offsets.error());
  const auto done = call.api.worker.AlterOffsets(call.name(), *offsets);
  return done ? Changed("altered") : OffsetsError(done.error(), call.name(), "alter");
}

Response DeleteOffsets(const Call& call) {
  const auto done = call.api.worker.ResetOffsets(call.name());
  return done ? Changed("reset") : OffsetsError(done.error(), call.name(), "reset");
}

}  // namespace khs::rest
