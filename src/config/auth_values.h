#pragma once

#include <optional>
#include <string>

#include "config/auth_config.h"
#include "config/problem_list.h"
#include "config/settings.h"
#include "config/value.h"

namespace khs::config {

struct ConnectorDraft;
struct Outcome;

// The values of the keys about authentication until ResolveAuth combines them.
struct AuthDraft {
  enum class KeyLocation { kHeader, kQuery };

  std::optional<AuthConfig::Type> type = {};  // absent: invalid, or a secret that was not read
  base::Secret user = {};
  base::Secret password = {};
  base::Secret bearer_token = {};
  base::Secret key_name = {};
  base::Secret key_value = {};
  KeyLocation key_location = KeyLocation::kHeader;
};

// The functions of the connector table for these keys.
Outcome SetAuthType(const Value& value, ConnectorDraft& draft);
Outcome SetConnectionUser(const Value& value, ConnectorDraft& draft);
Outcome SetConnectionPassword(const Value& value, ConnectorDraft& draft);
Outcome SetBearerToken(const Value& value, ConnectorDraft& draft);
Outcome SetApiKeyName(const Value& value, ConnectorDraft& draft);
Outcome SetApiKeyValue(const Value& value, ConnectorDraft& draft);
Outcome SetApiKeyLocation(const Value& value, ConnectorDraft& draft);
Outcome SetTokenUrl(const Value& value, ConnectorDraft& draft);
Outcome SetClientId(const Value& value, ConnectorDraft& draft);
Outcome SetClientSecret(const Value& value, ConnectorDraft& draft);
Outcome SetClientAuth(const Value& value, ConnectorDraft& draft);
Outcome SetTokenProperty(const Value& value, ConnectorDraft& draft);
Outcome SetTokenParameters(const Value& value, ConnectorDraft& draft);

// Combines the keys to the connector's AuthConfig. Reports credentials that are missing, that
// belong to another type, or that are given in `callback.request.headers` too. Where a key of the
// connector contradicts a default, the default has no effect. `file` is the connector's own.
void ResolveAuth(const Settings& settings, const std::string& file, ConnectorDraft& draft,
                 ProblemList& problems);

}  // namespace khs::config
