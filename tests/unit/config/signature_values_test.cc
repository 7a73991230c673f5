#include "config/signature_values.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "config/connector_config.h"
#include "config/validation.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Algorithm = SigningKey::Algorithm;
using Type = SignatureConfig::Type;

const std::string kMinimum = "topics = 'a'\ncallback.request.url = 'http://h/'\n";
const std::string kStandard = "signature.type = 'STANDARD_WEBHOOKS'\n";

// 23, 24, 64 and 65 times the byte 7, and 31 and 32 times.
const std::string k23 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const std::string k24 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const std::string k31 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==";
const std::string k32 = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const std::string k64 =
    "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBw==";
const std::string k65 =
    "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

ConnectorResult Parse(const std::string& lines, const FlatConfig& defaults = {}) {
  const ReadSecret read =
      [](const SecretReference& reference) -> base::Expected<std::string, std::string> {
    if (reference.place == "COMMA") return "one, two\n";
    if (reference.place == "STANDARD") return "whsec_" + k32 + "\n";
    return base::Unexpected<std::string>("it is missing");
  };
  return ParseConnectorToml({"f", "stem"}, kMinimum + lines + "\n", defaults, "d", &read);
}

SignatureConfig SignatureOf(const std::string& lines, const FlatConfig& defaults = {}) {
  const auto result = Parse(lines, defaults);
  EXPECT_THAT(Listing(result.problems), IsEmpty()) << lines;
  return result.config ? result.config->endpoint.signature : SignatureConfig{};
}

std::vector<std::string> Bytes(const SignatureConfig& signature) {
  std::vector<std::string> bytes;
  for (const SigningKey& key : signature.keys) bytes.push_back(key.bytes.Reveal());
  return bytes;
}

TEST(SignatureKeys, SignNothingByDefault) {
  EXPECT_EQ(SignatureOf(""), SignatureConfig());
  EXPECT_EQ(SignatureOf("signature.type = 'none'\nsignature.secrets = []"), SignatureConfig());
}

TEST(SignatureKeys, TakeSecretsVerbatimForGithubAndStripe) {
  const SignatureConfig github =
      SignatureOf("signature.type = 'github'\nsignature.secrets = 'a b'");
  EXPECT_EQ(github.type, Type::kGithub);
  EXPECT_THAT(Bytes(github), ElementsAre("a b"));
  const SignatureConfig stripe = SignatureOf(
      "signature.type = 'STRIPE'\nsignature.secrets = ['whsec_a=', ' b ', '$${c', 'd']");
  EXPECT_EQ(stripe.type, Type::kStripe);
  EXPECT_THAT(Bytes(stripe), ElementsAre("whsec_a=", "b", "${c", "d"));
}

TEST(SignatureKeys, TakeAReferenceAsOneSecret) {
  const SignatureConfig stripe =
      SignatureOf("signature.type = 'STRIPE'\nsignature.secrets = '${env:COMMA}, x-${env:COMMA}'");
  EXPECT_THAT(Bytes(stripe), ElementsAre("one, two", "x-one, two"));
  for (const SigningKey& key : stripe.keys) EXPECT_TRUE(key.bytes.is_from_reference());
  EXPECT_THAT(Bytes(SignatureOf("signature.type = 'GITHUB'\nsignature.secrets = '${env:COMMA}'")),
              ElementsAre("one, two"));
}

TEST(SignatureKeys, DecodeSecretsOfStandardWebhooks) {
  const struct {
    std::string secret;
    Algorithm algorithm;
    size_t size;
  } cases[] = {
      {"whsec_" + k24, Algorithm::kHmacSha256, 24},
      {"whsec_" + k64, Algorithm::kHmacSha256, 64},
      {"whsec_" + k32.substr(0, 43), Algorithm::kHmacSha256, 32},  // without padding
      {"${env:STANDARD}", Algorithm::kHmacSha256, 32},
      {"whsk_" + k32, Algorithm::kEd25519, 32},
      {"whsk_" + k64, Algorithm::kEd25519, 64},
  };
  for (const auto& [secret, algorithm, size] : cases) {
    const SignatureConfig signature =
        SignatureOf(kStandard + "signature.secrets = '" + secret + "'");
    ASSERT_EQ(signature.keys.size(), 1u) << secret;
    EXPECT_EQ(signature.keys[0].algorithm, algorithm) << secret;
    EXPECT_EQ(signature.keys[0].bytes.Reveal(), std::string(size, '\7')) << secret;
  }
}

