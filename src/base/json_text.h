#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace khs::base {

// The way to a value in a JSON text: names of members, and digits for elements of arrays.
using JsonPath = std::vector<std::string>;

// Finds the values at several paths of a JSON text (RFC 8259) in one pass, without a tree. Returns
// each value as it is written, a part of `text`; empty if there is none. The last of repeated
// members counts. Returns nothing if the text is not JSON, or is nested deeper than 128 levels.
std::optional<std::vector<std::string_view>> FindInJson(std::string_view text,
                                                        std::span<const JsonPath> paths);

bool IsJson(std::string_view text);

// Appends a valid JSON text without the blanks between its tokens.
void AppendCompactJson(std::string& out, std::string_view json);

// Returns the text of a valid string literal.
std::string UnescapeJson(std::string_view literal);

// Appends UTF-8 text with the escapes that it needs in a string literal.
void AppendJsonEscaped(std::string& out, std::string_view text);

// Returns whether a part of a JSON text ends inside a string literal. `in_string`: it begins in
// one.
bool EndsInJsonString(std::string_view part, bool in_string);

}  // namespace khs::base
