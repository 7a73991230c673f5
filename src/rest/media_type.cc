#include "rest/media_type.h"

#include <algorithm>
#include <string>

#include "config/text.h"

namespace khs::rest {
namespace {

// Whether a weight is zero (`q=0`, `q=0.000`), which means not acceptable.
bool IsRefused(std::string_view parameters) {
  while (!parameters.empty()) {
    const size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string parameter = config::Lower(config::Trim(parameters.substr(0, end)));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (!parameter.starts_with("q=")) continue;
    return parameter.size() > 2 && parameter.find_first_not_of("0.", 2) == std::string::npos;
  }
  return false;
}

}  // namespace

bool IsJson(std::string_view content_type) {
  const std::string type =
      config::Lower(config::Trim(content_type.substr(0, content_type.find(';'))));
  // Java's clients send a wildcard by default.
  return type == "application/json" || type == "application/*" || type == "*/*";
}

bool AcceptsJson(std::string_view accept) {
  if (config::Trim(accept).empty()) return true;
  while (!accept.empty()) {
    const size_t end = std::min(accept.find(','), accept.size());
    const std::string_view range = accept.substr(0, end);
    accept.remove_prefix(std::min(end + 1, accept.size()));
    const size_t semicolon = std::min(range.find(';'), range.size());
    if (IsJson(range) && !IsRefused(range.substr(semicolon))) return true;
  }
  return false;
}

bool IsIdentity(std::string_view content_encoding) {
  const std::string coding = config::Lower(config::Trim(content_encoding));
  return coding.empty() || coding == "identity";
}

}  // namespace khs::rest