TEST(SignatureKeys, AreRejectedWithoutQuotingASecret) {
  const std::string invalid = "Invalid value [hidden] for configuration signature.secrets: ";
  const std::string standard = kStandard + "signature.secrets = ";
  const struct {
    std::string lines;
    std::string error;
  } cases[] = {
      {"signature.type = 'SVIX'\nsignature.secrets = 'canary'",
       "signature.type: Invalid value SVIX for configuration signature.type: String must be one "
       "of: NONE, STANDARD_WEBHOOKS, GITHUB, STRIPE"},
      {"signature.type = 'STRIPE'",
       "f:3:1: error: signature.type: A signature needs a secret: set signature.secrets as well"},
      {"signature.type = 'STRIPE'\nsignature.secrets = ' '", "A signature needs a secret"},
      {"signature.secrets = 'canary'",
       "f:3:1: error: signature.secrets: Nothing is signed with it: signature.type is NONE"},
      {"signature.type = 'STRIPE'\nsignature.secrets = 'canary,,b'",
       invalid + "a secret is missing between two commas"},
      {"signature.type = 'STRIPE'\nsignature.secrets = ['canary,b', 'c']",
       "f:4:1: error: signature.secrets: An element of the list has a comma: a secret with a comma "
       "must be a reference"},
      {"signature.type = 'STRIPE'\nsignature.secrets = 'canary,b,c,d,e'",
       invalid + "at most 4 secrets are allowed, but there are 5"},
      {"signature.type = 'STRIPE'\nsignature.secrets = 5",
       "Expected value to be a string in quotes, but it was an integer"},
      {"signature.type = 'STRIPE'\nsignature.secrets = 'canary,${env:NONE}'",
       invalid + "the secret ${env:NONE} cannot be read: it is missing"},
      {"signature.type = 'STRIPE'\nsignature.secrets = 'canary${x}'",
       invalid + "the reference at character 7 is unknown"},
      {"signature.type = 'GITHUB'\nsignature.secrets = 'canary,b'",
       invalid + "GITHUB has one secret"},
      {standard + "'canary'", invalid + "secret 1 has neither the prefix whsec_ nor whsk_"},
      {standard + "'whsec_" + k24 + ",canary'", invalid + "secret 2 has neither the prefix"},
      {standard + "'whsec_canary*'", invalid + "secret 1 is not base64 after its prefix"},
      {standard + "'whsec_" + k24 + " canary'", invalid + "secret 1 is not base64"},
      {standard + "'whsec_'", invalid + "secret 1 must have 24 to 64 bytes after whsec_"},
      {standard + "'whsec_" + k23 + "'", invalid + "secret 1 must have 24 to 64 bytes"},
      {standard + "'whsec_" + k65 + "'", invalid + "secret 1 must have 24 to 64 bytes"},
      {standard + "'whsk_" + k31 + "'", invalid + "secret 1 must have 32 or 64 bytes after whsk_"},
  };
  for (const auto& [lines, error] : cases) {
    const auto problems = Listing(Parse(lines).problems);
    ASSERT_EQ(problems.size(), 1u) << lines << '\n' << ::testing::PrintToString(problems);
    EXPECT_THAT(problems[0], HasSubstr(error)) << lines;
    EXPECT_THAT(problems[0], Not(HasSubstr("canary"))) << lines;
    EXPECT_THAT(problems[0], Not(HasSubstr("BwcH"))) << lines;
  }
}

TEST(SignatureKeys, ReportEverySecretThatDoesNotFit) {
  EXPECT_THAT(
      Listing(Parse(kStandard + "signature.secrets = ['a', 'whsec_" + k24 + "', 'b']").problems),
      ElementsAre(HasSubstr("secret 1 has neither"), HasSubstr("secret 3 has neither")));
}

