#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/auth_values.h"
#include "config/connector_config.h"
#include "config/key_row.h"

namespace khs::config {

// A connector's configuration while its rows are applied, with state that is needed until then.
struct ConnectorDraft {
  static constexpr References kReferences = References::kResolved;

  SecretResolver& secrets;
  ConnectorConfig config = {};
  std::string header_separator = "|";
  bool knows_header_separator = true;  // false: it has a secret that was not read
  bool has_request_retry = false;
  std::optional<delivery::Backoff::Kind> backoff_kind = {};
  delivery::Milliseconds backoff_delay{};
  delivery::Milliseconds backoff_max{};
  size_t max_retries = 0;
  std::optional<SignatureConfig::Type> signature_type = {};
  // Absent elements are secrets that were not read.
  std::vector<std::optional<base::Secret>> signature_secrets = {};
  AuthDraft auth = {};
};

// A week, in seconds.
constexpr std::int64_t kMaxBackoff = 604'800;

// Setters for `Store`.
Outcome SetBackoff(const Value& value, delivery::Backoff& target);
Outcome SetSecret(const Value& value, base::Secret& target);

// The functions of the connector table: each validates a value and stores it in the draft.
Outcome SetName(const Value& value, ConnectorDraft& draft);
Outcome ValidateConnectorClass(const Value& value, ConnectorDraft& draft);
Outcome SetTopics(const Value& value, ConnectorDraft& draft);
Outcome SetTopicsRegex(const Value& value, ConnectorDraft& draft);
Outcome ValidateConverter(const Value& value, ConnectorDraft& draft);
Outcome SetValueConverter(const Value& value, ConnectorDraft& draft);
Outcome SetUrl(const Value& value, ConnectorDraft& draft);
Outcome SetMethod(const Value& value, ConnectorDraft& draft);
Outcome SetHeaderSeparator(const Value& value, ConnectorDraft& draft);
Outcome SetHeaders(const Value& value, ConnectorDraft& draft);
Outcome SetBody(const Value& value, ConnectorDraft& draft);
Outcome SetProxyHost(const Value& value, ConnectorDraft& draft);
Outcome SetProxyUser(const Value& value, ConnectorDraft& draft);
Outcome SetIndicatorRule(const Value& value, ConnectorDraft& draft);
Outcome SetStrategy(const Value& value, ConnectorDraft& draft);
Outcome SetRequestRetryBackoff(const Value& value, ConnectorDraft& draft);
Outcome SetNullValues(const Value& value, ConnectorDraft& draft);
Outcome SetOrdering(const Value& value, ConnectorDraft& draft);
Outcome SetConsumerProperty(const Value& value, ConnectorDraft& draft);
Outcome SetDeadLetterTopic(const Value& value, ConnectorDraft& draft);
Outcome SetVerification(const Value& value, ConnectorDraft& draft);

// Validate keys of Kafka Connect that have no effect here.
Outcome ValidateErrorTolerance(const Value& value, ConnectorDraft& draft);
Outcome ValidateReloadAction(const Value& value, ConnectorDraft& draft);
Outcome ValidateReplicationFactor(const Value& value, ConnectorDraft& draft);
Outcome ValidateTransforms(const Value& value, ConnectorDraft& draft);

}  // namespace khs::config
