#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::config {

// Writes one of Java's regular expressions, which has to match a whole text, as a POSIX extended
// one. Fails with a reason that quotes nothing if it has a part without an equivalent.
base::Expected<std::string, std::string> TranslateRegex(std::string_view pattern);

}  // namespace khs::config
