#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "support/certificates.h"
#include "support/silent_ports.h"
#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using delivery::FaultKind;
using khs::testing::CertificateAuthority;
using khs::testing::EndpointTls;
using khs::testing::SilentListener;
using khs::testing::Validity;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;

class EndpointClientTls : public EndpointClientTest {
 protected:
  EndpointClientTls() { config_.tls.ca_location = authority_.ca_file(); }

  EndpointTls Server(const std::vector<std::string>& names) {
    const CertificateAuthority::Issued issued = authority_.Issue("server", names);
    return {issued.certificate_file, issued.key_file, ""};
  }
  EndpointTls Localhost() { return Server({"DNS:localhost", "IP:127.0.0.1"}); }

  static Answer Delivered(const Request&) { return Answer::Of(200, R"({"retry":false})"); }

  CertificateAuthority authority_;
};

TEST_F(EndpointClientTls, TrustsTheConfiguredAuthorityForANameAndAnAddress) {
  ScriptedEndpoint endpoint(Delivered, Localhost());
  for (const char* host : {"localhost", "127.0.0.1"}) {
    Sender& client = ClientOf(endpoint.Url("/", host));
    EXPECT_EQ(Http(Send(client).reply).retry, false) << host;
  }
}

TEST_F(EndpointClientTls, ReusesItsConnections) {
  ScriptedEndpoint endpoint(Delivered, Localhost());
  Sender& client = ClientOf(endpoint.Url());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Http(Send(client).reply).retry, false);
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
}

TEST_F(EndpointClientTls, DoesNotTakeAStrayResponseForTheNextOne) {
  ScriptedEndpoint endpoint(
      [](const Request& request) {
        return request.connection == 1
                   ? Answer::Raw(FillingOneRead() + StrayDelivery(), Answer::Then::kKeepAlive)
                   : Answer::Of(200, R"({"retry":true})");
      },
      Localhost());
  Sender& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 503);
  ASSERT_TRUE(endpoint.WaitForAnswers(1));
  EXPECT_EQ(Http(Send(client).reply).retry, true);
  EXPECT_EQ(endpoint.ConnectionCount(), 2);
}

TEST_F(EndpointClientTls, ReplacesAConnectionThatWasClosedAfterTheResponse) {
  ScriptedEndpoint endpoint(
      [](const Request&) {
        Answer answer = Answer::Of(200);
        answer.then = Answer::Then::kClose;
        return answer;
      },
      Localhost());
  Sender& client = ClientOf(endpoint.Url());
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(Http(Send(client).reply).status, 200);
    ASSERT_TRUE(endpoint.WaitUntilDisconnected());
    EXPECT_EQ(endpoint.ConnectionCount(), i);
  }
}

TEST_F(EndpointClientTls, ReplacesAConnectionWithAPartialRecord) {
  ScriptedEndpoint endpoint(
      [](const Request& request) {
        Answer answer = Delivered(request);
        answer.tls_behind = Answer::TlsBehind::kPartOfARecord;
        return answer;
      },
      Localhost());
  Sender& client = ClientOf(endpoint.Url());
  for (int i = 1; i <= 2; ++i) {
    EXPECT_EQ(Http(Send(client).reply).retry, false);
    ASSERT_TRUE(endpoint.WaitForAnswers(static_cast<size_t>(i)));
    EXPECT_EQ(endpoint.ConnectionCount(), i);
  }
}

TEST_F(EndpointClientTls, KeepsAConnectionThatReceivesASessionTicket) {
  ScriptedEndpoint endpoint(
      [](const Request& request) {
        Answer answer = Delivered(request);
        answer.tls_behind = Answer::TlsBehind::kSessionTicket;
        return answer;
      },
      Localhost());
  Sender& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(Send(client).reply).retry, false);
  ASSERT_TRUE(endpoint.WaitForAnswers(1));
  EXPECT_EQ(Http(Send(client).reply).retry, false);
  ASSERT_TRUE(endpoint.WaitForAnswers(2));
  std::vector<Sender::Ended> ended;
  client.Wait(clock_.Read().monotonic, ended);  // processes the ticket while the connection is idle
  EXPECT_EQ(Http(Send(client).reply).retry, false);
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
}

