#include "auth/msk_flow.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/json_text.h"
#include "config/connector_config.h"
#include "http/destination.h"
#include "request/target.h"
#include "watch/read_file.h"

namespace khs::auth {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kUserAgent = "kafka-http-sink";
constexpr seconds kLifetime{900};
constexpr seconds kConnectTimeout{5};
constexpr seconds kReadTimeout{15};
constexpr std::string_view kTokenPath = "/latest/api/token";
constexpr std::string_view kRolesPath = "/latest/meta-data/iam/security-credentials/";
constexpr size_t kMaxTokenFile = 64 * 1024;

std::string_view TrimEnd(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  return text;
}

std::string StringOf(std::string_view json) {
  return json.starts_with('"') ? base::UnescapeJson(json).value_or("") : std::string();
}

std::optional<int> NumberIn(std::string_view text, size_t at, size_t size) {
  int number = 0;
  if (at + size > text.size()) return std::nullopt;
  const char* const end = text.data() + at + size;
  const auto [stop, error] = std::from_chars(text.data() + at, end, number);
  return error == std::errc() && stop == end ? std::optional(number) : std::nullopt;
}

// Parses 2026-11-30T04:15:00Z, or a number of seconds since 1970.
std::optional<base::WallTime> ParseTime(std::string_view json) {
  if (!json.starts_with('"')) {
    double since = 0;
    const auto [stop, error] = std::from_chars(json.data(), json.data() + json.size(), since);
    if (json.empty() || error != std::errc() || !(since > 0 && since < 1e11)) return std::nullopt;
    return base::WallTime(seconds(static_cast<int64_t>(since)));
  }
  const std::string text = StringOf(json);
  const auto year = NumberIn(text, 0, 4);
  const auto month = NumberIn(text, 5, 2);
  const auto day = NumberIn(text, 8, 2);
  const auto hour = NumberIn(text, 11, 2);
  const auto minute = NumberIn(text, 14, 2);
  const auto second = NumberIn(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         seconds(*second);
}

class MskFlow final : public TokenFlow {
 public:
  MskFlow(const MskIdentity& identity, MakeUrlDestination destination_of)
      : region_(identity.region), aws_(identity.aws), destination_of_(std::move(destination_of)) {}

  Step Begin(base::WallTime now) override {
    try {
      if (!aws_.keys.access_key_id.empty()) return Sign(aws_.keys, std::nullopt, now);
      if (!aws_.role.empty()) return AssumeRole();
      if (!aws_.container_url.empty()) return AskContainer();
      asking_ = Asking::kSession;
      return SendTo(aws_.instance_url + std::string(kTokenPath), "PUT",
                    {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}});
    } catch (const std::exception& problem) {
      return Failed{problem.what()};
    }
  }

  Step OnResponse(const delivery::Response& response, base::WallTime now) override {
    if (response.status < 200 || response.status > 299) {
      return Failed{fmt::format("{}: HTTP {}", Asked(), response.status)};
    }
    const std::string roles = aws_.instance_url + std::string(kRolesPath);
    const std::string text(TrimEnd(response.body));
    try {
      switch (asking_) {
        case Asking::kSession:
          asking_ = Asking::kInstanceRole;
          instance_token_ = text;
          return SendTo(roles, "GET", {{"X-aws-ec2-metadata-token", instance_token_}});
        case Asking::kInstanceRole:
          asking_ = Asking::kInstance;
          return SendTo(roles + base::PercentEncode(text.substr(0, text.find('\n'))), "GET",
                        {{"X-aws-ec2-metadata-token", instance_token_}});
        case Asking::kInstance:
        case Asking::kContainer:
          return SignWith(response.body, {}, "Token", now);
        case Asking::kRole:
          return SignWith(response.body,
                          {"AssumeRoleWithWebIdentityResponse", "AssumeRoleWithWebIdentityResult",
                           "Credentials"},
                          "SessionToken", now);
      }
    } catch (const std::exception& problem) {
      return Failed{problem.what()};
    }
    return Failed{"unexpected answer"};
  }

 private:
  enum class Asking { kRole, kContainer, kSession, kInstanceRole, kInstance };
  using Headers = std::vector<std::pair<std::string_view, std::string>>;

  const char* Asked() const {
    switch (asking_) {
      case Asking::kRole:
        return "AssumeRoleWithWebIdentity";
      case Asking::kContainer:
        return "the container's credentials";
      case Asking::kSession:
      case Asking::kInstanceRole:
      case Asking::kInstance:
        break;
    }
    return "the instance's credentials";
  }

  Step SendTo(const std::string& url, const char* method, const Headers& headers,
              std::string body = {}) const {
    request::Request request;
    request.method = method;
    request.target = request::ParseTarget(url).path;
    for (const auto& [name, value] : headers) request.headers.Add(name, value);
    request.headers.Add("Accept", "application/json");
    request.headers.Add("User-Agent", kUserAgent);
    request.body = std::move(body);
    return Send{destination_of_(url), std::move(request)};
  }

  static std::string ReadToken(const std::string& file) {
    const auto content = watch::ReadRegularFile(file, kMaxTokenFile);
    if (!content) throw std::runtime_error("cannot read " + file + ": " + content.error());
    return std::string(TrimEnd(*content));
  }

  // Exchanges the token of a Kubernetes service account (IRSA) for the credentials of a role.
  Step AssumeRole() {
    asking_ = Asking::kRole;
    const std::string url =
        aws_.sts_url.empty() ? "https://sts." + region_ + ".amazonaws.com/" : aws_.sts_url;
    return SendTo(url, "POST", {{"Content-Type", "application/x-www-form-urlencoded"}},
                  "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" +
                      base::PercentEncode(aws_.role) +
                      "&RoleSessionName=" + base::PercentEncode(aws_.role_session) +
                      "&WebIdentityToken=" + base::PercentEncode(ReadToken(aws_.role_token_file)));
  }

  Step AskContainer() {
    asking_ = Asking::kContainer;
    const std::string token = aws_.container_token_file.empty()
                                  ? aws_.container_token.Reveal()
                                  : ReadToken(aws_.container_token_file);
    Headers headers;
    if (!token.empty()) headers.emplace_back("Authorization", token);
    return SendTo(aws_.container_url, "GET", headers);
  }

  Step SignWith(std::string_view json, const base::JsonPath& parent, const char* token_name,
                base::WallTime now) const {
    std::vector<base::JsonPath> paths(4, parent);
    paths[0].emplace_back("AccessKeyId");
    paths[1].emplace_back("SecretAccessKey");
    paths[2].emplace_back(token_name);
    paths[3].emplace_back("Expiration");
    const auto found = base::FindInJson(json, paths);
    if (!found) return Failed{fmt::format("{}: the answer is not JSON", Asked())};
    const AwsCredentials credentials{StringOf((*found)[0]), StringOf((*found)[1]),
                                     StringOf((*found)[2])};
    if (credentials.access_key_id.empty() || credentials.secret_access_key.Reveal().empty()) {
      return Failed{fmt::format("{}: the answer has no keys", Asked())};
    }
    return Sign(credentials, ParseTime((*found)[3]), now);
  }

  Step Sign(const AwsCredentials& credentials, std::optional<base::WallTime> expires,
            base::WallTime now) const {
    milliseconds lifetime = kLifetime;
    if (expires) lifetime = std::min(lifetime, std::chrono::floor<milliseconds>(*expires - now));
    if (lifetime <= milliseconds(0)) return Failed{"the credentials have expired"};
    return Obtained{MakeMskToken(credentials, region_, kUserAgent, now), lifetime};
  }

  const std::string region_;
  const AwsSettings aws_;
  const MakeUrlDestination destination_of_;
  Asking asking_ = Asking::kRole;
  std::string instance_token_;
};

std::shared_ptr<const task::Destination> DestinationOf(const std::string& url) {
  config::EndpointConfig endpoint;
  endpoint.url = url;
  endpoint.connect_timeout = kConnectTimeout;
  endpoint.read_timeout = kReadTimeout;
  return http::MakeDestination(endpoint, nullptr);
}

}  // namespace

