#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json_text.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/secrets.h"

namespace khs::config {

// The part of a record that `{{NAME}}` or `{{NAME:-text}}` stands for.
struct TemplateField {
  enum class Source { kTopic, kPartition, kOffset, kTimestamp, kKey, kValue, kHeader };

  Source source = Source::kTopic;
  base::JsonPath path = {};  // in the key or value; empty: all of it
  std::string header = {};   // the name of the record header
  std::optional<std::string> default_text = {};
  std::string shown = {};  // `{{NAME}}`, for messages

  bool operator==(const TemplateField&) const = default;
};

// A text with fields of the record in it.
class Template {
 public:
  using Part = std::variant<base::Secret, TemplateField>;

  Template() = default;
  // A text without fields. The conversion is implicit, because most texts have none.
  Template(base::Secret text) {  // NOLINT(google-explicit-constructor)
    if (!text.Reveal().empty()) parts_.emplace_back(std::move(text));
  }
  Template(const char* text)
      : Template(base::Secret(text)) {}  // NOLINT(google-explicit-constructor)
  // Between two fields there is at most one text.
  explicit Template(std::vector<Part> parts) : parts_(std::move(parts)) {}

  const std::vector<Part>& parts() const { return parts_; }
  bool has_fields() const {
    return parts_.size() > 1 ||
           (parts_.size() == 1 && std::holds_alternative<TemplateField>(parts_[0]));
  }
  // The whole text, if it has no fields; otherwise empty.
  const base::Secret& constant() const;

  bool operator==(const Template&) const = default;

 private:
  std::vector<Part> parts_;
};

struct ParsedTemplate {
  Template text;
  // The text with the letter x for each field.
  ResolvedText whole;
  std::optional<size_t> first_field = {};  // its offset in `whole`
};

// Parses the templates in a text and then resolves its references, so that `{{` in a secret is
// literal. `{{{{` is a literal `{{`, and a `$` before a template is literal too. The error names a
// position and the nearest known name.
base::Expected<ParsedTemplate, std::string> ParseTemplate(std::string_view text,
                                                          SecretResolver& secrets);

// Returns the length of the template that a text begins with; 0 if it begins with none.
size_t TemplateLength(std::string_view text);

}  // namespace khs::config
