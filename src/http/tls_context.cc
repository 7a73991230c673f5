#include "http/tls_context.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <Poco/Net/NetSSL.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "watch/read_file.h"

namespace khs::http {
namespace {

using Poco::Net::Context;

thread_local std::string certificate_problem;
thread_local SSL* handshake = nullptr;

// Poco gives nobody its SSL, without which one cannot look what has come on an idle connection.
void KeepHandshake(const SSL* tls, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_DONE) != 0) handshake = const_cast<SSL*>(tls);
}

// OpenSSL itself decides; this only keeps its reason, which is lost in what the handshake returns.
int KeepReason(int accepted, X509_STORE_CTX* store) {
  if (accepted == 0) {
    certificate_problem = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  }
  return accepted;
}

// The password of a private key, and whether that is encrypted. There is nobody to ask for another
// one: without this OpenSSL would read it from the terminal.
struct Password {
  std::string_view text;
  bool asked = false;
};

int GivePassword(char* buffer, int size, int, void* data) {
  auto* const password = static_cast<Password*>(data);
  password->asked = true;
  const size_t length = password->text.size();
  if (length == 0 || length > static_cast<size_t>(size)) return -1;
  password->text.copy(buffer, length);
  return static_cast<int>(length);
}

void InitializeOnce() {
  static const bool done = [] {
    Poco::Net::initializeSSL();
    // OpenSSL writes to its socket without MSG_NOSIGNAL, and an endpoint that closes must not end
    // the process. Plain connections do without this.
    std::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  (void)done;
}

[[noreturn]] void Refuse(const std::string& key, const std::string& file,
                         const std::string& reason) {
  throw std::runtime_error(key + ": cannot use " + file + ": " + reason);
}

std::string OpensslReason() {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason != nullptr ? reason : "not a usable PEM file";
}

// OpenSSL opens a file by its name and waits for whatever is there, so it is read before, in words
// that a missing file or a FIFO deserves.
void RequireReadable(const std::string& key, const std::string& file) {
  const auto content = watch::ReadRegularFile(file, watch::kMaxLibraryFileBytes);
  if (!content) Refuse(key, file, content.error());
}

void LoadAuthorities(SSL_CTX* context, const std::string& location) {
  std::error_code none;
  const bool directory = std::filesystem::is_directory(location, none);
  if (!directory) RequireReadable("ssl.ca.location", location);
  // Each of them is an anchor: an intermediate authority without its root, or the endpoint's own.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  if (SSL_CTX_load_verify_locations(context, directory ? nullptr : location.c_str(),
                                    directory ? location.c_str() : nullptr) != 1) {
    Refuse("ssl.ca.location", location, OpensslReason());
  }
}

// The key may stand in the certificate's file.
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
  Password password{config.key_password.Reveal()};
  SSL_CTX_set_default_passwd_cb(context, GivePassword);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  if (SSL_CTX_use_certificate_chain_file(context, config.certificate_location.c_str()) != 1) {
    Refuse("ssl.certificate.location", config.certificate_location, OpensslReason());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    if (!password.asked) Refuse(key_name, key_file, OpensslReason());
    ERR_clear_error();
    Refuse(key_name, key_file,
           password.text.empty() ? "it is encrypted, and needs ssl.key.password"
                                 : "ssl.key.password does not decrypt it");
  }
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
}

// The name is judged with the chain, in the handshake, so that the server learns of a refusal too.
void ExpectPeer(SSL_CTX* context, const request::Target& target, const std::string& server_name) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, KeepReason);
  X509_VERIFY_PARAM* judged = SSL_CTX_get0_param(context);
  // RFC 9110, 4.3.4: what the subject says is no name to go by.
  X509_VERIFY_PARAM_set_hostflags(judged, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const int accepted = target.is_address
                           ? X509_VERIFY_PARAM_set1_ip_asc(judged, target.host.c_str())
                           : X509_VERIFY_PARAM_set1_host(judged, server_name.c_str(), 0);
  if (accepted != 1) {
    throw std::runtime_error("callback.request.url: " + target.shown_host +
                             " cannot be verified by TLS");
  }
}

// Poco 1.13.0 frees DH parameters that it has given to the context, unless OpenSSL refuses them:
// those of 1024 bits are too weak for this level, which is Debian's own. Poco 1.11 has neither the
// fault nor the setting.
template <typename Params>
void SetSecurityLevel(Params& params) {
  if constexpr (requires { params.securityLevel; }) {
    params.securityLevel = static_cast<decltype(params.securityLevel)>(2);
  }
}

}  // namespace

struct TlsContext::Parts {
  std::string server_name;
  Context::Ptr context;
};

TlsContext::TlsContext(const config::TlsConfig& config, const request::Target& target)
    : parts_(std::make_unique<Parts>()) {
  InitializeOnce();
  if (!target.is_address) {
    parts_->server_name = target.host;
    // A name may end with the root's dot; certificates and SNI have none.
    if (parts_->server_name.back() == '.') parts_->server_name.pop_back();
  }
  try {
    Context::Params params;
    params.verificationMode = config.verify ? Context::VERIFY_STRICT : Context::VERIFY_NONE;
    params.loadDefaultCAs = config.verify && config.ca_location.empty();
    params.cipherList = "DEFAULT";
    SetSecurityLevel(params);
    parts_->context = new Context(Context::TLS_CLIENT_USE, params);
    parts_->context->requireMinimumProtocol(Context::PROTO_TLSV1_2);
  } catch (const Poco::Exception& problem) {
    throw std::runtime_error("cannot set up TLS: " + problem.displayText());
  }
  SSL_CTX* context = parts_->context->sslContext();
  SSL_CTX_set_info_callback(context, KeepHandshake);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  if (!config.ca_location.empty()) LoadAuthorities(context, config.ca_location);
  LoadClientCertificate(context, config);
  if (config.verify) {
    ExpectPeer(context, target, parts_->server_name);
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  }
}

TlsContext::~TlsContext() = default;

Context* TlsContext::context() const { return parts_->context; }

const std::string& TlsContext::server_name() const { return parts_->server_name; }

SSL* TakeHandshake() { return std::exchange(handshake, nullptr); }

std::string TakeCertificateProblem() { return std::exchange(certificate_problem, {}); }

}  // namespace khs::http
