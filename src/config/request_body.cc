#include "config/request_body.h"

#include <algorithm>
#include <vector>

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

struct Sample {
  std::string text;
  std::vector<const TemplateField*> outside;  // of strings
};

// Returns a body with a text in place of each field: `value` outside of JSON strings.
Sample MakeSample(const Template& body, std::string_view value) {
  Sample sample;
  bool in_string = false;
  for (const Template::Part& part : body.parts()) {
    if (const auto* literal = std::get_if<base::Secret>(&part)) {
      sample.text += literal->Reveal();
      in_string = base::EndsInJsonString(literal->Reveal(), in_string);
      continue;
    }
    sample.text += in_string ? "x" : value;
    if (!in_string) sample.outside.push_back(&std::get<TemplateField>(part));
  }
  return sample;
}

}  // namespace

bool IsJsonType(std::string_view content_type) {
  return Subtype(content_type).find("json") != std::string::npos;
}

bool IsJsonTextType(std::string_view content_type) {
  const std::string subtype = Subtype(content_type);
  return subtype == "json" || subtype.ends_with("+json");
}

bool LooksLikeJson(const Template& body) {
  const std::string text = MakeSample(body, "0").text;
  const std::string_view trimmed = Trim(text);
  return (trimmed.starts_with('{') || trimmed.starts_with('[')) && base::IsJson(trimmed);
}

std::string ValidateJsonBody(const Template& body, std::string_view content_type) {
  if (body.parts().empty()) return {};  // no body is sent
  // Where an array is possible, any value is.
  const auto [sample, outside] = MakeSample(body, "[]");
  for (const TemplateField* field : outside) {
    if (!field->default_text || base::IsJson(*field->default_text)) continue;
    const bool has_braces = field->default_text->find('{') != std::string::npos;
    return "The default of " + Abbreviate(field->shown) +
           " must be JSON, such as null or \"\", because it is outside a string of the body" +
           (has_braces ? "; it ends at the first }}, so put a blank before them" : "");
  }
  const bool may_be_lines = !IsJsonTextType(content_type);
  if (base::IsJson(sample) || (may_be_lines && IsEachLineJson(sample))) return {};
  return "Must be JSON around its templates, as the Content-Type says, with templates for whole "
         "values or inside strings";
}

}  // namespace khs::config
