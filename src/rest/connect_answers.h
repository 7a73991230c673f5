#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.h"
#include "connect/worker.h"
#include "rest/connect_api.h"
#include "rest/error_response.h"
#include "rest/json_text.h"
#include "rest/message.h"

namespace khs::rest {

Response Json(int status, JsonText text);
Response Empty(int status);
// The answer to an invalid body: each problem with its place.
Response BadBody(const config::Problems& problems);
// Kafka Connect's answer for an unknown class, followed by lines of advice; absent for a known one.
std::optional<Response> UnknownClass(std::string_view java_class,
                                     const std::vector<std::string>& advice = {});
// The answer to an invalid definition, with a message for each error.
Response InvalidConfig(const std::vector<std::string>& messages);
// The answer to a failed call. `not_found` is the endpoint's text for an unknown connector.
Response ErrorOf(const connect::CallError& error, const std::string& name,
                 std::string_view not_found);

// Most endpoints' text for an unknown connector.
std::string NotFoundText(const std::string& name);

// These write Kafka Connect's JSON.
void WriteInfo(JsonText& text, const connect::ConnectorInfo& info);
void WriteStatus(JsonText& text, const connect::ConnectorStatus& status,
                 const std::string& worker_id);
void WriteTaskStatus(JsonText& text, const connect::TaskStatus& task, const std::string& worker_id);
void WriteConfig(JsonText& text, const connect::ConfigMap& config);
void WriteStrings(JsonText& text, const std::vector<std::string>& strings);

}  // namespace khs::rest
