#include "rest/credentials.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/encoding.h"
#include "base/header_syntax.h"
#include "base/log.h"
#include "rest/error_response.h"

namespace khs::rest {
namespace {

constexpr std::chrono::seconds kReloadInterval{1};

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

const char* KeyOf(CredentialKind kind) {
  return kind == CredentialKind::kBasic ? "rest.auth.basic.file" : "rest.auth.bearer.file";
}

// Returns what is wrong with a line; empty: nothing.
std::string_view ValidateLine(CredentialKind kind, std::string_view line) {
  if (!base::IsFieldValue(line)) return "has a control character";
  if (kind == CredentialKind::kBasic) {
    const size_t colon = line.find(':');
    return colon == std::string_view::npos || colon == 0 ? "is not user:password" : "";
  }
  return line.find_first_of(" \t") != std::string_view::npos ? "is not one token" : "";
}

// Returns what follows the scheme, or nothing if the scheme is a different one.
std::optional<std::string_view> AfterScheme(std::string_view authorization,
                                            std::string_view scheme) {
  if (!base::EqualIgnoringCase(authorization.substr(0, scheme.size()), scheme)) return std::nullopt;
  authorization.remove_prefix(scheme.size());
  if (!authorization.starts_with(' ')) return std::nullopt;
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

// Returns the header's credential in the form of a file's line.
std::optional<std::string> ParseAuthorization(CredentialKind kind, std::string_view authorization) {
  if (kind == CredentialKind::kBearer) {
    const auto token = AfterScheme(authorization, "Bearer");
    return token ? std::optional<std::string>(*token) : std::nullopt;
  }
  const auto encoded = AfterScheme(authorization, "Basic");
  if (!encoded) return std::nullopt;
  auto decoded = base::Base64Decode(*encoded);
  return decoded ? std::optional<std::string>(std::move(*decoded)) : std::nullopt;
}

// Takes the same time whether and where it finds the digest.
bool Contains(const std::vector<Digest>& digests, const Digest& wanted) {
  int found = 0;
  for (const Digest& digest : digests) {
    found |= CRYPTO_memcmp(digest.data(), wanted.data(), wanted.size()) == 0 ? 1 : 0;
  }
  return found != 0;
}

// Needs no credentials. The routes check again that the caller is on this machine.
bool IsLocalHook(const Request& request) {
  return request.from_loopback && (request.path == "/-/drain" || request.path == "/-/reload");
}

}  // namespace

base::Expected<std::vector<Digest>, std::string> ParseCredentials(CredentialKind kind,
                                                                  std::string_view content) {
  std::vector<Digest> digests;
  for (size_t number = 1; !content.empty(); ++number) {
    const size_t end = std::min(content.find('\n'), content.size());
    std::string_view line = content.substr(0, end);
    content.remove_prefix(std::min(end + 1, content.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") == std::string_view::npos || line.starts_with('#')) continue;
    const std::string_view problem = ValidateLine(kind, line);
    if (!problem.empty()) {
      return base::Unexpected<std::string>("line " + std::to_string(number) + ' ' +
                                           std::string(problem));
    }
    digests.push_back(DigestOf(line));
  }
  if (digests.empty()) return base::Unexpected<std::string>("it holds no credentials");
  return digests;
}

Credentials::Credentials(const config::CredentialFiles& files, base::MonotonicTime now)
    : next_reload_(now + kReloadInterval) {
  if (!files.basic.empty()) lists_.push_back({CredentialKind::kBasic, PolledFile(files.basic)});
  if (!files.bearer.empty()) lists_.push_back({CredentialKind::kBearer, PolledFile(files.bearer)});
  for (List& list : lists_) {
    const std::string problem = Reload(list);
    if (problem.empty()) continue;
    throw std::runtime_error(std::string(KeyOf(list.kind)) + ": cannot use " + list.file.path() +
                             ": " + problem);
  }
}

std::string Credentials::Reload(List& list) {
  auto content = list.file.ReadIfChanged();
  if (!content) return std::move(content.error());
  if (!*content) return list.content_problem;
  auto digests = ParseCredentials(list.kind, **content);
  list.content_problem = digests ? "" : std::move(digests.error());
  if (digests) list.digests = std::move(*digests);
  return list.content_problem;
}

void Credentials::ReloadAndLog(List& list) {
  std::string problem = Reload(list);
  if (!problem.empty() && problem != list.logged_problem) {
    Log().Warn("credentials cannot be reloaded, keeping the previous ones",
               {{"key", KeyOf(list.kind)}, {"file", list.file.path()}, {"error", problem}});
  }
  list.logged_problem = std::move(problem);
}

bool Credentials::Accepts(std::string_view authorization, base::MonotonicTime now) {
  if (now >= next_reload_) {
    next_reload_ = now + kReloadInterval;
    for (List& list : lists_) ReloadAndLog(list);
  }
  bool accepted = false;
  for (const List& list : lists_) {
    const auto credential = ParseAuthorization(list.kind, authorization);
    if (credential) accepted = Contains(list.digests, DigestOf(*credential)) || accepted;
  }
  return accepted;
}

std::string Credentials::Challenge() const {
  std::string challenge;
  for (const List& list : lists_) {
    if (!challenge.empty()) challenge += ", ";
    challenge +=
        list.kind == CredentialKind::kBasic ? R"(Basic realm="kafka-http-sink")" : "Bearer";
  }
  return challenge;
}

Authorizer MakeAuthorizer(const config::CredentialFiles& files, base::MonotonicTime now) {
  const auto credentials = std::make_shared<Credentials>(files, now);
  return [credentials](const Request& head, base::MonotonicTime then) -> std::optional<Response> {
    const bool accepted = credentials->Accepts(head.Header("authorization"), then);
    if (accepted || IsLocalHook(head)) return std::nullopt;
    Response refused = HttpError(401);
    refused.headers["WWW-Authenticate"] = credentials->Challenge();
    return refused;
  };
}

}  // namespace khs::rest
