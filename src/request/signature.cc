#include "request/signature.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <chrono>
#include <new>
#include <stdexcept>

#include "config/reserved_headers.h"

namespace khs::request {
namespace {

using config::SigningKey;
using Type = config::SignatureConfig::Type;

constexpr size_t kEd25519Bytes = 32;  // of a private and of a public key
constexpr size_t kWebhookIdDigits = 32;

const unsigned char* BytesOf(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* BytesOf(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// With keys that were accepted, OpenSSL fails only for want of memory.
void Require(bool succeeded) {
  if (!succeeded) throw std::bad_alloc();
}

std::string ToHex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 0xf];
  }
  return hex;
}

// base::Base64Encode takes as long as the signature itself.
std::string ToBase64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // with the NUL that OpenSSL writes
  const int length = EVP_EncodeBlock(BytesOf(text), BytesOf(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

}  // namespace

void Signer::Free::operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
void Signer::Free::operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
void Signer::Free::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

// The algorithms are fetched once, because that takes longer than a signature.
Signer::Signer(const config::SignatureConfig& signature)
    : type_(signature.type), sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
  if (!sha256_) throw std::runtime_error("signature.type: SHA-256 is not available");
  for (const SigningKey& key : signature.keys) {
    const std::string_view bytes = key.bytes.Reveal();
    keys_.push_back(key.algorithm == SigningKey::Algorithm::kEd25519 ? MakeEd25519Key(bytes)
                                                                     : MakeHmacKey(bytes));
  }
}

Signer::Key Signer::MakeHmacKey(std::string_view bytes) {
  EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  Key key;
  key.hmac.reset(EVP_MAC_CTX_new(hmac));
  EVP_MAC_free(hmac);
  std::string digest = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  if (!key.hmac || EVP_MAC_init(key.hmac.get(), BytesOf(bytes), bytes.size(), parameters) != 1) {
    throw std::runtime_error("signature.secrets: HMAC-SHA256 is not available");
  }
  return key;
}

Signer::Key Signer::MakeEd25519Key(std::string_view bytes) {
  Key key;
  const std::string_view seed = bytes.substr(0, kEd25519Bytes);
  key.ed25519.reset(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, BytesOf(seed), seed.size()));
  std::string own(kEd25519Bytes, '\0');
  size_t size = own.size();
  if (!key.ed25519 || EVP_PKEY_get_raw_public_key(key.ed25519.get(), BytesOf(own), &size) != 1) {
    throw std::runtime_error("signature.secrets: a whsk_ secret is not a key of Ed25519");
  }
  const std::string_view given = bytes.substr(seed.size());
  if (!given.empty() && given != own) {
    throw std::runtime_error(
        "signature.secrets: the public key in a whsk_ secret does not belong to its private key");
  }
  return key;
}

void Signer::Sign(Request& request, base::WallTime now) const {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  const std::string timestamp = std::to_string(seconds.count());
  switch (type_) {
    case Type::kNone:
      break;
    case Type::kStandardWebhooks:
      SignAsStandardWebhook(request, timestamp);
      break;
    case Type::kGithub:
      request.headers.Add(config::kGithubSignature,
                          {"sha256=", ToHex(SignWith(keys_.front(), {}, request.Body()))});
      break;
    case Type::kStripe:
      SignAsStripe(request, timestamp);
      break;
  }
}

void Signer::SignAsStandardWebhook(Request& request, const std::string& timestamp) const {
  const std::string id = WebhookId(request.headers);
  const std::string start = id + '.' + timestamp + '.';
  std::string signatures;
  for (const Key& key : keys_) {
    if (!signatures.empty()) signatures += ' ';
    signatures += key.ed25519 ? "v1a," : "v1,";
    signatures += ToBase64(SignWith(key, start, request.Body()));
  }
  request.headers.Add(config::kWebhookId, id);
  request.headers.Add(config::kWebhookTimestamp, timestamp);
  request.headers.Add(config::kWebhookSignature, signatures);
}

void Signer::SignAsStripe(Request& request, const std::string& timestamp) const {
  std::string signature = "t=" + timestamp;
  for (const Key& key : keys_) {
    signature += ",v1=";
    signature += ToHex(SignWith(key, timestamp + '.', request.Body()));
  }
  request.headers.Add(config::kStripeSignature, signature);
}

// Derived from Idempotency-Key, because an id must not have the dots that a topic may have.
std::string Signer::WebhookId(const Headers& headers) const {
  const std::string_view key = headers.Find("Idempotency-Key").value_or("");
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  Require(EVP_Digest(key.data(), key.size(), BytesOf(digest), &size, sha256_.get(), nullptr) == 1);
  digest.resize(size);
  return "msg_" + ToHex(digest).substr(0, kWebhookIdDigits);
}

std::string Signer::SignWith(const Key& key, std::string_view start, std::string_view rest) {
  return key.ed25519 ? Ed25519(key.ed25519.get(), start, rest) : Hmac(key.hmac.get(), start, rest);
}

std::string Signer::Hmac(EVP_MAC_CTX* keyed, std::string_view start, std::string_view rest) {
  const std::unique_ptr<EVP_MAC_CTX, Free> context(EVP_MAC_CTX_dup(keyed));
  std::string bytes(EVP_MAX_MD_SIZE, '\0');
  size_t size = 0;
  Require(context && EVP_MAC_update(context.get(), BytesOf(start), start.size()) == 1 &&
          EVP_MAC_update(context.get(), BytesOf(rest), rest.size()) == 1 &&
          EVP_MAC_final(context.get(), BytesOf(bytes), &size, bytes.size()) == 1);
  bytes.resize(size);
  return bytes;
}

std::string Signer::Ed25519(EVP_PKEY* key, std::string_view start, std::string_view rest) {
  std::string message(start);
  message += rest;
  std::string bytes(EVP_MAX_MD_SIZE, '\0');
  size_t size = bytes.size();
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool succeeded =
      context != nullptr && EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key) == 1 &&
      EVP_DigestSign(context, BytesOf(bytes), &size, BytesOf(message), message.size()) == 1;
  EVP_MD_CTX_free(context);
  Require(succeeded);
  bytes.resize(size);
  return bytes;
}

}  // namespace khs::request
