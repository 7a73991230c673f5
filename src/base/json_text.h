#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace khs::base {

// The way to a value in a JSON text: names of members, and digits for elements of arrays.
using JsonPath = std::vector<std::string>;

// Why a text is not read as JSON.
enum class JsonFault { kSyntax, kTooDeep, kNotUtf8 };

// Finds the values at several paths of a JSON text (RFC 8259) in one pass, without a tree. Returns
// each value as it is written, a part of `text`; empty if there is none. The last of repeated
// members counts. Half of a surrogate pair in an escape is valid. The text may be nested 128 levels
// deep.
Expected<std::vector<std::string_view>, JsonFault> FindInJson(std::string_view text,
                                                              std::span<const JsonPath> paths);

bool IsJson(std::string_view text);

// Appends a valid JSON text without the blanks between its tokens.
void AppendCompactJson(std::string& out, std::string_view json);

// Returns the text of a valid string literal; nothing if it holds half of a surrogate pair, which
// is no character.
std::optional<std::string> UnescapeJson(std::string_view literal);

// Appends UTF-8 text with the escapes that it needs in a string literal.
void AppendJsonEscaped(std::string& out, std::string_view text);

// Returns whether a part of a JSON text ends inside a string literal. `in_string`: it begins in
// one.
bool EndsInJsonString(std::string_view part, bool in_string);

}  // namespace khs::base
