#pragma once

#include <string>

#include "config/connector_values.h"
#include "config/key_row.h"
#include "config/problem_list.h"
#include "config/settings.h"

namespace khs::config {

// The functions of the connector table for the keys about signatures.
Outcome SetSignatureType(const Value& value, ConnectorDraft& draft);
// Splits the secrets before their references are resolved, so that a secret may contain commas.
Outcome SetSignatureSecrets(const Value& value, ConnectorDraft& draft);

// Combines these keys to the signature of the endpoint, and reports secrets that don't fit its
// type. `file` is the connector's own.
void ResolveSignature(const Settings& settings, const std::string& file, ConnectorDraft& draft,
                      ProblemList& problems);

}  // namespace khs::config
