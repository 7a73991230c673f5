// The expected signatures were computed with openssl and Python's hmac, unless they are published.

#include "request/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "request/builder.h"
#include "support/header_lines.h"

namespace khs::request {
namespace {

using config::SigningKey;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Type = config::SignatureConfig::Type;

const base::WallTime kNow{milliseconds(1'700'000'000'999)};

SigningKey Hmac(std::string secret) { return {SigningKey::Algorithm::kHmacSha256, secret}; }

SigningKey Decoded(SigningKey::Algorithm algorithm, std::string_view base64) {
  return {algorithm, *base::Base64Decode(base64)};
}

SigningKey HmacOfBase64(std::string_view base64) {
  return Decoded(SigningKey::Algorithm::kHmacSha256, base64);
}

SigningKey Ed25519(std::string_view base64) {
  return Decoded(SigningKey::Algorithm::kEd25519, base64);
}

using Lines = std::vector<std::pair<std::string, std::string>>;

// Returns the headers that a signature adds to a request.
Lines Sign(const config::SignatureConfig& signature, std::string_view body,
           base::WallTime now = kNow) {
  Request request;
  request.body = body;
  request.headers.Add("Idempotency-Key", "\"connect-sink/orders/3/42\"");
  Signer(signature).Sign(request, now);
  Lines lines = khs::testing::HeaderLines(request.headers);
  lines.erase(lines.begin());
  return lines;
}

TEST(Signer, SignsAsPublishedForGithub) {
  const struct {
    std::string secret;
    std::string_view body;
    std::string_view signature;
  } cases[] = {
      // docs.github.com: Validating webhook deliveries
      {"It's a Secret to Everybody", "Hello, World!",
       "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
      // RFC 4231, test cases 1 and 6
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
  };
  for (const auto& [secret, body, signature] : cases) {
    EXPECT_THAT(Sign({Type::kGithub, {Hmac(secret)}}, body),
                ElementsAre(Pair("X-Hub-Signature-256", "sha256=" + std::string(signature))));
  }
}

TEST(Signer, SignsTimeAndBodyForStripeWithEverySecret) {
  EXPECT_THAT(
      Sign({Type::kStripe, {Hmac("whsec_first"), Hmac("second, with a comma")}}, R"({"id":7})"),
      ElementsAre(Pair("Stripe-Signature",
                       "t=1700000000,"
                       "v1=0292f3097d1366e7ec9d97ac587e00576bd8c47c2cf90cc0ebdd513dceb91f1e,"
                       "v1=75352a21786f5e6c4f242ba20fdb9e87e563126c333dfd724852e4097179942d")));
}

// The first secret is that of the specification's example.
constexpr std::string_view kFirst = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr std::string_view kSecond = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
// RFC 8032, test 1 of section 7.1.
constexpr std::string_view kPrivate = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
constexpr std::string_view kPrivateAndPublic =
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
constexpr std::string_view kPrivateAndAnotherPublic =
    "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ==";

TEST(Signer, SignsIdTimeAndBodyForStandardWebhooks) {
  const std::string id = "msg_e1cae6018b1dea56b801c6c3594f279d";
  const std::string first = "v1,bADa2YhQi6M7AoOOOX/8C8y1DSOEeERyMlOTINBxYPc=";
  const std::string second = "v1,LyQSR3p2uFmmqiny3N1uyxCOZK1XA1tmalzqUmR5tiA=";
  const std::string asymmetric =
      "v1a,/W2nsqa/h+/rTm0u897VUXt0hSnA+3uTqLdpgtInlRQUMSRfVT+6xEcAw4Xwic0ma4IsxUviJnvh743nbWWLCg"
      "==";
  const struct {
    std::string_view name;
    std::vector<SigningKey> keys;
    std::string_view body;
    int seconds;
    std::string signatures;
  } cases[] = {
      {"one secret", {HmacOfBase64(kFirst)}, R"({"id":7})", 0, first},
      {"two",
       {HmacOfBase64(kFirst), HmacOfBase64(kSecond)},
       R"({"id":7})",
       0,
       first + ' ' + second},
      {"ed25519", {Ed25519(kPrivate)}, R"({"id":7})", 0, asymmetric},
      {"with the public key", {Ed25519(kPrivateAndPublic)}, R"({"id":7})", 0, asymmetric},
      {"both kinds",
       {Ed25519(kPrivate), HmacOfBase64(kFirst)},
       R"({"id":7})",
       0,
       asymmetric + ' ' + first},
      {"no body", {HmacOfBase64(kFirst)}, "", 0, "v1,g7IVUW77fEzeR1FFeoDhZQRystAOdXMyM6GdNrP9SLE="},
      {"later",
       {HmacOfBase64(kFirst)},
       R"({"id":7})",
       1,
       "v1,aUdYCXkYNctCEZBnRWkPW7PDnRM1V/FwzW3DqeoTLT0="},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(Sign({Type::kStandardWebhooks, one.keys}, one.body,
                     kNow + std::chrono::seconds(one.seconds)),
                ElementsAre(Pair("webhook-id", id),
                            Pair("webhook-timestamp", std::to_string(1'700'000'000 + one.seconds)),
                            Pair("webhook-signature", one.signatures)))
        << one.name;
  }
}

TEST(Signer, RejectsAKeyPairThatDoesNotBelongTogether) {
  try {
    Signer({Type::kStandardWebhooks, {Ed25519(kPrivateAndAnotherPublic)}});
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("signature.secrets: the public key"));
  }
}

// --- In requests.

class SignatureInRequests : public ::testing::Test {
 protected:
  SignatureInRequests() {
    endpoint_.url = "http://h/in";
    endpoint_.signature = {Type::kStandardWebhooks, {HmacOfBase64(kFirst)}};
    record_.topic_partition = {"orders", 3};
    record_.offset = 42;
    record_.value = R"({"id":7})";
  }

  Request Build(base::WallTime now = kNow) const {
    return *Builder(endpoint_, {"sink", "connect-sink"}, null_values_).Build(record_, now);
  }
  std::string Value(std::string_view name, base::WallTime now = kNow) const {
    const Request request = Build(now);
    return std::string(request.headers.Find(name).value_or("none"));
  }

  config::EndpointConfig endpoint_;
  delivery::NullValues null_values_ = delivery::NullValues::kSend;
  delivery::Record record_;
};

TEST_F(SignatureInRequests, CoversTheBodyThatIsSent) {
  EXPECT_EQ(Value("webhook-signature"), "v1,bADa2YhQi6M7AoOOOX/8C8y1DSOEeERyMlOTINBxYPc=");
  endpoint_.body = R"({"id":7})";
  record_.value = "something else";
  EXPECT_EQ(Value("webhook-signature"), "v1,bADa2YhQi6M7AoOOOX/8C8y1DSOEeERyMlOTINBxYPc=");
  record_.value.reset();
  null_values_ = delivery::NullValues::kDelete;
  EXPECT_EQ(Value("webhook-signature"), "v1,g7IVUW77fEzeR1FFeoDhZQRystAOdXMyM6GdNrP9SLE=");
}

TEST_F(SignatureInRequests, IsNewOnEveryAttemptAndNothingElseIs) {
  const auto later = kNow + std::chrono::seconds(1);
  EXPECT_EQ(Value("webhook-id"), Value("webhook-id", later));
  EXPECT_EQ(Value("webhook-timestamp", later), "1700000001");
  EXPECT_EQ(Value("webhook-signature", later), "v1,aUdYCXkYNctCEZBnRWkPW7PDnRM1V/FwzW3DqeoTLT0=");
  const auto without_signature = [](const Request& request) {
    Lines lines = khs::testing::HeaderLines(request.headers);
    std::erase_if(lines, [](const auto& line) {
      return line.first == "webhook-timestamp" || line.first == "webhook-signature";
    });
    return lines;
  };
  EXPECT_EQ(without_signature(Build()), without_signature(Build(later)));
}

TEST_F(SignatureInRequests, HasAnIdOfItsOwnForEveryRecord) {
  const std::string first = Value("webhook-id");
  EXPECT_THAT(first, SizeIs(36));
  record_.offset = 43;
  EXPECT_NE(Value("webhook-id"), first);
  record_.topic_partition.topic = "or.ders";
  EXPECT_EQ(Value("webhook-id").find('.'), std::string::npos);
}

TEST_F(SignatureInRequests, IsReplacedByNeitherForwardedNorConfiguredHeaders) {
  const struct {
    Type type;
    std::vector<const char*> names;
  } cases[] = {
      {Type::kStandardWebhooks, {"webhook-id", "Webhook_Timestamp", "WEBHOOK-SIGNATURE"}},
      {Type::kGithub, {"x-hub-signature-256"}},
      {Type::kStripe, {"stripe_signature"}},
  };
  endpoint_.forward_kafka_headers = true;
  for (const auto& [type, names] : cases) {
    endpoint_.signature.type = type;
    endpoint_.headers.clear();
    record_.headers = {{"Tenant", "t1"}};
    for (const char* name : names) {
      record_.headers.push_back({name, "forged"});
      endpoint_.headers.emplace_back(name, "forged");
    }
    const Request request = Build();
    EXPECT_THAT(request.headers.lines(), HasSubstr("Tenant: t1"));
    EXPECT_EQ(request.headers.lines().find("forged"), std::string::npos);
    EXPECT_EQ(request.headers_left_out, static_cast<int>(names.size()));
  }
}

TEST_F(SignatureInRequests, LeavesHeadersOfOtherSignaturesAlone) {
  endpoint_.forward_kafka_headers = true;
  record_.headers = {{"Stripe-Signature", "t=1,v1=a"}};
  EXPECT_EQ(Value("Stripe-Signature"), "t=1,v1=a");
  endpoint_.signature = {};
  record_.headers = {{"webhook-id", "own"}};
  EXPECT_EQ(Value("webhook-id"), "own");
  EXPECT_EQ(Build().headers_left_out, 0);
}

}  // namespace
}  // namespace khs::request
