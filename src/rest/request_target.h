#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace khs::rest {

// Decodes `%XX` and keeps `+`. Absent when an escape is invalid or the result is not UTF-8.
std::optional<std::string> PercentDecode(std::string_view text);

// Encodes everything but RFC 3986's unreserved characters, so that a name is one segment of a path.
// Encodes the dots of `.` and `..` too, because clients resolve those.
std::string PercentEncodeSegment(std::string_view text);

// The path of a request target, which is a whole URL when the client takes the server for a proxy.
std::string_view PathOf(std::string_view target);

// The segments between the slashes, undecoded. A trailing slash is ignored, and `/` has no
// segments. Absent when the path does not start with a slash.
std::optional<std::vector<std::string_view>> SplitPath(std::string_view path);

// The decoded parameters of a request's query. A `+` is a space, and an invalid escape is kept.
class Query {
 public:
  explicit Query(std::string_view text);

  // The value of the first parameter with the name. Valid as long as this object.
  std::optional<std::string_view> First(std::string_view name) const;
  // Whether the first parameter with the name is `true`, in any case; `missing` without one.
  bool IsTrue(std::string_view name, bool missing = false) const;
  bool Has(std::string_view name) const;
  bool Has(std::string_view name, std::string_view value) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace khs::rest
