#pragma once

#include <string>
#include <string_view>

#include "config/template.h"

namespace khs::config {

// Returns whether a Content-Type stands for JSON, or for lines of it.
bool IsJsonType(std::string_view content_type);

// Returns whether a Content-Type stands for one JSON text.
bool IsJsonTextType(std::string_view content_type);

// Returns whether a body is a JSON object or array if its templates stand for numbers, or for text
// inside strings.
bool LooksLikeJson(const Template& body);

// Returns what is wrong with a body of such a Content-Type; empty if the body is JSON whatever its
// templates stand for, or if there is none. Quotes nothing of the body but names.
std::string ValidateJsonBody(const Template& body, std::string_view content_type);

}  // namespace khs::config
