#pragma once

#include <optional>
#include <string>

#include "config/connector_config.h"
#include "config/key_row.h"

namespace khs::config {

// A connector's configuration on its way, with what only the finished whole needs.
struct ConnectorDraft {
  static constexpr References kReferences = References::kResolved;

  SecretResolver& secrets;
  ConnectorConfig config = {};
  std::string header_separator = "|";
  bool knows_header_separator = true;  // false: it is a secret that was not read
  bool has_request_retry = false;
};

// What the rows of the connector table do with their values.
Verdict TakeName(const Value& value, ConnectorDraft& draft);
Verdict TakeConnectorClass(const Value& value, ConnectorDraft& draft);
Verdict TakeTopics(const Value& value, ConnectorDraft& draft);
Verdict TakeTopicsRegex(const Value& value, ConnectorDraft& draft);
Verdict TakeTasksMax(const Value& value, ConnectorDraft& draft);
Verdict TakeConverter(const Value& value, ConnectorDraft& draft);
Verdict TakeValueConverter(const Value& value, ConnectorDraft& draft);
Verdict TakeUrl(const Value& value, ConnectorDraft& draft);
Verdict TakeMethod(const Value& value, ConnectorDraft& draft);
Verdict TakeHeaderSeparator(const Value& value, ConnectorDraft& draft);
Verdict TakeHeaders(const Value& value, ConnectorDraft& draft);
Verdict TakeConnectTimeout(const Value& value, ConnectorDraft& draft);
Verdict TakeReadTimeout(const Value& value, ConnectorDraft& draft);
Verdict TakeProxyHost(const Value& value, ConnectorDraft& draft);
Verdict TakeProxyPort(const Value& value, ConnectorDraft& draft);
Verdict TakeProxyUser(const Value& value, ConnectorDraft& draft);
Verdict TakeProxyPassword(const Value& value, ConnectorDraft& draft);
Verdict TakeConnectionMaxAge(const Value& value, ConnectorDraft& draft);
Verdict TakeIndicatorRule(const Value& value, ConnectorDraft& draft);
Verdict TakeStrategy(const Value& value, ConnectorDraft& draft);
Verdict TakeRetryBackoff(const Value& value, ConnectorDraft& draft);
Verdict TakeRequestRetryBackoff(const Value& value, ConnectorDraft& draft);
Verdict TakeRetryAfterMax(const Value& value, ConnectorDraft& draft);
Verdict TakeRequestDelay(const Value& value, ConnectorDraft& draft);
Verdict TakeNullValues(const Value& value, ConnectorDraft& draft);
Verdict TakeForwardHeaders(const Value& value, ConnectorDraft& draft);
Verdict TakeOrdering(const Value& value, ConnectorDraft& draft);
Verdict TakeMaxInFlight(const Value& value, ConnectorDraft& draft);
Verdict TakeQueueMaxBytes(const Value& value, ConnectorDraft& draft);
Verdict TakeOffsetFlushInterval(const Value& value, ConnectorDraft& draft);
Verdict TakeConsumerProperty(const Value& value, ConnectorDraft& draft);
Verdict TakeDeadLetterTopic(const Value& value, ConnectorDraft& draft);
Verdict TakeDeadLetterHeaders(const Value& value, ConnectorDraft& draft);
Verdict TakeCaLocation(const Value& value, ConnectorDraft& draft);
Verdict TakeCertificateLocation(const Value& value, ConnectorDraft& draft);
Verdict TakeKeyLocation(const Value& value, ConnectorDraft& draft);
Verdict TakeKeyPassword(const Value& value, ConnectorDraft& draft);
Verdict TakeVerification(const Value& value, ConnectorDraft& draft);

// Connect's own keys, of which only the form is judged.
Verdict JudgeErrorTolerance(const Value& value, ConnectorDraft& draft);
Verdict JudgeReloadAction(const Value& value, ConnectorDraft& draft);
Verdict JudgeReplicationFactor(const Value& value, ConnectorDraft& draft);
Verdict JudgeTransforms(const Value& value, ConnectorDraft& draft);

}  // namespace khs::config
