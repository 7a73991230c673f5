#include "request/headers.h"

#include "base/header_syntax.h"

namespace khs::request {

namespace {

// With their lengths, because append would count them for each header.
constexpr std::string_view kSeparator = ": ";
constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

void Headers::Add(std::string_view name, std::initializer_list<std::string_view> value_parts) {
  lines_.append(name).append(kSeparator);
  for (const std::string_view part : value_parts) lines_.append(part);
  lines_.append(kLineEnd);
}

bool Headers::Has(std::string_view name) const {
  for (std::string_view rest = lines_; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    if (rest.size() > name.size() && rest[name.size()] == ':' &&
        base::EqualIgnoringCase(rest.substr(0, name.size()), name)) {
      return true;
    }
  }
  return false;
}

}  // namespace khs::request
