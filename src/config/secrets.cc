#include "config/secrets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "config/client_properties.h"
#include "config/text.h"

namespace khs::config {
namespace {

using base::Expected;
using Kind = SecretReference::Kind;
using Unexpected = base::Unexpected<std::string>;

// The limit of references in one definition. All of them are read at every look.
constexpr size_t kMaxReferences = 1000;

constexpr std::string_view kReferenceForms =
    "use ${env:NAME}, ${file:/path} or ${dir:/path:key}; write $${ for a literal ${";

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsVariableName(std::string_view name) {
  return !name.empty() && !IsDigit(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return IsLetter(c) || IsDigit(c); });
}

bool HasParentPart(std::string_view path) {
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    if (path.substr(0, end) == "..") return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

// Returns what is wrong with a path; empty if it is valid.
std::string_view ValidatePath(std::string_view path) {
  if (path.empty()) return "names no path";
  if (!path.starts_with('/')) return "needs an absolute path";
  if (HasParentPart(path)) return "must not have .. in its path";
  if (HasControlCharacter(path)) return "has a control character in its path";
  return {};
}

// Returns how to write a template, if a reference looks as if it was meant to be one.
std::string TemplateHint(std::string_view inside) {
  constexpr std::array<std::string_view, 6> kNames{"topic",     "partition", "offset",
                                                   "timestamp", "key",       "value"};
  constexpr std::array<std::string_view, 3> kFamilies{"key.", "value.", "header."};
  constexpr std::string_view kForm = "; templates are written {{{{{}}}}}";
  for (const std::string_view name : kNames) {
    if (inside == name) return fmt::format(kForm, name);
  }
  for (const std::string_view family : kFamilies) {
    if (inside.starts_with(family)) return fmt::format(kForm, std::string(family) + "NAME");
  }
  return {};
}

// Parses the text between `${` and `}`. The error follows "the reference ".
Expected<SecretReference, std::string> ParseInside(std::string_view inside) {
  if (inside.find("${") != std::string_view::npos) {
    return Unexpected("contains another reference, which is not supported");
  }
  const size_t colon = inside.find(':');
  const std::string_view kind = inside.substr(0, colon);
  std::string_view place = colon == std::string_view::npos ? "" : inside.substr(colon + 1);
  if (kind == "env") {
    if (place.empty()) return Unexpected("names no variable");
    if (!IsVariableName(place)) {
      return Unexpected("needs a variable's name of letters, digits and _, as in ${env:NAME}");
    }
    return SecretReference{Kind::kEnvironment, std::string(place), {}};
  }
  if (kind != "file" && kind != "dir") {
    return Unexpected(fmt::format("is unknown: {}{}", kReferenceForms, TemplateHint(inside)));
  }

  const size_t second = place.find(':');
  const bool has_key = second != std::string_view::npos;
  const std::string_view key = has_key ? place.substr(second + 1) : std::string_view();
  place = place.substr(0, second);
  if (const std::string_view reason = ValidatePath(place); !reason.empty()) {
    return Unexpected(std::string(reason));
  }
  if (kind == "file") {
    if (has_key) {
      return Unexpected(
          "names a key, but ${file:} reads the whole file: write ${file:/path}, or "
          "${dir:/path:key} "
          "for the file key in the directory /path");
    }
    if (place.ends_with('/')) return Unexpected("names a directory, not a file");
    return SecretReference{Kind::kFile, std::string(place), {}};
  }
  if (key.empty()) return Unexpected("names no key: write ${dir:/path:key}");
  if (key.find('/') != std::string_view::npos) return Unexpected("must not have / in its key");
  if (key == "." || key == "..") return Unexpected("must not use . or .. as its key");
  if (key.find(':') != std::string_view::npos) return Unexpected("has too many colons");
  if (HasControlCharacter(key)) return Unexpected("has a control character in its key");
  return SecretReference{Kind::kDirectory, std::string(place), std::string(key)};
}

// Returns the number of the character at an offset, counted from 1.
std::ptrdiff_t CharacterNumber(std::string_view text, size_t at) {
  const std::string_view before = text.substr(0, at);
  return 1 + std::count_if(before.begin(), before.end(),
                           [](char c) { return !base::IsContinuation(c); });
}

std::string_view WithoutLineEnd(std::string_view text) {
  if (!text.ends_with('\n')) return text;
  text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

Expected<std::string, std::string> Read(const ReadSecret& read, const SecretReference& reference) {
  const auto found = read(reference);
  if (!found) {
    return Unexpected(
        fmt::format("the secret {} cannot be read: {}", Format(reference), found.error()));
  }
  const std::string_view secret = WithoutLineEnd(*found);
  if (Trim(secret).empty()) {
    return Unexpected(fmt::format("the secret {} is empty", Format(reference)));
  }
  return std::string(secret);
}

}  // namespace

std::string Format(const SecretReference& reference) {
  switch (reference.kind) {
    case Kind::kEnvironment:
      return "${env:" + reference.place + '}';
    case Kind::kFile:
      return "${file:" + reference.place + '}';
    case Kind::kDirectory:
      return "${dir:" + reference.place + ':' + reference.key + '}';
  }
  return {};
}

Expected<std::vector<TextPart>, std::string> ParseReferences(std::string_view text) {
  std::vector<TextPart> parts;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) parts.emplace_back(std::exchange(literal, {}));
  };
  for (size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      literal += "${";
      at += 3;
    } else if (rest.starts_with("${")) {
      const size_t end = rest.find('}');
      if (end == std::string_view::npos) {
        return Unexpected(fmt::format("the reference at character {} has no closing brace: {}",
                                      CharacterNumber(text, at), kReferenceForms));
      }
      auto reference = ParseInside(rest.substr(2, end - 2));
      if (!reference) {
        return Unexpected(fmt::format("the reference at character {} {}", CharacterNumber(text, at),
                                      reference.error()));
      }
      end_literal();
      parts.emplace_back(std::move(*reference));
      at += end + 1;
    } else {
      literal += rest.front();
      ++at;
    }
  }
  end_literal();
  return parts;
}

