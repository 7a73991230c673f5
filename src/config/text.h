#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/header_syntax.h"
#include "base/utf8.h"

namespace khs::config {

// Removes ASCII white space at both ends.
std::string_view Trim(std::string_view text);

// These change only ASCII letters.
std::string Lower(std::string_view text);
std::string Upper(std::string_view text);

// Splits a list at its commas and trims the elements, which may be empty. A blank text is an empty
// list.
std::vector<std::string> SplitList(std::string_view text);

using base::EqualIgnoringCase;
using base::HasControlCharacter;
using base::IsUtf8;
using base::Printable;

// Returns whether Kafka accepts the name of a topic. kInvalidTopicName follows an invalid name.
bool IsTopicName(std::string_view name);
constexpr std::string_view kInvalidTopicName =
    " is not a legal topic name: up to 249 of the characters a-z, A-Z, 0-9, '.', '_' and '-'";

// The placeholder of a value that must not be shown.
constexpr std::string_view kHiddenValue = "[hidden]";

// Returns whether a value looks like a URL with a user, and perhaps a password.
bool MayHoldUser(std::string_view text);

// Returns a text for messages: printable and at most 120 bytes long.
std::string Abbreviate(std::string_view text);

}  // namespace khs::config
