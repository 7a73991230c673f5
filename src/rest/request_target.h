#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace khs::rest {

// Without `%XX`; a `+` stays one. Absent when an escape is broken or what comes out is not UTF-8.
std::optional<std::string> PercentDecode(std::string_view text);

// All but RFC 3986's unreserved characters become `%XX`, so that a name is one segment of a path;
// the dots of `.` and `..` too, which clients resolve.
std::string PercentEncodeSegment(std::string_view text);

// The path of a request's target that may be a whole URL, as proxies are sent it.
std::string_view PathOf(std::string_view target);

// What stands between the slashes, undecoded; a slash at the end is left out. `/` has no segments.
// Absent for what does not start with a slash.
std::optional<std::vector<std::string_view>> SplitPath(std::string_view path);

// A query's parameters, decoded, with `+` as a blank; a broken escape stays as it is.
class Query {
 public:
  explicit Query(std::string_view text);

  // The value of the first parameter of this name. Valid as long as this object is.
  std::optional<std::string_view> First(std::string_view name) const;
  // Only `true`, in any case, is true; of several the first counts. `missing` when there is none.
  bool IsTrue(std::string_view name, bool missing = false) const;
  bool Has(std::string_view name) const;
  bool Has(std::string_view name, std::string_view value) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace khs::rest