base::Secret ToSecret(ResolvedText text) {
  return text.first_secret ? base::Secret::FromReference(std::move(text.text))
                           : base::Secret(std::move(text.text));
}

Expected<ResolvedText, std::string> SecretResolver::Resolve(std::string_view text) {
  const auto parts = ParseReferences(text);
  if (!parts) return Unexpected(parts.error());
  ResolvedText resolved;
  std::string problem;  // the first; the loop continues, to record all references
  for (const TextPart& part : *parts) {
    if (const auto* literal = std::get_if<std::string>(&part)) {
      resolved.text += *literal;
      continue;
    }
    const auto& reference = std::get<SecretReference>(part);
    if (!seen_.contains(reference)) {
      if (references_.size() == kMaxReferences) {
        return Unexpected(fmt::format("at most {} secrets may be referenced", kMaxReferences));
      }
      seen_.insert(reference);
      references_.push_back(reference);
    }
    if (!resolved.first_secret) resolved.first_secret = resolved.text.size();
    if (read_ == nullptr) {
      resolved.is_complete = false;
      is_complete_ = false;
      continue;
    }
    auto secret = Read(*read_, reference);
    if (secret) {
      AddValue(*secret);
      resolved.text += *secret;
    } else if (problem.empty()) {
      problem = std::move(secret.error());
    }
  }
  if (!problem.empty()) return Unexpected(std::move(problem));
  return resolved;
}

void SecretResolver::AddValue(std::string_view secret) {
  if (!secret.empty()) values_.emplace(secret);
}

void SecretResolver::AddCredential(std::string_view value) {
  AddValue(value);
  const size_t blank = value.find(' ');
  if (blank != std::string_view::npos) AddValue(value.substr(blank + 1));
}

Expected<std::map<std::string, base::Secret>, PropertyProblem> ResolveProperties(
    const std::map<std::string, std::string>& properties, const ReadSecret& read) {
  std::map<std::string, base::Secret> result;
  SecretResolver resolver(&read);
  for (const auto& [property, text] : properties) {
    auto resolved = resolver.Resolve(text);
    if (!resolved) {
      return base::Unexpected<PropertyProblem>({property, std::move(resolved.error())});
    }
    if (resolved->text.find('\0') != std::string::npos) {
      return base::Unexpected<PropertyProblem>({property, "a NUL character cannot be part of it"});
    }
    result.emplace(property, ToSecret(std::move(*resolved)));
  }
  ClientProperties translated = ToLibrdkafka(result, PropertySource::kProcess);
  if (!translated.errors.empty())
    return base::Unexpected<PropertyProblem>(std::move(translated.errors.front()));
  return std::move(translated.values);
}

}  // namespace khs::config