TEST(SignatureKeys, AreCheckedAsFarAsTheirSecretsAreRead) {
  const auto check = [](const std::string& lines) {
    return Listing(ParseConnectorToml({"f", "stem"}, kMinimum + lines).problems);
  };
  EXPECT_THAT(check(kStandard + "signature.secrets = '${env:A}'"), IsEmpty());
  EXPECT_THAT(check(kStandard + "signature.secrets = '${env:A}, b'"),
              ElementsAre(HasSubstr("secret 2 has neither the prefix")));
  EXPECT_THAT(check("signature.type = 'GITHUB'\nsignature.secrets = '${env:A},${env:B}'"),
              ElementsAre(HasSubstr("GITHUB has one secret")));
  EXPECT_THAT(check("signature.type = '${env:A}'\nsignature.secrets = 'b'"), IsEmpty());
}

TEST(SignatureKeys, MayBeDefaultsOfAllConnectors) {
  const FlatConfig defaults = {{"signature.type", "STRIPE", ValueKind::kString, {1, 1}},
                               {"signature.secrets", "a,b", ValueKind::kString, {2, 1}}};
  EXPECT_THAT(Bytes(SignatureOf("", defaults)), ElementsAre("a", "b"));
  EXPECT_THAT(Bytes(SignatureOf("signature.secrets = 'own'", defaults)), ElementsAre("own"));
  EXPECT_EQ(SignatureOf("signature.type = 'NONE'", defaults), SignatureConfig());
}

TEST(SignatureKeys, ReserveTheHeadersOfTheSignature) {
  const struct {
    std::string signature;
    std::string header;
    std::string names;
  } cases[] = {
      {kStandard + "signature.secrets = 'whsec_" + k24 + "'\n", "Webhook-Id",
       "webhook-id, webhook-timestamp, webhook-signature"},
      {kStandard + "signature.secrets = 'whsec_" + k24 + "'\n", "webhook_signature",
       "webhook-id, webhook-timestamp, webhook-signature"},
      {"signature.type = 'GITHUB'\nsignature.secrets = 's'\n", "x-hub-signature-256",
       "X-Hub-Signature-256"},
      {"signature.type = 'STRIPE'\nsignature.secrets = 's'\n", "Stripe-Signature",
       "Stripe-Signature"},
  };
  for (const auto& [signature, header, names] : cases) {
    const std::string headers = "callback.request.headers = {" + header + " = 'canary'}\n";
    const auto problems = Listing(Parse(signature + headers).problems);
    EXPECT_THAT(problems, ElementsAre(HasSubstr("callback.request.headers: signature.type sets "
                                                "these headers itself, leave them out: " +
                                                names)));
    EXPECT_THAT(Listing(Parse(headers).problems), IsEmpty());
    const std::string api_key =
        "auth.type = 'API_KEY'\napi.key.name = '" + header + "'\napi.key.value = 'canary'\n";
    EXPECT_THAT(Listing(Parse(signature + api_key).problems),
                ElementsAre(HasSubstr("api.key.name: signature.type sets these headers itself")));
    EXPECT_THAT(Listing(Parse(signature + api_key + "api.key.location = 'QUERY'\n").problems),
                IsEmpty());
  }
}

TEST(SignatureKeys, ShowTheirErrorsAtTheKeyInValidateAndNoSecret) {
  const auto entry = [](const char* key, const char* value) {
    return Entry{key, value, ValueKind::kString, {}};
  };
  const FlatConfig definition = {
      entry("name", "n"), entry("topics", "a"), entry("callback.request.url", "http://h/"),
      entry("signature.type", "STANDARD_WEBHOOKS"), entry("signature.secrets", "canary")};
  size_t errors = 0;
  for (const KeyValidation& key : ValidateConnector(definition, {})) {
    errors += key.errors.size();
    if (key.name != "signature.secrets") continue;
    EXPECT_EQ(key.value, "[hidden]");
    EXPECT_THAT(key.errors, ElementsAre(HasSubstr("secret 1 has neither the prefix")));
  }
  EXPECT_EQ(errors, 1u);
}

}  // namespace
}  // namespace khs::config