TEST_F(EndpointClientTls, SendsAndReadsBodiesOfSeveralRecords) {
  ScriptedEndpoint endpoint(
      [](const Request& request) { return Answer::Chunked(200, {request.body.substr(0, 40'000)}); },
      Localhost());
  record_.value = std::string(3'000'000, 'x');
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).status, 200);
  EXPECT_EQ(endpoint.Requests().front().body, *record_.value);
}

TEST_F(EndpointClientTls, RefusesACertificateOfAnotherName) {
  ScriptedEndpoint endpoint(Delivered, Server({"DNS:elsewhere", "IP:127.0.0.2"}));
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto fault = Fault(Send(ClientOf(endpoint.Url("/", host))).reply);
    EXPECT_EQ(fault.kind, FaultKind::kTls) << host;
    EXPECT_THAT(fault.detail, HasSubstr("mismatch")) << host;
  }
  EXPECT_EQ(endpoint.RequestCount(), 0u);
}

TEST_F(EndpointClientTls, RefusesACertificateWithTheNameInItsSubjectOnly) {
  const auto issued = authority_.Issue("localhost");
  ScriptedEndpoint endpoint(Delivered, EndpointTls{issued.certificate_file, issued.key_file, ""});
  const auto fault = Fault(Send(ClientOf(endpoint.Url("/", "localhost"))).reply);
  EXPECT_EQ(fault.kind, FaultKind::kTls);
  EXPECT_THAT(fault.detail, HasSubstr("mismatch"));
  EXPECT_EQ(endpoint.RequestCount(), 0u);
}

TEST_F(EndpointClientTls, RefusesACertificateOfAnUnknownAuthority) {
  ScriptedEndpoint endpoint(Delivered, Localhost());
  const CertificateAuthority other("Other Authority");
  for (const std::string& trusted :
       {other.ca_file(), std::string()}) {  // empty: the system's authorities
    config_.tls.ca_location = trusted;
    const auto fault = Fault(Send(ClientOf(endpoint.Url())).reply);
    EXPECT_EQ(fault.kind, FaultKind::kTls);
    EXPECT_THAT(fault.detail,
                AllOf(HasSubstr("127.0.0.1"), HasSubstr("certificate"), HasSubstr("issuer")));
  }
}

TEST_F(EndpointClientTls, RefusesAnExpiredOrNotYetValidCertificate) {
  using std::chrono::hours;
  const std::vector<std::string> names{"DNS:localhost", "IP:127.0.0.1"};
  const std::pair<Validity, const char*> cases[] = {{{-hours(48), -hours(24)}, "expired"},
                                                    {{hours(24), hours(48)}, "not yet valid"}};
  for (const auto& [validity, words] : cases) {
    const auto issued = authority_.Issue("server", names, validity);
    ScriptedEndpoint endpoint(Delivered, EndpointTls{issued.certificate_file, issued.key_file, ""});
    const auto fault = Fault(Send(ClientOf(endpoint.Url())).reply);
    EXPECT_EQ(fault.kind, FaultKind::kTls) << words;
    EXPECT_THAT(fault.detail, HasSubstr(words));
    EXPECT_EQ(endpoint.RequestCount(), 0u);
  }
}

TEST_F(EndpointClientTls, RefusesASelfSignedCertificate) {
  const auto issued = authority_.IssueSelfSigned("server", {"DNS:localhost", "IP:127.0.0.1"});
  ScriptedEndpoint endpoint(Delivered, EndpointTls{issued.certificate_file, issued.key_file, ""});
  const auto fault = Fault(Send(ClientOf(endpoint.Url())).reply);
  EXPECT_EQ(fault.kind, FaultKind::kTls);
  EXPECT_THAT(fault.detail, HasSubstr("self"));
  EXPECT_EQ(endpoint.RequestCount(), 0u);
}

TEST_F(EndpointClientTls, TrustsAnIntermediateAuthorityWithoutItsRoot) {
  CertificateAuthority intermediate("Intermediate Authority", &authority_);
  const auto issued = intermediate.Issue("server", {"DNS:localhost", "IP:127.0.0.1"});
  ScriptedEndpoint endpoint(Delivered, EndpointTls{issued.certificate_file, issued.key_file, ""});
  config_.tls.ca_location = intermediate.ca_file();
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).retry, false);
  // The root alone cannot verify a certificate whose issuer is missing from the chain.
  config_.tls.ca_location = authority_.ca_file();
  EXPECT_EQ(Fault(Send(ClientOf(endpoint.Url())).reply).kind, FaultKind::kTls);
}

TEST_F(EndpointClientTls, TrustsAPinnedCertificateButNoOtherOneOfItsIssuer) {
  const EndpointTls pinned = Localhost();
  ScriptedEndpoint endpoint(Delivered, pinned);
  ScriptedEndpoint other(Delivered, Localhost());
  config_.tls.ca_location = pinned.certificate_file;
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).retry, false);
  EXPECT_EQ(Fault(Send(ClientOf(other.Url())).reply).kind, FaultKind::kTls);
}

