#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace khs::config {

// Without the ASCII blanks at both ends.
std::string_view Trim(std::string_view text);

// ASCII only: keys and enumerated values are.
std::string Lower(std::string_view text);
std::string Upper(std::string_view text);
bool EqualsIgnoringCase(std::string_view left, std::string_view right);

// A comma list, each element trimmed; a blank text is an empty list, a comma too many an empty
// element.
std::vector<std::string> SplitList(std::string_view text);

using base::HasControlCharacter;
using base::IsUtf8;
using base::Printable;

// As Kafka judges it; what is wrong with another follows its name.
bool IsTopicName(std::string_view name);
constexpr std::string_view kNoTopicName =
    " is not a legal topic name: up to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'";

// Printable, and shortened to what a message can hold.
std::string Shown(std::string_view text);

}  // namespace khs::config
