#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace khs::request {

// The headers of a request, as text in the format of the wire. One text, because a string per name
// and value would cost more than the rest of the request. Owned by Request.
class Headers {
 public:
  void Reserve(size_t bytes) { lines_.reserve(bytes); }
  // Name and value must be valid (header_syntax.h). The value is the concatenation of the parts.
  void Add(std::string_view name, std::initializer_list<std::string_view> value_parts);
  void Add(std::string_view name, std::string_view value) { Add(name, {value}); }

  // Replaces the value of a header, or adds the header.
  void Set(std::string_view name, std::string_view value);

  // Returns the value of the first header of a name, in any case; valid until the next change.
  std::optional<std::string_view> Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name).has_value(); }
  // Every line ends with CR LF.
  const std::string& lines() const { return lines_; }

 private:
  std::string lines_;
};

}  // namespace khs::request
