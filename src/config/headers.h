#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "config/secrets.h"
#include "config/template.h"

namespace khs::config {

using Headers = std::vector<std::pair<std::string, Template>>;

// Parses `callback.request.headers`: a JSON object, or the legacy `K:V` entries with separators.
// References are resolved after the text is split, so a secret may contain any characters. A text
// that is only a reference contains all headers, without templates. The error quotes no value,
// because values may be credentials. If secrets are not read, the headers with references are
// omitted.
base::Expected<Headers, std::string> ParseHeaders(std::string_view text, std::string_view separator,
                                                  SecretResolver& secrets);

}  // namespace khs::config
