#include "rest/server_tls.h"

#include <openssl/ssl.h>

#include <chrono>
#include <stdexcept>
#include <utility>

#include "base/log.h"
#include "net/tls_setup.h"

namespace khs::rest {
namespace {

constexpr std::chrono::seconds kCheckInterval{1};
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

void Configure(SSL_CTX* context) {
  SSL_CTX_set_security_level(context, net::kTlsSecurityLevel);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A resumed session would not be checked against reloaded client authorities.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace

ServerTls::ServerTls(const config::TlsFiles& files, base::MonotonicTime now)
    : files_(files), next_check_(now + kCheckInterval) {
  watched_.push_back({kCertificate, PolledFile(files.certificate)});
  if (!files.key.empty()) watched_.push_back({kKey, PolledFile(files.key)});
  if (!files.client_ca.empty()) watched_.push_back({kClientCa, PolledFile(files.client_ca)});
  const auto reloaded = Reload();
  if (!reloaded) throw std::runtime_error(reloaded.error());
}

Poco::Net::Context::Ptr ServerTls::Context(base::MonotonicTime now) {
  if (now >= next_check_) {
    next_check_ = now + kCheckInterval;
    auto reloaded = Reload();
    if (reloaded) {
      logged_problem_.clear();
      if (*reloaded) Log().Info("TLS certificates reloaded", {{"file", files_.certificate}});
    } else if (reloaded.error() != logged_problem_) {
      logged_problem_ = std::move(reloaded.error());
      Log().Warn("TLS certificates cannot be reloaded, keeping the previous ones",
                 {{"error", logged_problem_}});
    }
  }
  return context_;
}

// Reads every file, also after a failure, so that each one's current content is known.
base::Expected<bool, std::string> ServerTls::CheckFiles() {
  bool changed = false;
  std::string problem;
  for (File& each : watched_) {
    const auto content = each.file.ReadIfChanged();
    if (!content && problem.empty()) problem = Problem(each.key, each.file.path(), content.error());
    changed = changed || (content && *content);
  }
  is_stale_ = is_stale_ || changed;
  if (!problem.empty()) return Failed(problem);
  return changed;
}

// Tries again until the files are usable: certificate and key may be replaced one after the other.
base::Expected<bool, std::string> ServerTls::Reload() {
  auto changed = CheckFiles();
  if (!changed) return changed;
  if (!is_stale_) return false;
  auto context = MakeContext(files_);
  if (!context) return Failed(std::move(context.error()));
  context_ = std::move(*context);
  is_stale_ = false;
  return true;
}

base::Expected<ServerTls::ContextPtr, std::string> ServerTls::MakeContext(
    const config::TlsFiles& files) {
  Poco::Net::Context::Params params;
  params.verificationMode = Poco::Net::Context::VERIFY_NONE;  // set below, by the files
  ContextPtr made = net::MakeTlsContext(Poco::Net::Context::TLS_SERVER_USE, params);
  SSL_CTX* const context = made->sslContext();
  Configure(context);
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return Failed(Problem(kCertificate, files.certificate, net::TakeOpensslError()));
  }
  const bool separate = !files.key.empty();
  const std::string& key = separate ? files.key : files.certificate;
  // This also fails when the key does not belong to the certificate.
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return Failed(Problem(separate ? kKey : kCertificate, key, net::TakeOpensslError()));
  }
  if (files.client_ca.empty()) return made;
  const char* ca = files.client_ca.c_str();
  STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(ca);
  if (names == nullptr || SSL_CTX_load_verify_file(context, ca) != 1) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return Failed(Problem(kClientCa, files.client_ca, net::TakeOpensslError()));
  }
  SSL_CTX_set_client_CA_list(context, names);  // takes ownership
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return made;
}

}  // namespace khs::rest