AwsSettings ReadAwsSettings(const std::map<std::string, std::string>& environment) {
  const auto read = [&environment](const char* name, const char* otherwise = "") -> std::string {
    const auto found = environment.find(name);
    return found == environment.end() || found->second.empty() ? otherwise : found->second;
  };
  AwsSettings aws;
  aws.region = read("AWS_REGION");
  if (aws.region.empty()) aws.region = read("AWS_DEFAULT_REGION");
  aws.keys = {read("AWS_ACCESS_KEY_ID"), read("AWS_SECRET_ACCESS_KEY"), read("AWS_SESSION_TOKEN")};
  aws.role_token_file = read("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (!aws.role_token_file.empty()) aws.role = read("AWS_ROLE_ARN");
  aws.role_session = read("AWS_ROLE_SESSION_NAME", "kafka-http-sink");
  aws.sts_url = read("AWS_ENDPOINT_URL_STS");
  aws.container_url = read("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const std::string relative = read("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  if (!relative.empty()) aws.container_url = "http://169.254.170.2" + relative;
  aws.container_token = read("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  aws.container_token_file = read("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  aws.instance_url = read("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254");
  while (aws.instance_url.ends_with('/')) aws.instance_url.pop_back();
  return aws;
}

std::unique_ptr<TokenFlow> MakeMskFlow(const MskIdentity& identity,
                                       const MakeUrlDestination& destination_of) {
  return std::make_unique<MskFlow>(identity, destination_of);
}

std::unique_ptr<TokenFlow> MakeMskFlow(const MskIdentity& identity) {
  return MakeMskFlow(identity, &DestinationOf);
}

}  // namespace khs::auth
