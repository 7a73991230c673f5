#pragma once

#include <string>

#include "config/connector_values.h"
#include "config/key_row.h"
#include "config/problem_list.h"
#include "config/settings.h"

namespace khs::config {

// A setter for `Store`.
Outcome SetStatusCodes(const Value& value, delivery::StatusCodes& target);

// The functions of the connector table for the keys that decide what a status means, and when a
// record is retried.
Outcome SetBackoffPolicy(const Value& value, ConnectorDraft& draft);
Outcome SetBackoffDelay(const Value& value, ConnectorDraft& draft);
Outcome SetBackoffMax(const Value& value, ConnectorDraft& draft);
Outcome SetMaxRetries(const Value& value, ConnectorDraft& draft);

// Reports a status that is in two lists. `file` is the connector's own.
void ValidateStatusRules(const Settings& settings, const std::string& file,
                         const RowApplier<ConnectorDraft>& applier, const ConnectorDraft& draft,
                         ProblemList& problems);

// Combines the keys about delays to the back-offs of the policy, and reports those that contradict
// each other. Where a key of the connector contradicts a default, the default has no effect.
void ResolveBackoff(const Settings& settings, const std::string& file, ConnectorDraft& draft,
                    ProblemList& problems);

// Warns of valid settings of these keys that are probably not intended.
void WarnOfRetrySettings(const Settings& settings, const std::string& file,
                         const ConnectorDraft& draft, ProblemList& problems);

}  // namespace khs::config
