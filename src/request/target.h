#pragma once

#include <cstdint>
#include <string>

namespace khs::request {

// Where a URL points, taken apart once.
struct Target {
  bool tls = false;
  std::string host;  // a name, or an address without brackets
  uint16_t port = 0;
  bool is_address = false;  // the host is an IPv4 or IPv6 address
  std::string path;         // with the query; fit for a request line
  std::string host_header;  // with the port unless it is the scheme's own
  std::string shown_host;   // for people; *** when it is secret
  std::string label;        // host:port, for people; *** when the host is secret
};

// Throws std::runtime_error, naming the reason but not the URL (which may hold secrets), when this
// is not an absolute http or https URL.
Target ParseTarget(const std::string& url, bool host_is_secret = false);

}  // namespace khs::request
