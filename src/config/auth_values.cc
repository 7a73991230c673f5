#include "config/auth_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "config/connector_values.h"
#include "config/endpoint_url.h"
#include "config/json_value.h"
#include "config/row_setters.h"
#include "config/text.h"

namespace khs::config {
namespace {

using Type = AuthConfig::Type;
using ClientAuth = OAuth2Config::ClientAuth;
using Parameters = std::vector<std::pair<std::string, base::Secret>>;
using Reason = base::Unexpected<std::string>;

constexpr std::string_view kType = "auth.type";
constexpr std::string_view kHeaders = "callback.request.headers";
constexpr size_t kMaxParameters = 100;

// A key that only one type uses.
struct TypeKey {
  std::string_view key;
  Type type;
  bool required = false;
};

constexpr TypeKey kTypeKeys[] = {
    {"connection.user", Type::kBasic, true},
    {"connection.password", Type::kBasic, true},
    {"bearer.token", Type::kBearer, true},
    {"api.key.name", Type::kApiKey, true},
    {"api.key.value", Type::kApiKey, true},
    {"api.key.location", Type::kApiKey},
    {"oauth2.token.url", Type::kOAuth2, true},
    {"oauth2.client.id", Type::kOAuth2},
    {"oauth2.client.secret", Type::kOAuth2},
    {"oauth2.client.scope", Type::kOAuth2},
    {"oauth2.client.auth.mode", Type::kOAuth2},
    {"oauth2.token.property", Type::kOAuth2},
    {"oauth2.token.params", Type::kOAuth2},
    {"oauth2.token.renew.on.status.codes", Type::kOAuth2},
};

constexpr std::array<std::pair<std::string_view, Type>, 5> kTypes = {{{"NONE", Type::kNone},
                                                                      {"BASIC", Type::kBasic},
                                                                      {"BEARER", Type::kBearer},
                                                                      {"API_KEY", Type::kApiKey},
                                                                      {"OAUTH2", Type::kOAuth2}}};

std::string_view NameOf(Type type) {
  return std::find_if(kTypes.begin(), kTypes.end(),
                      [type](const auto& each) { return each.second == type; })
      ->first;
}

// Stores a secret without control characters.
Outcome SetPlainSecret(const Value& value, base::Secret& target) {
  if (HasControlCharacter(value.text)) return Invalid("must not contain control characters");
  return SetSecret(value, target);
}

// Decodes application/x-www-form-urlencoded; nothing when a % is not followed by two digits.
std::optional<std::string> DecodeForm(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return base::PercentDecode(spaced);
}

// Finds `wanted` outside of references.
size_t FindOutside(std::string_view text, char wanted) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == wanted) return at;
    if (text.substr(at).starts_with("${")) at += std::min(text.substr(at).find('}'), text.size());
  }
  return std::string_view::npos;
}

// Resolves the references of a value. What is outside of them is form-encoded if `is_encoded`.
// Returns no secret if one was not read.
base::Expected<std::optional<base::Secret>, std::string> ResolveParameter(std::string_view text,
                                                                          bool is_encoded,
                                                                          SecretResolver& secrets) {
  const auto parts = ParseReferences(text);
  if (!parts) return Reason(parts.error());
  std::string value;
  bool has_secret = false;
  bool is_complete = true;
  for (const TextPart& part : *parts) {
    if (const auto* literal = std::get_if<std::string>(&part)) {
      auto decoded = is_encoded ? DecodeForm(*literal) : *literal;
      if (!decoded) return Reason("a % must be followed by two hexadecimal digits");
      value += *decoded;
      continue;
    }
    auto secret = secrets.Resolve(Format(std::get<SecretReference>(part)));
    if (!secret) return Reason(std::move(secret.error()));
    value += secret->text;
    has_secret = true;
    is_complete = is_complete && secret->is_complete;
  }
  if (!is_complete) return std::nullopt;
  secrets.AddValue(value);
  return has_secret ? base::Secret::FromReference(std::move(value))
                    : base::Secret(std::move(value));
}

