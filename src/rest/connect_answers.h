#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "connect/worker.h"
#include "rest/connect_api.h"
#include "rest/json_text.h"
#include "rest/message.h"

namespace khs::rest {

Response Json(int status, JsonText text);
Response Empty(int status);
// Kafka Connect's error body.
Response Error(int status, std::string_view message);
// Of HTTP itself: `HTTP 404 Not Found`.
Response HttpError(int status, std::string_view reason);
// A body that is not what it should be, each problem with its place in it.
Response BadBody(const config::Problems& problems);
// Absent for a class that there is; Kafka Connect's answer otherwise.
std::optional<Response> UnknownClass(std::string_view java_class);
// A definition that is not valid, one message an error.
Response InvalidConfig(const std::vector<std::string>& messages);
// `not_found` is the endpoint's own wording.
Response Refuse(const connect::CallError& refusal, const std::string& name,
                std::string_view not_found);

// What most endpoints say of an unknown connector.
std::string NotFoundText(const std::string& name);

// Kafka Connect's shapes.
void WriteInfo(JsonText& text, const connect::ConnectorInfo& info);
void WriteStatus(JsonText& text, const connect::ConnectorStatus& status,
                 const std::string& worker_id);
void WriteTaskStatus(JsonText& text, const connect::TaskStatus& task, const std::string& worker_id);
void WriteConfig(JsonText& text, const connect::ConfigMap& config);
void WriteStrings(JsonText& text, const std::vector<std::string>& strings);

}  // namespace khs::rest