TEST_F(EndpointClientTls, TrustsAPinnedCertificateForItsNamesOnly) {
  const EndpointTls pinned = Server({"DNS:elsewhere"});
  ScriptedEndpoint endpoint(Delivered, pinned);
  config_.tls.ca_location = pinned.certificate_file;
  const auto fault = Fault(Send(ClientOf(endpoint.Url())).reply);
  EXPECT_EQ(fault.kind, FaultKind::kTls);
  EXPECT_THAT(fault.detail, HasSubstr("mismatch"));
}

TEST_F(EndpointClientTls, AcceptsAnyCertificateWhenVerificationIsOff) {
  ScriptedEndpoint endpoint(Delivered, Server({"DNS:elsewhere"}));
  config_.tls = {};
  config_.tls.verify = false;
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).retry, false);
}

TEST_F(EndpointClientTls, PresentsItsClientCertificate) {
  EndpointTls tls = Localhost();
  tls.client_ca_file = authority_.ca_file();
  ScriptedEndpoint endpoint(Delivered, tls);
  const CertificateAuthority::Issued client = authority_.Issue("client");
  config_.tls.certificate_location = client.certificate_file;
  config_.tls.key_location = client.key_file;
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).retry, false);
}

TEST_F(EndpointClientTls, DecryptsItsKey) {
  EndpointTls tls = Localhost();
  tls.client_ca_file = authority_.ca_file();
  ScriptedEndpoint endpoint(Delivered, tls);
  const CertificateAuthority::Issued client = authority_.Issue("client");
  khs::testing::EncryptKey(client.key_file, "the password");
  config_.tls.certificate_location = client.certificate_file;
  config_.tls.key_location = client.key_file;
  config_.tls.key_password = "the password";
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).retry, false);
  for (const char* password : {"", "another"}) {
    config_.tls.key_password = password;
    try {
      ClientOf(endpoint.Url());
      ADD_FAILURE() << "it was built";
    } catch (const std::runtime_error& problem) {
      EXPECT_THAT(problem.what(), AllOf(HasSubstr("ssl.key.location"), HasSubstr(client.key_file),
                                        HasSubstr("ssl.key.password")));
    }
  }
}

TEST_F(EndpointClientTls, FindsTheKeyInTheCertificatesFile) {
  EndpointTls tls = Localhost();
  tls.client_ca_file = authority_.ca_file();
  ScriptedEndpoint endpoint(Delivered, tls);
  const CertificateAuthority::Issued client = authority_.Issue("client");
  const std::string both = authority_.directory() / "both.pem";
  std::ofstream(both) << std::ifstream(client.certificate_file).rdbuf()
                      << std::ifstream(client.key_file).rdbuf();
  config_.tls.certificate_location = both;
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url())).reply).retry, false);
}

TEST_F(EndpointClientTls, FailsWithoutARequiredClientCertificate) {
  EndpointTls tls = Localhost();
  tls.client_ca_file = authority_.ca_file();
  ScriptedEndpoint endpoint(Delivered, tls);
  // TLS 1.3 sends the alert after the handshake, when the connection may already be reset.
  EXPECT_THAT(Fault(Send(ClientOf(endpoint.Url())).reply).kind,
              AnyOf(FaultKind::kTls, FaultKind::kIo));
  EXPECT_EQ(endpoint.RequestCount(), 0u);
}

TEST_F(EndpointClientTls, ReportsAnEndpointThatDoesNotSpeakTls) {
  // A server that expects plain HTTP cannot parse a TLS handshake as a request.
  ScriptedEndpoint endpoint(Delivered);
  config_.read_timeout = milliseconds(500);
  config_.connect_timeout = milliseconds(300);
  const auto fault =
      Fault(Send(ClientOf("https://127.0.0.1:" + std::to_string(endpoint.port()))).reply);
  EXPECT_THAT(fault.kind, AnyOf(FaultKind::kTls, FaultKind::kTimeout));
}

TEST_F(EndpointClientTls, ConnectTimeoutEndsTheHandshake) {
  const SilentListener silent;
  config_.connect_timeout = milliseconds(150);
  Sender& client = ClientOf("https://127.0.0.1:" + std::to_string(silent.port()));
  const auto start = std::chrono::steady_clock::now();
  const auto fault = Fault(Send(client).reply);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(fault.kind, FaultKind::kTimeout);
  EXPECT_THAT(fault.detail, HasSubstr("150 ms"));
  EXPECT_GE(took, milliseconds(150));
  EXPECT_LT(took, seconds(10));
}

