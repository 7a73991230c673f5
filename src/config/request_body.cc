#include "config/request_body.h"

#include <algorithm>

#include "base/json_text.h"
#include "config/text.h"

namespace khs::config {
namespace {

std::string Subtype(std::string_view content_type) {
  const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
  const size_t slash = type.find('/');
  return slash == std::string_view::npos ? std::string() : Lower(type.substr(slash + 1));
}

bool IsEachLineJson(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!Trim(line).empty() && !base::IsJson(line)) return false;
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return true;
}

}  // namespace

bool IsJsonType(std::string_view content_type) {
  return Subtype(content_type).find("json") != std::string::npos;
}

bool IsJsonTextType(std::string_view content_type) {
  const std::string subtype = Subtype(content_type);
  return subtype == "json" || subtype.ends_with("+json");
}

std::string ValidateJsonBody(const Template& body, std::string_view content_type) {
  std::string sample;  // in place of a field it has a value that is possible only where any is
  bool in_string = false;
  for (const Template::Part& part : body.parts()) {
    if (const auto* literal = std::get_if<base::Secret>(&part)) {
      sample += literal->Reveal();
      in_string = base::EndsInJsonString(literal->Reveal(), in_string);
      continue;
    }
    const auto& field = std::get<TemplateField>(part);
    if (!in_string && field.default_text && !base::IsJson(*field.default_text)) {
      return "The default of " + Abbreviate(field.shown) +
             " must be JSON, such as null or \"\", because it is outside a string of the body";
    }
    sample += in_string ? "x" : "[]";
  }
  const bool may_be_lines = !IsJsonTextType(content_type);
  if (base::IsJson(sample) || (may_be_lines && IsEachLineJson(sample))) return {};
  return "Must be JSON around its templates, as the Content-Type says, with templates for whole "
         "values or inside strings";
}

}  // namespace khs::config
