#pragma once

#include "config/connector_values.h"
#include "config/key_row.h"

namespace khs::config {

// The functions of the connector table for the keys about CloudEvents.
Outcome SetEventMode(const Value& value, ConnectorDraft& draft);
Outcome SetEventType(const Value& value, ConnectorDraft& draft);
Outcome SetEventSource(const Value& value, ConnectorDraft& draft);

}  // namespace khs::config
