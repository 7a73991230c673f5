#pragma once

#include <string_view>

namespace khs::request {

// HTTP's names compare without regard to case, in ASCII.
bool EqualIgnoringCase(std::string_view a, std::string_view b);

// Whether two names are one to a receiver of the CGI kind (WSGI, FastCGI, PHP), which also takes
// `_` for `-`.
bool ReadAsOne(std::string_view a, std::string_view b);

// A field name: RFC 9110's token.
bool IsFieldName(std::string_view name);

// A field value as it may stand on the wire: no control character but the tab. Empty is one.
bool IsFieldValue(std::string_view value);

// Without the blanks around it: RFC 9110's optional white space, which is spaces and tabs.
std::string_view TrimBlanks(std::string_view text);

// Names that say how the message or its connection works (Content-Length, Connection, Proxy-*,
// ...): only who owns the connection may set them. Host is one of them.
bool BelongsToConnection(std::string_view name);

}  // namespace khs::request
