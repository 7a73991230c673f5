#include "http/tls_context.h"

#include <Poco/Net/Context.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "net/tls_setup.h"
#include "watch/read_file.h"

namespace khs::http {
namespace {

using Poco::Net::Context;

thread_local std::string certificate_error;
thread_local SSL* last_handshake = nullptr;

// Poco does not expose its SSL, which Connection needs to check an idle connection for input.
void StoreHandshake(const SSL* tls, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_DONE) != 0) last_handshake = const_cast<SSL*>(tls);
}

// Leaves the decision to OpenSSL and only stores its reason, which the handshake does not return.
int StoreReason(int accepted, X509_STORE_CTX* store) {
  if (accepted == 0) {
    certificate_error = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  }
  return accepted;
}

[[noreturn]] void ThrowUnusable(const std::string& key, const std::string& file,
                                const std::string& reason) {
  throw std::runtime_error(key + ": cannot use " + file + ": " + reason);
}

// OpenSSL would block on a FIFO and read a file of any size, so the file is read here first, with
// bounds. The error then also says more than OpenSSL's.
void RequireReadable(const std::string& key, const std::string& file) {
  const auto content = watch::ReadRegularFile(file, watch::kMaxLibraryFileBytes);
  if (!content) ThrowUnusable(key, file, content.error());
}

void LoadAuthorities(SSL_CTX* context, const std::string& location) {
  std::error_code none;
  const bool directory = std::filesystem::is_directory(location, none);
  if (!directory) RequireReadable("ssl.ca.location", location);
  // Every certificate in the file is a trust anchor, also an intermediate authority without its
  // root, or the endpoint's own certificate.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  if (SSL_CTX_load_verify_locations(context, directory ? nullptr : location.c_str(),
                                    directory ? location.c_str() : nullptr) != 1) {
    ThrowUnusable("ssl.ca.location", location, net::TakeOpensslError());
  }
}

// The certificate's file may hold the key, too.
void LoadClientCertificate(SSL_CTX* context, const config::TlsConfig& config) {
  if (config.certificate_location.empty()) {
    if (config.key_location.empty()) return;
    throw std::runtime_error("ssl.key.location: needs ssl.certificate.location as well");
  }
  const bool separate = !config.key_location.empty();
  const std::string key_name = separate ? "ssl.key.location" : "ssl.certificate.location";
  const std::string& key_file = separate ? config.key_location : config.certificate_location;
  RequireReadable("ssl.certificate.location", config.certificate_location);
  RequireReadable(key_name, key_file);
  net::KeyPassword password{config.key_password.Reveal()};
  net::SetKeyPassword(context, &password);
  if (SSL_CTX_use_certificate_chain_file(context, config.certificate_location.c_str()) != 1) {
    ThrowUnusable("ssl.certificate.location", config.certificate_location, net::TakeOpensslError());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (!password.requested) ThrowUnusable(key_name, key_file, net::TakeOpensslError());
    ERR_clear_error();
    ThrowUnusable(key_name, key_file,
                  password.text.empty() ? "it is encrypted, and needs ssl.key.password"
                                        : "ssl.key.password does not decrypt it");
  }
  net::SetKeyPassword(context, nullptr);
}

// Verifies chain and name during the handshake, so that the server gets an alert when they fail.
void VerifyPeer(SSL_CTX* context, const request::Target& target, const std::string& server_name) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, StoreReason);
  X509_VERIFY_PARAM* const parameters = SSL_CTX_get0_param(context);
  // RFC 9110, 4.3.4: a client must not take the host's name from the subject.
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const int accepted = target.is_address
                           ? X509_VERIFY_PARAM_set1_ip_asc(parameters, target.host.c_str())
                           : X509_VERIFY_PARAM_set1_host(parameters, server_name.c_str(), 0);
  if (accepted != 1) {
    throw std::runtime_error("callback.request.url: " + target.shown_host +
                             " cannot be verified by TLS");
  }
}

}  // namespace

TlsContext::TlsContext(const config::TlsConfig& config, const request::Target& target) {
  if (!target.is_address) {
    server_name_ = target.host;
    // A host name may end with the root's dot; names in certificates and SNI do not.
    if (server_name_.back() == '.') server_name_.pop_back();
  }
  Context::Params params;
  params.verificationMode = config.verify ? Context::VERIFY_STRICT : Context::VERIFY_NONE;
  params.loadDefaultCAs = config.verify && config.ca_location.empty();
  context_ = net::MakeTlsContext(Context::TLS_CLIENT_USE, params);
  SSL_CTX* const context = context_->sslContext();
  SSL_CTX_set_info_callback(context, StoreHandshake);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);  // reads a record by one system call instead of two
  if (!config.ca_location.empty()) LoadAuthorities(context, config.ca_location);
  LoadClientCertificate(context, config);
  if (config.verify) {
    VerifyPeer(context, target, server_name_);
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  }
}

TlsContext::~TlsContext() = default;

SSL* TakeLastHandshake() { return std::exchange(last_handshake, nullptr); }

std::string TakeCertificateError() { return std::exchange(certificate_error, {}); }

}  // namespace khs::http
