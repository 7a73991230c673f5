#pragma once

#include <string_view>
#include <vector>

#include "config/problem_list.h"
#include "config/settings.h"

namespace khs::config {

// Kafka's words; either is about both keys.
constexpr std::string_view kNoSubscription = "Must configure one of topics or topics.regex";
constexpr std::string_view kBothSubscriptions =
    "topics and topics.regex are mutually exclusive options, but both are set.";

// Judges `defaults.*` as far as they can be without a connector.
void JudgeDefaults(const std::vector<Written>& defaults, ProblemList& problems);

}  // namespace khs::config