// The parameters as written, without values that are not read.
base::Expected<Parameters, std::string> ParseParameters(std::string_view text,
                                                        SecretResolver& secrets) {
  std::vector<std::pair<std::string, std::string>> fields;
  const bool is_table = Trim(text).starts_with('{');
  if (is_table) {
    const auto object = ParseJsonObject(text);
    if (!object) return Reason("the JSON object of parameters is broken");
    for (const JsonMember& member : object->members) {
      if (!member.value.IsScalar()) {
        return Reason("the value of " + Abbreviate(member.key) +
                      " must be a string, a number or a boolean");
      }
      fields.emplace_back(member.key, member.value.text);
    }
  }
  for (std::string_view rest = is_table ? std::string_view() : Trim(text); !rest.empty();) {
    const size_t end = std::min(FindOutside(rest, '&'), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t equals = field.find('=');
    const auto name = DecodeForm(field.substr(0, equals));
    if (equals == std::string_view::npos || !name) {
      return Reason("expected NAME=VALUE&NAME=VALUE, form-encoded, or a table");
    }
    fields.emplace_back(*name, field.substr(equals + 1));
  }
  if (fields.size() > kMaxParameters) {
    return Reason(fmt::format("at most {} parameters are allowed", kMaxParameters));
  }
  Parameters parameters;
  for (const auto& [name, value] : fields) {
    if (name.empty() || HasControlCharacter(name)) return Reason("a parameter has no valid name");
    auto resolved = ResolveParameter(value, !is_table, secrets);
    if (!resolved) return Reason(std::move(resolved.error()));
    if (*resolved) parameters.emplace_back(name, std::move(**resolved));
  }
  return parameters;
}

bool IsOwn(const Setting* setting, const std::string& file) {
  return setting != nullptr && setting->written.file == file;
}

// The combination of one connector's keys; see ResolveAuth.
class Resolution {
 public:
  Resolution(const Settings& settings, const std::string& file, ConnectorDraft& draft,
             ProblemList& problems)
      : settings_(settings), file_(file), draft_(draft), problems_(problems) {}

  void Run() {
    if (!draft_.auth.type) return;
    const Type type = *draft_.auth.type;
    const bool own_type = IsOwn(FindSet(settings_, kType), file_);
    for (const TypeKey& each : kTypeKeys) {
      const Setting* const setting = FindSet(settings_, each.key);
      if (each.type == type) {
        if (setting == nullptr && each.required) ReportMissing(each.key);
      } else if (setting != nullptr && (IsOwn(setting, file_) || !own_type)) {
        problems_.Add(ProblemWith(*setting, fmt::format("It is for {} {}, but that is {}", kType,
                                                        NameOf(each.type), NameOf(type))));
      }
    }
    AuthConfig& auth = draft_.config.endpoint.auth;
    auth.type = type;
    if (type == Type::kApiKey) {
      SetApiKey(auth);
    } else if (type != Type::kNone) {
      auth.header_name = "Authorization";
    }
    if (type == Type::kBasic) {
      auth.header_value = Derived("Basic " + base::Base64Encode(draft_.auth.user.Reveal() + ':' +
                                                                draft_.auth.password.Reveal()));
    }
    if (type == Type::kBearer) {
      auth.header_value = Derived("Bearer " + draft_.auth.bearer_token.Reveal());
    }
    if (type == Type::kApiKey) {
      draft_.secrets.AddValue(draft_.auth.key_value.Reveal());
    } else {
      draft_.secrets.AddCredential(auth.header_value.Reveal());
    }
    if (type == Type::kOAuth2) {
      ValidateClient(auth.oauth2);
    } else {
      auth.oauth2 = {};
      auth.renew_on = AuthConfig().renew_on;
    }
    ValidateHeaders(auth);
  }

 private:
  // Credentials are never shown, wherever they come from.
  static base::Secret Derived(std::string text) {
    return base::Secret::FromReference(std::move(text));
  }

  void ReportMissing(std::string_view key) {
    if (const Setting* setting = FindSet(settings_, kType)) {
      problems_.Add(ProblemWith(*setting, fmt::format("It needs {}, which is not set", key)));
    }
  }

  void SetApiKey(AuthConfig& auth) {
    const AuthDraft& draft = draft_.auth;
    const std::string& name = draft.key_name.Reveal();
    if (name.empty()) return;  // missing, invalid or not read
    if (draft.key_location == AuthDraft::KeyLocation::kQuery) {
      auth.query =
          Derived(base::PercentEncode(name) + '=' + base::PercentEncode(draft.key_value.Reveal()));
      return;
    }
    if (!base::IsFieldName(name) || base::IsConnectionHeader(name)) {
      if (const Setting* setting = FindSet(settings_, "api.key.name")) {
        problems_.Add(ProblemWith(*setting, "It is not a header that can be set"));
      }
      return;
    }
    auth.header_name = name;
    auth.header_value = Derived(draft.key_value.Reveal());
  }

  void ValidateClient(const OAuth2Config& client) {
    constexpr std::string_view kMode = "oauth2.client.auth.mode";
    const bool is_none = client.client_auth == ClientAuth::kNone;
    for (const std::string_view key : {"oauth2.client.id", "oauth2.client.secret"}) {
      if (!is_none && FindSet(settings_, key) == nullptr) ReportMissing(key);
    }
    const Setting* const secret = FindSet(settings_, "oauth2.client.secret");
    const bool own_mode = IsOwn(FindSet(settings_, kMode), file_);
    if (is_none && secret != nullptr && (IsOwn(secret, file_) || !own_mode)) {
      problems_.Add(ProblemWith(*secret, fmt::format("It is not sent: {} is none", kMode)));
    }
    if (is_none) draft_.config.endpoint.auth.oauth2.client_secret = {};
    for (const auto& [name, value] : client.parameters) {
      const bool is_sent = name == "client_id" ? !client.client_id.Reveal().empty()
                                               : name == "client_secret" && !is_none;
      if (is_sent) {
        problems_.Add(ProblemWith(*FindSet(settings_, "oauth2.token.params"),
                                  fmt::format("It must not have {}, which oauth2.client.{} and {} "
                                              "send: keep one",
                                              name, name.substr(7), kMode)));
      }
    }
  }

  void ValidateHeaders(const AuthConfig& auth) {
    const auto& headers = draft_.config.endpoint.headers;
    const bool is_given_twice =
        !auth.header_name.empty() &&
        std::any_of(headers.begin(), headers.end(), [&auth](const auto& header) {
          return base::IsSameForCgi(header.first, auth.header_name);
        });
    const Setting* const setting = FindSet(settings_, kHeaders);
    if (!is_given_twice || setting == nullptr) return;
    problems_.Add(ProblemWith(*setting, fmt::format("The header {} is what {} {} sends: keep one",
                                                    auth.header_name, kType, NameOf(auth.type))));
  }

  const Settings& settings_;
  const std::string& file_;
  ConnectorDraft& draft_;
  ProblemList& problems_;
};

}  // namespace

