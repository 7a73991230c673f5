#include "config/signature_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "config/row_setters.h"
#include "config/text.h"

namespace khs::config {
namespace {

using Algorithm = SigningKey::Algorithm;
using Reason = base::Unexpected<std::string>;
using Type = SignatureConfig::Type;

constexpr std::string_view kType = "signature.type";
constexpr std::string_view kSecrets = "signature.secrets";
constexpr size_t kMaxSecrets = 4;

// Splits a list at the commas outside of references.
std::vector<std::string_view> SplitSecrets(std::string_view text) {
  std::vector<std::string_view> secrets;
  if (Trim(text).empty()) return secrets;
  size_t start = 0;
  for (size_t at = 0; at <= text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      at += 2;
    } else if (rest.starts_with("${")) {
      at += std::min(rest.find('}'), rest.size() - 1);
    } else if (rest.empty() || rest.front() == ',') {
      secrets.push_back(Trim(text.substr(start, at - start)));
      start = at + 1;
    }
  }
  return secrets;
}

// Parses a secret of Standard Webhooks: base64 after a prefix that names the algorithm. The error
// follows the number of the secret and quotes nothing of it.
base::Expected<SigningKey, std::string> ParseStandardSecret(const base::Secret& secret) {
  constexpr std::string_view kHmacPrefix = "whsec_";
  constexpr std::string_view kEd25519Prefix = "whsk_";
  std::string_view text = secret.Reveal();
  const bool is_hmac = text.starts_with(kHmacPrefix);
  if (!is_hmac && !text.starts_with(kEd25519Prefix)) {
    return Reason("has neither the prefix whsec_ nor whsk_");
  }
  text.remove_prefix(is_hmac ? kHmacPrefix.size() : kEd25519Prefix.size());
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  auto bytes = base::Base64Decode(padded);
  if (!bytes) return Reason("is not base64 after its prefix");
  const size_t size = bytes->size();
  if (is_hmac && (size < 24 || size > 64)) return Reason("must have 24 to 64 bytes after whsec_");
  if (!is_hmac && size != 32 && size != 64) return Reason("must have 32 or 64 bytes after whsk_");
  return SigningKey{is_hmac ? Algorithm::kHmacSha256 : Algorithm::kEd25519,
                    base::Secret::FromReference(std::move(*bytes))};
}

}  // namespace

Outcome SetSignatureType(const Value& value, ConnectorDraft& draft) {
  constexpr std::array<std::pair<std::string_view, Type>, 4> kTypes = {
      {{"NONE", Type::kNone},
       {"STANDARD_WEBHOOKS", Type::kStandardWebhooks},
       {"GITHUB", Type::kGithub},
       {"STRIPE", Type::kStripe}}};
  Type type = Type::kNone;
  Outcome outcome = SetChoice(value, kTypes, type);
  if (outcome.kind == Outcome::Kind::kAccepted) draft.signature_type = type;
  return outcome;
}

Outcome SetSignatureSecrets(const Value& value, ConnectorDraft& draft) {
  std::vector<std::optional<base::Secret>> secrets;
  std::string problem;  // the first; the loop continues, to record all references
  for (const std::string_view written : SplitSecrets(value.text)) {
    auto resolved = draft.secrets.Resolve(written);
    if (!resolved && problem.empty()) problem = std::move(resolved.error());
    if (written.empty() && problem.empty()) problem = "a secret is missing between two commas";
    if (!resolved) continue;
    const bool is_complete = resolved->is_complete;
    if (is_complete) draft.secrets.AddValue(resolved->text);
    secrets.push_back(is_complete ? std::optional(ToSecret(std::move(*resolved))) : std::nullopt);
  }
  if (!problem.empty()) return Invalid(std::move(problem));
  if (secrets.size() > kMaxSecrets) {
    return Invalid(
        fmt::format("at most {} secrets are allowed, but there are {}: a secret with a comma must "
                    "be a reference",
                    kMaxSecrets, secrets.size()));
  }
  draft.signature_secrets = std::move(secrets);
  return Accepted();
}

void ResolveSignature(const Settings& settings, const std::string& file, ConnectorDraft& draft,
                      ProblemList& problems) {
  if (!draft.signature_type) return;  // its value is invalid, or a secret that was not read
  SignatureConfig& signature = draft.config.endpoint.signature;
  signature.type = *draft.signature_type;
  const Setting* secrets = FindSet(settings, kSecrets);
  if (signature.type == Type::kNone) {
    if (secrets == nullptr || secrets->written.file != file) return;
    problems.Add(
        ProblemWith(*secrets, fmt::format("Nothing is signed with it: {} is NONE", kType)));
    return;
  }
  if (secrets == nullptr) {
    problems.Add(ProblemWith(*FindSetting(settings, kType),
                             fmt::format("A signature needs a secret: set {} as well", kSecrets)));
    return;
  }
  const auto report = [&](std::string_view reason) {
    problems.Add(ProblemWith(*secrets, InvalidValue(kHiddenValue, kSecrets, reason)));
  };
  if (signature.type == Type::kGithub && draft.signature_secrets.size() > 1) {
    return report("GITHUB has one secret: a secret with a comma must be a reference");
  }
  for (size_t i = 0; i < draft.signature_secrets.size(); ++i) {
    const std::optional<base::Secret>& secret = draft.signature_secrets[i];
    if (!secret) continue;
    if (signature.type != Type::kStandardWebhooks) {
      signature.keys.push_back({Algorithm::kHmacSha256, *secret});
    } else if (auto key = ParseStandardSecret(*secret)) {
      signature.keys.push_back(std::move(*key));
    } else {
      report(fmt::format("secret {} {}", i + 1, key.error()));
    }
  }
}

}  // namespace khs::config
