#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "config/secrets.h"

namespace khs::config {

using Headers = std::vector<std::pair<std::string, base::Secret>>;

// `callback.request.headers`: a JSON object, or the legacy `K:V` entries between separators. A
// secret in a value is put in after the text was taken apart, so it arrives byte for byte whatever
// is in it. A text that is one reference and nothing else stands for all headers. The error is a
// reason that quotes no value, because values are credentials often enough. Without something to
// read secrets with, the headers that need them are left out.
base::Expected<Headers, std::string> ParseHeaders(std::string_view text, std::string_view separator,
                                                  SecretResolver& secrets);

}  // namespace khs::config
