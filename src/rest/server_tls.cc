#include "rest/server_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <utility>

#include "base/log.h"

namespace khs::rest {
namespace {

constexpr std::chrono::seconds kBetweenLooks{1};
constexpr const char* kCertificate = "rest.tls.certificate.file";
constexpr const char* kKey = "rest.tls.key.file";
constexpr const char* kClientCa = "rest.tls.client.ca.file";

using Failed = base::Unexpected<std::string>;

const base::Logger& Log() {
  static const base::Logger logger("rest");
  return logger;
}

std::string Problem(const char* key, const std::string& file, const std::string& reason) {
  return std::string(key) + ": cannot use " + file + ": " + reason;
}

// Of the first error, which is the one that the later ones follow from.
std::string OpensslReason() {
  const unsigned long error = ERR_peek_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason != nullptr ? reason : "not a usable PEM file";
}

// There is nobody to ask: without this OpenSSL would read a passphrase from the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

// Poco 1.13.0 frees DH parameters that it has given to the context, unless OpenSSL refuses them:
// those of 1024 bits are too weak for this level. Poco 1.11 has neither the fault nor the setting.
constexpr int kSecurityLevel = 2;
template <typename Params>
void SetSecurityLevel(Params& params) {
  if constexpr (requires { params.securityLevel; }) {
    params.securityLevel = static_cast<decltype(params.securityLevel)>(kSecurityLevel);
  }
}

Poco::Net::Context::Params ParamsOfContext() {
  Poco::Net::Context::Params params;
  // The files are loaded below, because Poco's errors would not name the key.
  params.verificationMode = Poco::Net::Context::VERIFY_NONE;
  params.cipherList = "DEFAULT";
  SetSecurityLevel(params);
  return params;
}

void Configure(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A session that is taken up again would go on with the authorities of its time.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context, NoPassphrase);
}

}  // namespace

ServerTls::ServerTls(const TlsFiles& files, base::MonotonicTime now)
    : files_(files), next_look_(now + kBetweenLooks) {
  // OpenSSL writes to its socket without MSG_NOSIGNAL, and a caller who closes must not end the
  // process.
  std::signal(SIGPIPE, SIG_IGN);
  followed_.push_back({kCertificate, FollowedFile(files.certificate)});
  if (!files.key.empty()) followed_.push_back({kKey, FollowedFile(files.key)});
  if (!files.client_ca.empty()) followed_.push_back({kClientCa, FollowedFile(files.client_ca)});
  const auto renewed = Renew();
  if (!renewed) throw std::runtime_error(renewed.error());
}

Poco::Net::Context::Ptr ServerTls::Context(base::MonotonicTime now) {
  if (now >= next_look_) {
    next_look_ = now + kBetweenLooks;
    auto renewed = Renew();
    if (renewed) {
      logged_problem_.clear();
      if (*renewed) Log().Info("TLS certificates renewed", {{"file", files_.certificate}});
    } else if (renewed.error() != logged_problem_) {
      logged_problem_ = std::move(renewed.error());
      Log().Warn("TLS certificates cannot be renewed, the last ones go on to count",
                 {{"error", logged_problem_}});
    }
  }
  return context_;
}

// All of them are looked at, so that each is known as it is now.
base::Expected<bool, std::string> ServerTls::HasChanged() {
  bool changed = false;
  std::string problem;
  for (File& each : followed_) {
    const auto content = each.file.ReadIfChanged();
    if (!content && problem.empty()) problem = Problem(each.key, each.file.path(), content.error());
    changed = changed || (content && *content);
  }
  is_stale_ = is_stale_ || changed;
  if (!problem.empty()) return Failed(problem);
  return changed;
}

// What is stale stays so until it could be used: certificate and key may be replaced one after the
// other.
base::Expected<bool, std::string> ServerTls::Renew() {
  auto changed = HasChanged();
  if (!changed) return changed;
  if (!is_stale_) return false;
  auto context = Make(files_);
  if (!context) return Failed(std::move(context.error()));
  context_ = std::move(*context);
  is_stale_ = false;
  return true;
}

base::Expected<ServerTls::ContextPtr, std::string> ServerTls::Make(const TlsFiles& files) {
  ContextPtr made(new Poco::Net::Context(Poco::Net::Context::TLS_SERVER_USE, ParamsOfContext()));
  SSL_CTX* const context = made->sslContext();
  Configure(context);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return Failed(Problem(kCertificate, files.certificate, OpensslReason()));
  }
  const bool separate = !files.key.empty();
  const std::string& key = separate ? files.key : files.certificate;
  // Also judges whether the two belong together.
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Failed(Problem(separate ? kKey : kCertificate, key, OpensslReason()));
  }
  if (files.client_ca.empty()) return made;
  const char* ca = files.client_ca.c_str();
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(ca);
  if (names == nullptr || SSL_CTX_load_verify_file(context, ca) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return Failed(Problem(kClientCa, files.client_ca, OpensslReason()));
  }
  SSL_CTX_set_client_CA_list(context, names);  // takes them over
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return made;
}

}  // namespace khs::rest
