#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace khs::request {

// The headers of a request in the form in which they go on the wire, a line each. They are one
// text, because a string for each name and value would cost more than the rest of a request does.
class Headers {
 public:
  void Reserve(size_t bytes) { lines_.reserve(bytes); }
  // Name and value must be fit for the wire (header_syntax.h). The value is what the parts are
  // together.
  void Add(std::string_view name, std::initializer_list<std::string_view> value_parts);
  void Add(std::string_view name, std::string_view value) { Add(name, {value}); }

  // Ignores the case of the name.
  bool Has(std::string_view name) const;
  // Each with its CR LF.
  const std::string& lines() const { return lines_; }

 private:
  std::string lines_;
};

}  // namespace khs::request
