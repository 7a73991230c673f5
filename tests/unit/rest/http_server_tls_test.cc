#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include "rest/http_server.h"
#include "rest/server_tls.h"
#include "support/certificates.h"
#include "unit/rest/raw_client.h"

namespace khs::rest {
namespace {

using testing::CertificateAuthority;
using ::testing::HasSubstr;

constexpr base::MonotonicTime kStart{};
constexpr std::chrono::milliseconds kSecond{1000};
const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

struct Deleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

struct ClientTls {
  std::string ca_file;
  CertificateAuthority::Issued certificate = {};  // empty: none
  int highest_version = TLS1_3_VERSION;
};

// Returns the response; empty when the handshake fails.
std::string AskOverTls(int port, const ClientTls& tls, const std::string& request = kGet) {
  const std::unique_ptr<SSL_CTX, Deleter> context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), tls.highest_version);
  EXPECT_EQ(SSL_CTX_load_verify_file(context.get(), tls.ca_file.c_str()), 1);
  if (!tls.certificate.certificate_file.empty()) {
    EXPECT_EQ(
        SSL_CTX_use_certificate_chain_file(context.get(), tls.certificate.certificate_file.c_str()),
        1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), tls.certificate.key_file.c_str(),
                                          SSL_FILETYPE_PEM),
              1);
  }
  const RawClient socket(port);
  const std::unique_ptr<SSL, Deleter> ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), socket.descriptor());
  std::string answer;
  if (SSL_connect(ssl.get()) == 1 &&
      SSL_write(ssl.get(), request.data(), static_cast<int>(request.size())) > 0) {
    char chunk[4096];
    for (int count = 0; (count = SSL_read(ssl.get(), chunk, sizeof chunk)) > 0;) {
      answer.append(chunk, static_cast<size_t>(count));
    }
  }
  ERR_clear_error();
  return answer;
}

std::string SubjectOf(const Poco::Net::Context::Ptr& context) {
  char name[256] = "";
  X509_NAME_oneline(X509_get_subject_name(SSL_CTX_get0_certificate(context->sslContext())), name,
                    sizeof name);
  return name;
}

std::string RefusalOf(const config::TlsFiles& files) {
  try {
    const HttpServer server("127.0.0.1", 0, [](const Request&) { return Response{}; },
                            {{}, {}, files});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

void Copy(const std::string& from, const std::string& to) {
  std::filesystem::copy_file(from, to, std::filesystem::copy_options::overwrite_existing);
}

class HttpServerTls : public ::testing::Test {
 protected:
  std::unique_ptr<HttpServer> Serve(const std::string& client_ca = {}, const Limits& limits = {}) {
    return std::make_unique<HttpServer>(
        "127.0.0.1", 0,
        [](const Request& request) {
          return Response{200, "text/plain", "size " + std::to_string(request.body.size()), {}};
        },
        HttpServer::Options{limits, {}, {issued_.certificate_file, issued_.key_file, client_ca}});
  }

  CertificateAuthority authority_;
  const CertificateAuthority::Issued issued_ = authority_.Issue("server", {"IP:127.0.0.1"});
};

TEST_F(HttpServerTls, RespondsOverTls) {
  const auto server = Serve();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    EXPECT_THAT(AskOverTls(server->port(), {authority_.ca_file(), {}, version}),
                ::testing::AllOf(HasSubstr("HTTP/1.1 200 OK\r\n"), HasSubstr("size 0")));
  }
  EXPECT_EQ(AskOverTls(server->port(), {authority_.ca_file(), {}, TLS1_1_VERSION}), "");
}

TEST_F(HttpServerTls, AcceptsALargeBody) {
  const auto server = Serve();
  const std::string post =
      "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n";
  EXPECT_THAT(
      AskOverTls(server->port(), {authority_.ca_file()}, post + std::string(1'000'000, 'x')),
      HasSubstr("size 1000000"));
}

// One TLS record holds more than one read takes, and poll does not report the rest.
TEST_F(HttpServerTls, ServesSeveralRequestsInOneTlsRecord) {
  const auto server = Serve();
  const std::string filler = "X: " + std::string(4000, 'x') + "\r\n";
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n" + filler;
  const std::string answers = AskOverTls(server->port(), {authority_.ca_file()},
                                         get + "\r\n" + get + "Connection: close\r\n\r\n");
  EXPECT_NE(answers.find("HTTP/1.1 200"), answers.rfind("HTTP/1.1 200")) << answers;
}

TEST_F(HttpServerTls, RequiresAClientCertificateWhenAnAuthorityIsConfigured) {
  CertificateAuthority clients("Clients");
  CertificateAuthority others("Others");
  const auto server = Serve(clients.ca_file());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto ask = [&](const CertificateAuthority::Issued& certificate) {
      return AskOverTls(server->port(), {authority_.ca_file(), certificate, version});
    };
    EXPECT_EQ(ask({}), "");
    EXPECT_EQ(ask(others.Issue("x")), "");
    EXPECT_THAT(ask(clients.Issue("x")), HasSubstr("200 OK"));
  }
}

