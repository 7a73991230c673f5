#include "auth/aws_signature.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>

#include "base/encoding.h"

namespace khs::auth {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kService = "kafka-cluster";
constexpr int kLifetimeSeconds = 900;

std::string Hex(std::string_view bytes) {
  std::string hex;
  for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return hex;
}

std::string Sha256(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return {reinterpret_cast<const char*>(digest.data()), size};
}

// As 20261130T041500Z.
std::string Format(base::WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const size_t size = std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts);
  return {text.data(), size};
}

std::string Base64Url(std::string_view text) {
  std::string encoded = base::Base64Encode(text);
  std::replace(encoded.begin(), encoded.end(), '+', '-');
  std::replace(encoded.begin(), encoded.end(), '/', '_');
  encoded.resize(std::min(encoded.find('='), encoded.size()));
  return encoded;
}

}  // namespace

std::string MakeMskToken(const AwsCredentials& credentials, std::string_view region,
                         std::string_view user_agent, base::WallTime now) {
  const std::string time = Format(now);
  const std::string date = time.substr(0, 8);
  const std::string scope = fmt::format("{}/{}/{}/aws4_request", date, region, kService);
  const std::string host = fmt::format("kafka.{}.amazonaws.com", region);

  // The names must be sorted.
  std::string query = fmt::format(
      "Action={}&X-Amz-Algorithm={}&X-Amz-Credential={}&X-Amz-Date={}&X-Amz-Expires={}",
      base::PercentEncode("kafka-cluster:Connect"), kAlgorithm,
      base::PercentEncode(credentials.access_key_id + '/' + scope), time, kLifetimeSeconds);
  if (const std::string& token = credentials.session_token.Reveal(); !token.empty()) {
    query += "&X-Amz-Security-Token=" + base::PercentEncode(token);
  }
  query += "&X-Amz-SignedHeaders=host";
  const std::string canonical =
      fmt::format("GET\n/\n{}\nhost:{}\n\nhost\n{}", query, host, Hex(Sha256("")));
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, time, scope, Hex(Sha256(canonical)));

  std::string key = HmacSha256("AWS4" + credentials.secret_access_key.Reveal(), date);
  key = HmacSha256(key, region);
  key = HmacSha256(key, kService);
  key = HmacSha256(key, "aws4_request");
  return Base64Url(fmt::format("https://{}/?{}&X-Amz-Signature={}&User-Agent={}", host, query,
                               Hex(HmacSha256(key, to_sign)), base::PercentEncode(user_agent)));
}

}  // namespace khs::auth
