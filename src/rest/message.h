#pragma once

#include <functional>
#include <map>
#include <string>

namespace khs::rest {

// An HTTP request without anything of the connection that it came on.
struct Request {
  std::string method;
  std::string path;                            // without the query, as sent
  std::string query;                           // after the `?`, as sent
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool from_loopback = false;  // the caller is on this machine or in this pod

  // Returns the value of a header, which is empty without it. `name` is in lower case.
  std::string Header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

// The response to a Request.
struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::map<std::string, std::string> headers;
};

// Several threads may call it at once.
using Handler = std::function<Response(const Request&)>;

// The method is empty when the request was rejected before it was parsed.
using ResponseObserver = std::function<void(const std::string& method, int status)>;

}  // namespace khs::rest
