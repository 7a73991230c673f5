#include "rest/request_target.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/utf8.h"
#include "config/text.h"

namespace khs::rest {
namespace {

std::string DecodeParameter(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return PercentDecode(spaced).value_or(spaced);
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text) {
  auto decoded = base::PercentDecode(text);
  if (!decoded || !base::IsUtf8(*decoded)) return std::nullopt;
  return decoded;
}

std::string PercentEncodeSegment(std::string_view text) {
  if (text == ".") return "%2E";
  if (text == "..") return "%2E%2E";
  return base::PercentEncode(text);
}

std::string_view PathOf(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!config::EqualIgnoringCase(target.substr(0, scheme.size()), scheme)) continue;
    const size_t slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target;
}

std::optional<std::vector<std::string_view>> SplitPath(std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  std::vector<std::string_view> segments;
  if (path.empty()) return segments;
  if (path.ends_with('/')) path.remove_suffix(1);
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

Query::Query(std::string_view text) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('&'), text.size());
    const std::string_view parameter = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (parameter.empty()) continue;
    const size_t equals = std::min(parameter.find('='), parameter.size());
    parameters_.emplace_back(
        DecodeParameter(parameter.substr(0, equals)),
        DecodeParameter(parameter.substr(std::min(equals + 1, parameter.size()))));
  }
}

std::optional<std::string_view> Query::First(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

bool Query::IsTrue(std::string_view name, bool missing) const {
  const auto value = First(name);
  return value ? config::EqualIgnoringCase(*value, "true") : missing;
}

bool Query::Has(std::string_view name) const {
  return std::any_of(parameters_.begin(), parameters_.end(),
                     [&](const auto& parameter) { return parameter.first == name; });
}

bool Query::Has(std::string_view name, std::string_view value) const {
  return std::any_of(parameters_.begin(), parameters_.end(), [&](const auto& parameter) {
    return parameter.first == name && parameter.second == value;
  });
}

}  // namespace khs::rest
