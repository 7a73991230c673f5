#pragma once

#include <string_view>

namespace khs::base {

// Converts an ASCII letter, whatever the locale is.
inline char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Compares ASCII text case-insensitively, as HTTP compares names.
bool EqualIgnoringCase(std::string_view a, std::string_view b);

// Returns whether CGI-like receivers (WSGI, FastCGI, PHP) see two names as the same. They ignore
// case and do not distinguish `_` from `-`.
bool IsSameForCgi(std::string_view a, std::string_view b);

// Returns whether it is a valid field name (RFC 9110: token).
bool IsFieldName(std::string_view name);

// Returns whether it is a valid field value: without control characters other than tab. It may be
// empty.
bool IsFieldValue(std::string_view value);

// Removes spaces and tabs at both ends (RFC 9110: optional whitespace).
std::string_view TrimBlanks(std::string_view text);

// Returns whether a header controls the connection or the framing of the message (Content-Length,
// Connection, Proxy-*, Host, ...). Only the HTTP client may set those.
bool IsConnectionHeader(std::string_view name);

// Returns whether a header's value is, or by its name may be, a credential.
bool MayHoldCredentials(std::string_view name);

}  // namespace khs::base
