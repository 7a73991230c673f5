#pragma once

#include <span>

#include "config/connector_values.h"
#include "config/key_row.h"

namespace khs::config {

// The definition table of connectors; ConnectorKeys() is its public half.
std::span<const Row<ConnectorDraft>> ConnectorRows();

}  // namespace khs::config
