#include "config/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "config/definitions.h"
#include "config/text.h"

namespace khs::config {
namespace {

using base::Expected;
using Source = TemplateField::Source;
using Unexpected = base::Unexpected<std::string>;

constexpr size_t kMaxFields = 100;
constexpr size_t kMaxPathParts = 32;
constexpr std::string_view kOpen = "{{";
constexpr std::string_view kClose = "}}";
constexpr std::string_view kDefault = ":-";
constexpr std::string_view kLiteralOpen = "{{{{";
constexpr char kPlaceholder = 'x';

// For suggestions.
constexpr std::array kNames{KeyDefinition{.key = "topic"},  KeyDefinition{.key = "partition"},
                            KeyDefinition{.key = "offset"}, KeyDefinition{.key = "timestamp"},
                            KeyDefinition{.key = "key"},    KeyDefinition{.key = "value"},
                            KeyDefinition{.key = "header"}};

constexpr std::array<std::pair<std::string_view, Source>, 7> kSources{
    {{"topic", Source::kTopic},
     {"partition", Source::kPartition},
     {"offset", Source::kOffset},
     {"timestamp", Source::kTimestamp},
     {"key", Source::kKey},
     {"value", Source::kValue},
     {"header", Source::kHeader}}};

bool IsBare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// Returns where the name ends in a text that continues after `{{`: at `:-`, `}}` or its end.
size_t NameEnd(std::string_view text) {
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (quoted && rest.front() == '\\') {
      ++at;
    } else if (rest.front() == '"') {
      quoted = !quoted;
    } else if (!quoted && (rest.starts_with(kDefault) || rest.starts_with(kClose))) {
      return at;
    }
  }
  return text.size();
}

// Takes the next part of a name off its begin. Returns nothing if it is malformed.
std::optional<std::string> TakePart(std::string_view& name) {
  std::string part;
  if (!name.starts_with('"')) {
    const auto end = std::find_if_not(name.begin(), name.end(), IsBare);
    part.assign(name.begin(), end);
    name.remove_prefix(part.size());
    return part.empty() ? std::nullopt : std::optional(std::move(part));
  }
  for (size_t at = 1; at < name.size(); ++at) {
    if (name[at] == '"') {
      name.remove_prefix(at + 1);
      return part;
    }
    if (name[at] == '\\' && at + 1 < name.size()) ++at;
    part += name[at];
  }
  return std::nullopt;
}

// Splits a name at its dots. Returns nothing if it is malformed.
std::optional<std::vector<std::string>> SplitName(std::string_view name) {
  std::vector<std::string> parts;
  while (true) {
    auto part = TakePart(name);
    if (!part || parts.size() == kMaxPathParts) return std::nullopt;
    parts.push_back(std::move(*part));
    if (name.empty()) return parts;
    if (!name.starts_with('.')) return std::nullopt;
    name.remove_prefix(1);
  }
}

std::string UnknownName(std::string_view name) {
  const std::string_view first = name.substr(0, name.find('.'));
  const auto nearest = NearestKey(kNames, first);
  if (nearest && *nearest != first) {
    const std::string_view rest = name.substr(first.size());
    return "is unknown: did you mean {{" + Abbreviate(*nearest + std::string(rest)) + "}}?";
  }
  return "is unknown: {{topic}}, {{partition}}, {{offset}}, {{timestamp}}, {{key}}, {{value}}, "
         "{{key.PATH}}, {{value.PATH}} and {{header.NAME}} are known, with other characters than "
         "letters, digits, _ and - in double quotes, and {{{{ is a literal {{";
}

// Parses the text between `{{` and `}}`. The error follows "the template ".
Expected<TemplateField, std::string> ParseField(std::string_view inside) {
  if (inside.find("${") != std::string_view::npos) {
    return Unexpected("contains a reference to a secret, which is not supported");
  }
  if (HasControlCharacter(inside)) return Unexpected("contains a control character");
  const size_t name_end = NameEnd(inside);
  const std::string_view name = inside.substr(0, name_end);
  TemplateField field;
  field.shown = "{{" + std::string(name) + "}}";
  if (name_end < inside.size()) {
    field.default_text = inside.substr(name_end + kDefault.size());
    if (field.default_text->find(kOpen) != std::string::npos) {
      return Unexpected("contains another template, which is not supported");
    }
  }
  auto parts = SplitName(name);
  if (!parts) return Unexpected(UnknownName(name));
  const std::string first = parts->front();
  parts->erase(parts->begin());
  const auto* known = std::find_if(kSources.begin(), kSources.end(),
                                   [&](const auto& source) { return source.first == first; });
  const bool is_quoted = name.starts_with('"');
  if (known == kSources.end() || is_quoted) return Unexpected(UnknownName(name));
  field.source = known->second;
  if (field.source == Source::kHeader) {
    if (parts->empty()) return Unexpected("names no header: write {{header.NAME}}");
    for (const std::string& part : *parts) field.header += (field.header.empty() ? "" : ".") + part;
  } else if (field.source == Source::kKey || field.source == Source::kValue) {
    field.path = std::move(*parts);
  } else if (!parts->empty()) {
    return Unexpected("names a part of {{" + first + "}}, which has none");
  }
  return field;
}

size_t CountCharacters(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !base::IsContinuation(c); }));
}

