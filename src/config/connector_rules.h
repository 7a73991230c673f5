#pragma once

#include <string_view>
#include <vector>

#include "config/connector_config.h"
#include "config/problem_list.h"
#include "config/settings.h"

namespace khs::config {

// Messages of Kafka Connect. Both concern two keys.
constexpr std::string_view kNoSubscription = "Must configure one of topics or topics.regex";
constexpr std::string_view kBothSubscriptions =
    "topics and topics.regex are mutually exclusive options, but both are set.";

// Returns what ParseConnectorToml reports of a definition without defaults, without quoting any
// value.
Problems FindProblems(const ConnectorSource& source, std::string_view toml);

// Validates `defaults.*` as far as that is possible without a connector.
void ValidateDefaults(const std::vector<WrittenEntry>& defaults, ProblemList& problems);

}  // namespace khs::config
