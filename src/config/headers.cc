#include "config/headers.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/header_syntax.h"
#include "config/json_value.h"
#include "config/listen_address.h"
#include "config/text.h"

namespace khs::config {
namespace {

// The HTTP client sets these: they frame the request or control the connection.
constexpr std::array<std::string_view, 9> kReservedNames = {
    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE",
    "Trailer",        "Proxy-Connection",  "Expect"};

// Servers usually accept fewer.
constexpr size_t kMaxHeaders = 100;

// Returns whether a value is `host` or `host:port`.
bool IsHost(const std::string& value) {
  return ParseListenAddress(value) || ParseListenAddress(value + ":0");
}

using Reason = base::Unexpected<std::string>;

// A header as written, before references are resolved.
struct Field {
  std::string name;
  std::string value;
};
using Fields = std::vector<Field>;

std::string Named(std::string_view name, bool is_hidden) {
  return is_hidden ? "a header" : "the header " + Abbreviate(name);
}

// Returns what is wrong with a header's name; empty if it is valid. Adds it to `seen`.
std::string ValidateName(const std::string& name, std::set<std::string>& seen, bool is_hidden) {
  if (!base::IsFieldName(name)) {
    return (is_hidden ? "a name" : '"' + Abbreviate(name) + '"') +
           " is not a header name that HTTP allows";
  }
  const std::string shown = Named(name, is_hidden);
  for (const std::string_view reserved : kReservedNames) {
    if (EqualIgnoringCase(name, reserved)) {
      return shown + " is set by the HTTP client itself: leave it out";
    }
  }
  constexpr std::string_view kProxyPrefix = "Proxy-";
  if (EqualIgnoringCase(name.substr(0, kProxyPrefix.size()), kProxyPrefix)) {
    return shown +
           " is for a proxy and never sent to the endpoint: use http.proxy.user and "
           "http.proxy.password";
  }
  if (!seen.insert(Lower(name)).second) return shown + " is given twice: keep one of them";
  return {};
}

base::Expected<Fields, std::string> SplitJson(std::string_view text, bool is_hidden) {
  const auto object = ParseJsonObject(text);
  if (!object) {
    const std::string reason = "the JSON object of headers is broken";
    return Reason(is_hidden ? reason : reason + ": " + object.error().message);
  }
  Fields fields;
  for (const JsonMember& member : object->members) {
    if (!member.value.IsScalar()) {
      return Reason("the value of " + Named(member.key, is_hidden) +
                    " must be a string, a number or a boolean");
    }
    fields.push_back({member.key, std::string(Trim(member.value.text))});
  }
  return fields;
}

// Finds `wanted` outside of references and templates. A hidden text has neither.
size_t Find(std::string_view text, std::string_view wanted, bool is_hidden) {
  if (is_hidden) return text.find(wanted);
  for (size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with(wanted)) return at;
    if (rest.starts_with("$${")) {
      at += 2;
    } else if (rest.starts_with("${") && !rest.starts_with("${{")) {
      at += std::min(rest.find('}'), rest.size() - 1);
    } else if (rest.starts_with("{{{{")) {
      at += 3;
    } else if (const size_t length = TemplateLength(rest); length > 0) {
      at += length - 1;
    }
  }
  return std::string_view::npos;
}

base::Expected<Fields, std::string> SplitLegacy(std::string_view text, std::string_view separator,
                                                bool is_hidden) {
  Fields fields;
  for (int number = 1; !Trim(text).empty(); ++number) {
    const size_t end = Find(text, separator, is_hidden);
    const std::string_view entry = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + separator.size());
    const size_t colon = Find(entry, ":", is_hidden);
    if (colon == std::string_view::npos) {
      return Reason("entry " + std::to_string(number) + " has no ':' between name and value");
    }
    fields.push_back(
        {std::string(Trim(entry.substr(0, colon))), std::string(Trim(entry.substr(colon + 1)))});
  }
  return fields;
}

bool IsOneReference(std::string_view text) {
  const auto parts = ParseReferences(text);
  return parts && parts->size() == 1 && std::holds_alternative<SecretReference>(parts->front());
}

// A part of a secret, without references and templates.
base::Expected<ParsedTemplate, std::string> HiddenText(const std::string& text) {
  return ParsedTemplate{base::Secret::FromReference(text), {text, 0}};
}

// Resolves and validates the fields. Hidden fields are the content of a secret, so they have no
// references. Continues after an unreadable secret, so that the resolver knows all references.
base::Expected<Headers, std::string> ResolveFields(const Fields& fields, bool is_hidden,
                                                   SecretResolver& secrets) {
  Headers headers;
  std::string problem;
  const auto note = [&problem](std::string reason) {
    if (problem.empty()) problem = std::move(reason);
  };
  std::set<std::string> seen;
  for (const auto& [name, text] : fields) {
    note(ValidateName(name, seen, is_hidden));
    if (is_hidden) secrets.AddCredential(text);
    auto value = is_hidden ? HiddenText(text) : ParseTemplate(text, secrets);
    if (!value) {
      note(Named(name, is_hidden) + ": " + value.error());
      continue;
    }
    const ResolvedText& whole = value->whole;
    const bool is_host = EqualIgnoringCase(name, "Host");
    if (!base::IsFieldValue(whole.text)) {
      note(Named(name, is_hidden) + " holds a control character, which HTTP does not allow");
    } else if (is_host && value->first_field) {
      note(Named(name, is_hidden) + " must not have a template: no record chooses the host");
    } else if (whole.is_complete && is_host && !IsHost(whole.text)) {
      note(Named(name, is_hidden) + " must be host or host:port");
    } else if (whole.is_complete) {
      headers.emplace_back(name, std::move(value->text));
    }
  }
  if (!problem.empty()) return Reason(std::move(problem));
  return headers;
}

}  // namespace

base::Expected<Headers, std::string> ParseHeaders(std::string_view text, std::string_view separator,
                                                  SecretResolver& secrets) {
  const bool is_hidden = IsOneReference(Trim(text));
  ResolvedText whole{std::string(text)};
  if (is_hidden) {
    auto resolved = secrets.Resolve(Trim(text));
    if (!resolved) return Reason(std::move(resolved.error()));
    if (!resolved->is_complete) return Headers();
    whole = std::move(*resolved);
  }
  const auto fields = Trim(whole.text).starts_with('{')
                          ? SplitJson(whole.text, is_hidden)
                          : SplitLegacy(whole.text, separator, is_hidden);
  if (!fields) return Reason(fields.error());
  if (fields->size() > kMaxHeaders) {
    return Reason("at most " + std::to_string(kMaxHeaders) +
                  " headers are allowed, but there are " + std::to_string(fields->size()));
  }
  return ResolveFields(*fields, is_hidden, secrets);
}

}  // namespace khs::config
