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

void Headers::Set(std::string_view name, std::string_view value) {
  if (const auto old = Find(name)) {
    lines_.replace(static_cast<size_t>(old->data() - lines_.data()), old->size(), value);
  } else {
    Add(name, value);
  }
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (std::string_view rest = lines_; !rest.empty();) {
    const size_t length = rest.find('\n') + 1;
    if (rest.size() > name.size() && rest[name.size()] == ':' &&
        base::EqualIgnoringCase(rest.substr(0, name.size()), name)) {
      const size_t begin = name.size() + kSeparator.size();
      return rest.substr(begin, length - kLineEnd.size() - begin);
    }
    rest.remove_prefix(length);
  }
  return std::nullopt;
}

}  // namespace khs::request
