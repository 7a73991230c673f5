#include "config/foreign_text.h"

#include <algorithm>

#include "config/text.h"

namespace khs::config {
namespace {

using Text = base::Expected<std::string, std::string>;
using Failure = base::Unexpected<std::string>;

bool IsBare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// Writes one name of a path, in quotes if it needs them.
std::string QuoteName(std::string_view name) {
  if (!name.empty() && std::all_of(name.begin(), name.end(), IsBare)) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string QuotePath(std::string_view path) {
  std::string quoted;
  while (true) {
    const size_t dot = path.find('.');
    quoted += QuoteName(path.substr(0, dot));
    if (dot == std::string_view::npos) return quoted;
    quoted += '.';
    path.remove_prefix(dot + 1);
  }
}

// Writes a reference of Kafka Connect's configuration providers, whose inside is `provider:path`,
// or `provider:path:key`.
Text TranslateReference(std::string_view inside) {
  const size_t colon = inside.find(':');
  const std::string_view provider = inside.substr(0, colon);
  const std::string_view path = inside.substr(colon + 1);
  if (provider == "env") return "${env:" + std::string(path) + '}';
  if (provider == "dir" || provider == "directory") return "${dir:" + std::string(path) + '}';
  if (provider == "file") {
    return Failure(
        "${file:...} names a key in a file there, and reads a whole file here: put the secret into "
        "a file of its own");
  }
  return Failure("it refers to a secret by ${" + Abbreviate(provider) +
                 ":...}: write ${env:NAME}, ${file:/path} or ${dir:/path:key}");
}

// Writes one of Confluent's templates.
Text TranslateDollar(std::string_view name) {
  if (name == "topic" || name == "key") return "{{" + std::string(name) + "}}";
  if (name.empty()) return Failure("the template ${} names no field");
  return "{{value." + QuotePath(name) + "}}";
}

// Writes one of Lenses' templates.
Text TranslateBraces(std::string_view name, const std::optional<std::string>& null_text) {
  if (name.starts_with('#') || name.starts_with('/')) {
    return Failure("the template {{" + Abbreviate(name) +
                   "}} is for several records, and each request has one record here");
  }
  const size_t dot = name.find('.');
  const std::string_view source = name.substr(0, dot);
  std::string field(source);
  if (dot != std::string_view::npos) field += '.' + QuotePath(name.substr(dot + 1));
  if (null_text && (source == "key" || source == "value")) field += ":-" + *null_text;
  return "{{" + field + "}}";
}

// Writes what a text begins with: a reference, a template, an escaped or a plain character. Takes
// it off the text.
Text TakeNext(std::string_view& text, ForeignText form,
              const std::optional<std::string>& null_text) {
  const auto take = [&text](size_t open,
                            std::string_view close) -> std::optional<std::string_view> {
    const size_t end = text.find(close, open);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view inside = text.substr(open, end - open);
    text.remove_prefix(end + close.size());
    return inside;
  };
  const bool is_template = form == ForeignText::kBraces && text.starts_with("${{");
  if (text.starts_with("${") && !is_template) {
    if (const auto inside = take(2, "}")) {
      if (inside->find(':') != std::string_view::npos) return TranslateReference(*inside);
      if (form == ForeignText::kDollar) return TranslateDollar(Trim(*inside));
      return "$${" + std::string(*inside) + '}';
    }
    text.remove_prefix(2);
    return std::string("$${");
  }
  if (text.starts_with("{{") && form != ForeignText::kPlain) {
    if (form == ForeignText::kBraces) {
      if (const auto inside = take(2, "}}")) return TranslateBraces(Trim(*inside), null_text);
    }
    text.remove_prefix(2);
    return std::string("{{{{");
  }
  std::string plain(1, text.front());
  text.remove_prefix(1);
  return plain;
}

}  // namespace

Text TranslateText(std::string_view text, ForeignText form,
                   const std::optional<std::string>& null_text) {
  std::string result;
  while (!text.empty()) {
    const auto next = TakeNext(text, form, null_text);
    if (!next) return Failure(next.error());
    result += *next;
  }
  return result;
}

}  // namespace khs::config