TEST_F(EndpointClientTls, ReadTimeoutEndsATricklingResponse) {
  ScriptedEndpoint endpoint(
      [](const Request&) {
        return Answer::Trickle(200, std::string(20'000, 'x'), milliseconds(2));
      },
      Localhost());
  config_.read_timeout = milliseconds(200);
  EXPECT_EQ(Fault(Send(ClientOf(endpoint.Url())).reply).kind, FaultKind::kTimeout);
}

TEST_F(EndpointClientTls, DistinguishesTruncatedFromCompleteResponses) {
  for (const Answer& answer : {Answer::Close(), Answer::Reset(), Answer::CutBody(200, "0123", 2),
                               Answer::CutChunks(200, {"chunk"})}) {
    ScriptedEndpoint endpoint([&](const Request&) { return answer; }, Localhost());
    EXPECT_EQ(Fault(Send(ClientOf(endpoint.Url())).reply).kind, FaultKind::kIo) << answer.bytes;
  }
}

TEST_F(EndpointClientTls, AcceptsABodyThatEndsWithTheConnectionOnlyAfterCloseNotify) {
  const std::string bytes = "HTTP/1.1 200 OK\r\n\r\n{\"retry\":false}";
  ScriptedEndpoint whole([&](const Request&) { return Answer::Raw(bytes); }, Localhost());
  EXPECT_EQ(Http(Send(ClientOf(whole.Url())).reply).retry, false);
  for (const auto then : {Answer::Then::kCut, Answer::Then::kReset}) {
    ScriptedEndpoint cut([&](const Request&) { return Answer::Raw(bytes, then); }, Localhost());
    EXPECT_EQ(Fault(Send(ClientOf(cut.Url())).reply).kind, FaultKind::kIo);
  }
}

TEST_F(EndpointClientTls, AFailedHandshakeLeavesNoErrorForTheNextConnection) {
  ScriptedEndpoint wrong(Delivered, Server({"DNS:elsewhere"}));
  EXPECT_EQ(Fault(Send(ClientOf(wrong.Url())).reply).kind, FaultKind::kTls);
  ScriptedEndpoint good([](const Request&) { return Answer::Raw("HTTP/1.1 200 OK\r\n\r\nbody"); },
                        Localhost());
  EXPECT_EQ(Http(Send(ClientOf(good.Url())).reply).status, 200);
}

TEST_F(EndpointClientTls, AbortEndsAHandshake) {
  const SilentListener silent;
  Sender& client = ClientOf("https://127.0.0.1:" + std::to_string(silent.port()));
  delivery::Reply reply;
  std::thread sender([&] { reply = Send(client).reply; });
  client.Abort();
  sender.join();
  EXPECT_TRUE(std::holds_alternative<delivery::Aborted>(reply));
}

TEST_F(EndpointClientTls, RejectsUnusableFiles) {
  const CertificateAuthority::Issued client = authority_.Issue("client");
  const CertificateAuthority::Issued other = authority_.Issue("other");
  const std::string missing = authority_.directory() / "missing.pem";
  const std::string garbage = authority_.directory() / "garbage.pem";
  std::ofstream(garbage) << "no certificate";
  const std::string fifo = authority_.directory() / "fifo.pem";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const std::string endless = authority_.directory() / "endless.pem";
  std::ofstream(endless) << "large";
  std::filesystem::resize_file(endless, (10u << 20) + 1);
  struct Case {
    config::TlsConfig tls;
    std::string key;
    std::string file;
  };
  for (const Case& each : {
           Case{{missing, "", "", true}, "ssl.ca.location", missing},
           Case{{garbage, "", "", true}, "ssl.ca.location", garbage},
           Case{{"", missing, client.key_file, true}, "ssl.certificate.location", missing},
           Case{{"", garbage, client.key_file, true}, "ssl.certificate.location", garbage},
           Case{{"", client.certificate_file, missing, true}, "ssl.key.location", missing},
           Case{{"", client.certificate_file, other.key_file, true},
                "ssl.key.location",
                other.key_file},
           Case{{"", client.certificate_file, "", true},
                "ssl.certificate.location",
                client.certificate_file},
           Case{{"", "", client.key_file, true}, "ssl.key.location", ""},
           Case{{fifo, "", "", true}, "ssl.ca.location", fifo + ": not a regular file"},
           Case{{"", fifo, client.key_file, true}, "ssl.certificate.location", fifo},
           Case{{"", client.certificate_file, fifo, true}, "ssl.key.location", fifo},
           Case{{endless, "", "", true}, "ssl.ca.location", endless + ": larger than 10 MiB"},
           Case{{"/dev/zero", "", "", true}, "ssl.ca.location", "/dev/zero: not a regular file"},
       }) {
    config_.tls = each.tls;
    try {
      ClientOf("https://localhost/");
      ADD_FAILURE() << "it was built with " << each.file;
    } catch (const std::runtime_error& problem) {
      EXPECT_THAT(problem.what(), AllOf(HasSubstr(each.key), HasSubstr(each.file)));
    }
  }
}

}  // namespace
}  // namespace khs::http