Outcome SetAuthType(const Value& value, ConnectorDraft& draft) {
  Type type = Type::kNone;
  Outcome outcome = SetChoice(value, kTypes, type);
  if (outcome.kind == Outcome::Kind::kAccepted) draft.auth.type = type;
  return outcome;
}

Outcome SetConnectionUser(const Value& value, ConnectorDraft& draft) {
  if (value.text.find(':') != std::string::npos) return Invalid("must not contain a colon");
  return SetPlainSecret(value, draft.auth.user);
}

Outcome SetConnectionPassword(const Value& value, ConnectorDraft& draft) {
  return SetPlainSecret(value, draft.auth.password);
}

Outcome SetBearerToken(const Value& value, ConnectorDraft& draft) {
  return SetPlainSecret(value, draft.auth.bearer_token);
}

Outcome SetApiKeyName(const Value& value, ConnectorDraft& draft) {
  return SetPlainSecret(value, draft.auth.key_name);
}

Outcome SetApiKeyValue(const Value& value, ConnectorDraft& draft) {
  return SetPlainSecret(value, draft.auth.key_value);
}

Outcome SetApiKeyLocation(const Value& value, ConnectorDraft& draft) {
  using Location = AuthDraft::KeyLocation;
  constexpr std::array<std::pair<std::string_view, Location>, 2> kLocations = {
      {{"HEADER", Location::kHeader}, {"QUERY", Location::kQuery}}};
  return SetChoice(value, kLocations, draft.auth.key_location);
}

Outcome SetTokenUrl(const Value& value, ConnectorDraft& draft) {
  if (Trim(value.text).empty()) return Accepted();
  if (std::string reason = ValidateEndpointUrl(value.text, value.is_hidden()); !reason.empty()) {
    return Invalid(std::move(reason));
  }
  OAuth2Config& client = draft.config.endpoint.auth.oauth2;
  client.host_is_secret = value.is_hidden() && *value.first_secret < HostEnd(value.text);
  return SetSecret(value, client.token_url);
}

Outcome SetClientId(const Value& value, ConnectorDraft& draft) {
  return SetPlainSecret(value, draft.config.endpoint.auth.oauth2.client_id);
}

Outcome SetClientSecret(const Value& value, ConnectorDraft& draft) {
  return SetPlainSecret(value, draft.config.endpoint.auth.oauth2.client_secret);
}

Outcome SetClientAuth(const Value& value, ConnectorDraft& draft) {
  constexpr std::array<std::pair<std::string_view, ClientAuth>, 4> kModes = {
      {{"header", ClientAuth::kHeader},
       {"header_raw", ClientAuth::kHeaderRaw},
       {"url", ClientAuth::kBody},
       {"none", ClientAuth::kNone}}};
  return SetChoice(value, kModes, draft.config.endpoint.auth.oauth2.client_auth);
}

Outcome SetTokenProperty(const Value& value, ConnectorDraft& draft) {
  if (Trim(value.text).empty()) return Invalid("String may not be empty");
  draft.config.endpoint.auth.oauth2.token_property = value.text;
  return Accepted();
}

Outcome SetTokenParameters(const Value& value, ConnectorDraft& draft) {
  auto parameters = ParseParameters(value.text, draft.secrets);
  if (!parameters) return Invalid(std::move(parameters.error()));
  draft.config.endpoint.auth.oauth2.parameters = std::move(*parameters);
  return Accepted();
}

void ResolveAuth(const Settings& settings, const std::string& file, ConnectorDraft& draft,
                 ProblemList& problems) {
  Resolution(settings, file, draft, problems).Run();
}

}  // namespace khs::config
