#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace khs::request {

// A parsed URL.
struct Target {
  bool tls = false;
  std::string host;  // a name, or an address without brackets
  uint16_t port = 0;
  bool is_address = false;  // the host is an IPv4 or IPv6 address
  std::string path;         // with the query; valid in a request line
  std::string host_header;  // with the port unless it is the scheme's default
  std::string shown_host;   // for messages; *** when it is secret
  std::string label;        // host:port, for messages; *** when the host is secret
};

// Returns path, query and fragment of an absolute URL, as they are written.
std::string_view TargetOf(std::string_view url);

// Percent-encodes what a request line must not contain, in a part of path and query.
std::string EncodeForTarget(std::string_view text);

// Throws std::runtime_error when this is not an absolute http or https URL. The message does not
// quote the URL, which may contain secrets.
Target ParseTarget(const std::string& url, bool host_is_secret = false);

}  // namespace khs::request