TEST_F(HttpServerTls, RespondsToPlainHttpWithAnError) {
  const auto server = Serve();
  const RawAnswer answer = AskOnce(server->port(), kGet);
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("This port speaks HTTPS"));
  EXPECT_EQ(AskOnce(server->port(), "nonsense\r\n\r\n").status, 0);
}

TEST_F(HttpServerTls, TimesOutAStalledHandshake) {
  Limits limits;
  limits.request_time = std::chrono::milliseconds(100);
  const auto server = Serve({}, limits);
  RawClient silent(server->port());
  EXPECT_EQ(silent.ReadToEnd(), "");
  RawClient halfway(server->port());
  ASSERT_TRUE(halfway.Send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
  EXPECT_EQ(halfway.ReadToEnd(), "");
}

TEST_F(HttpServerTls, NamesTheUnusableFile) {
  const std::string none = "/no/such/file";
  EXPECT_THAT(RefusalOf({none, issued_.key_file, {}}),
              HasSubstr("rest.tls.certificate.file: cannot use /no/such/file: No such file"));
  EXPECT_THAT(RefusalOf({issued_.certificate_file, none, {}}),
              HasSubstr("rest.tls.key.file: cannot use /no/such/file: No such file"));
  EXPECT_THAT(RefusalOf({issued_.certificate_file, issued_.key_file, none}),
              HasSubstr("rest.tls.client.ca.file: cannot use /no/such/file: No such file"));
  EXPECT_THAT(RefusalOf({issued_.certificate_file, authority_.Issue("x").key_file, {}}),
              ::testing::AllOf(HasSubstr("rest.tls.key.file: cannot use "), HasSubstr("mismatch")));
  EXPECT_THAT(RefusalOf({issued_.key_file, issued_.key_file, {}}),
              HasSubstr("rest.tls.certificate.file: cannot use "));
  EXPECT_THAT(RefusalOf({issued_.certificate_file, {}, {}}),
              HasSubstr("rest.tls.certificate.file: cannot use "));
  EXPECT_THAT(RefusalOf({issued_.certificate_file, issued_.key_file, issued_.key_file}),
              HasSubstr("rest.tls.client.ca.file: cannot use "));
}

TEST_F(HttpServerTls, FindsTheKeyInTheCertificatesFile) {
  const std::string both = authority_.directory() / "both.pem";
  {
    std::ofstream file(both, std::ios::binary);
    file << std::ifstream(issued_.certificate_file).rdbuf();
    file << std::ifstream(issued_.key_file).rdbuf();
  }
  EXPECT_EQ(RefusalOf({both, {}, {}}), "");
}

TEST_F(HttpServerTls, UsesNewCertificatesForNewConnections) {
  const std::string certificate = authority_.directory() / "current.pem";
  const std::string key = authority_.directory() / "current-key.pem";
  const auto renewed = authority_.Issue("renewed");
  Copy(issued_.certificate_file, certificate);
  Copy(issued_.key_file, key);
  ServerTls tls({certificate, key, {}}, kStart);
  EXPECT_EQ(SubjectOf(tls.Context(kStart)), "/CN=server");

  // Certificate and key do not match yet.
  Copy(renewed.certificate_file, certificate);
  EXPECT_EQ(SubjectOf(tls.Context(kStart + kSecond)), "/CN=server");
  EXPECT_EQ(SubjectOf(tls.Context(kStart + 2 * kSecond)), "/CN=server");
  Copy(renewed.key_file, key);
  EXPECT_EQ(SubjectOf(tls.Context(kStart + 3 * kSecond - kSecond / 2)), "/CN=server");
  EXPECT_EQ(SubjectOf(tls.Context(kStart + 3 * kSecond)), "/CN=renewed");

  std::filesystem::remove(key);
  EXPECT_EQ(SubjectOf(tls.Context(kStart + 4 * kSecond)), "/CN=renewed");
  const Poco::Net::Context::Ptr before = tls.Context(kStart + 4 * kSecond);
  Copy(renewed.key_file, key);
  EXPECT_EQ(tls.Context(kStart + 5 * kSecond), before);
}

}  // namespace
}  // namespace khs::rest
