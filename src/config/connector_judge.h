#pragma once

#include <vector>

#include "config/problem_list.h"
#include "config/settings.h"

namespace khs::config {

// Judges `defaults.*` as far as they can be without a connector.
void JudgeDefaults(const std::vector<Written>& defaults, ProblemList& problems);

}  // namespace khs::config
