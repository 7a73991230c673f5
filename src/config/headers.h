#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace khs::config {

using Headers = std::vector<std::pair<std::string, std::string>>;

// `callback.request.headers`: a JSON object, or the legacy `K:V` entries between separators. The
// error is a reason that quotes no value, because values are credentials often enough.
base::Expected<Headers, std::string> ParseHeaders(std::string_view text,
                                                  std::string_view separator);

}  // namespace khs::config