// A text as written: literals with their references, and fields.
using WrittenPart = std::variant<std::string, TemplateField>;
struct WrittenText {
  std::vector<WrittenPart> parts;
  // The text with placeholders for what is no reference whatever stands before it.
  std::string references;
};

Expected<WrittenText, std::string> SplitFields(std::string_view text) {
  WrittenText written;
  std::vector<WrittenPart>& parts = written.parts;
  std::string literal;
  size_t fields = 0;
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    size_t length = 1;
    if (rest.starts_with("$${")) {
      length = 3;
    } else if (rest.starts_with("${") && !rest.starts_with("${{")) {
      length = std::min(rest.find('}'), rest.size() - 1) + 1;
    } else if (rest.starts_with(kLiteralOpen)) {
      if (literal.ends_with('$')) literal += '$';  // it is no reference
      literal += kOpen;
      written.references.append(kLiteralOpen.size(), kPlaceholder);
      at += kLiteralOpen.size();
      continue;
    } else if (rest.starts_with(kOpen)) {
      const size_t number = CountCharacters(text.substr(0, at)) + 1;
      length = TemplateLength(rest);
      if (length == 0) {
        return Unexpected(fmt::format(
            "the template at character {} has no closing braces: {{{{NAME}}}} is a template, and "
            "{{{{{{{{ is a literal {{{{",
            number));
      }
      if (++fields > kMaxFields) {
        return Unexpected(fmt::format("at most {} templates are allowed", kMaxFields));
      }
      auto field = ParseField(rest.substr(kOpen.size(), length - kOpen.size() - kClose.size()));
      if (!field) {
        return Unexpected(fmt::format("the template at character {} {}", number, field.error()));
      }
      if (!literal.empty()) parts.emplace_back(std::exchange(literal, {}));
      parts.emplace_back(std::move(*field));
      written.references.append(CountCharacters(rest.substr(0, length)), kPlaceholder);
      at += length;
      continue;
    }
    literal += rest.substr(0, length);
    written.references += rest.substr(0, length);
    at += length;
  }
  if (!literal.empty()) parts.emplace_back(std::move(literal));
  return written;
}

}  // namespace

const base::Secret& Template::constant() const {
  static const base::Secret kEmpty;
  return parts_.size() == 1 && !has_fields() ? std::get<base::Secret>(parts_[0]) : kEmpty;
}

size_t TemplateLength(std::string_view text) {
  if (!text.starts_with(kOpen) || text.starts_with(kLiteralOpen)) return 0;
  const size_t name_end = kOpen.size() + NameEnd(text.substr(kOpen.size()));
  const size_t end = text.find(kClose, name_end);
  return end == std::string_view::npos ? 0 : end + kClose.size();
}

Expected<ParsedTemplate, std::string> ParseTemplate(std::string_view text,
                                                    SecretResolver& secrets) {
  auto written = SplitFields(text);
  if (!written) return Unexpected(std::move(written.error()));
  if (const auto references = ParseReferences(written->references); !references) {
    return Unexpected(references.error());
  }
  ParsedTemplate parsed;
  ResolvedText& whole = parsed.whole;
  std::vector<Template::Part> parts;
  std::string problem;  // the first; the loop continues, to record all references
  for (WrittenPart& part : written->parts) {
    if (auto* field = std::get_if<TemplateField>(&part)) {
      if (!parsed.first_field) parsed.first_field = whole.text.size();
      whole.text += kPlaceholder;
      parts.emplace_back(std::move(*field));
      continue;
    }
    auto literal = secrets.Resolve(std::get<std::string>(part));
    if (!literal) {
      if (problem.empty()) problem = std::move(literal.error());
      continue;
    }
    if (literal->first_secret && !whole.first_secret) {
      whole.first_secret = whole.text.size() + *literal->first_secret;
    }
    whole.is_complete = whole.is_complete && literal->is_complete;
    whole.text += literal->text;
    parts.emplace_back(ToSecret(std::move(*literal)));
  }
  if (!problem.empty()) return Unexpected(std::move(problem));
  parsed.text = Template(std::move(parts));
  return parsed;
}

}  // namespace khs::config
