#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::config {

// What a text of another connector may contain besides references to secrets (`${provider:path}`).
enum class ForeignText {
  kPlain,     // nothing
  kConstant,  // nothing, but templates are possible where it is used here: `{{` is literal
  kDollar,    // Confluent's templates: `${topic}`, `${key}`, `${field}`
  kBraces,    // Lenses' templates: `{{value.field}}`
};

// Writes a text as it is written here. `null_text` becomes the default of Lenses' templates for key
// and value. Fails with a reason if a reference or a template cannot be written here.
base::Expected<std::string, std::string> TranslateText(
    std::string_view text, ForeignText form, const std::optional<std::string>& null_text = {});

}  // namespace khs::config
