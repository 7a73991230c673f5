#include <gmock/gmock.h>

#include <cstdlib>
#include <thread>

#include "support/certificates.h"
#include "support/silent_ports.h"
#include "support/tunnel_proxy.h"
#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using delivery::FaultKind;
using khs::testing::CertificateAuthority;
using khs::testing::ClosedPort;
using khs::testing::EndpointTls;
using khs::testing::TunnelProxy;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class EndpointClientProxy : public EndpointClientTest {
 protected:
  void UseProxy(uint16_t port) {
    config_.proxy.host = "127.0.0.1";
    config_.proxy.port = port;
  }
  EndpointTls Localhost() {
    config_.tls.ca_location = authority_.ca_file();
    const auto issued = authority_.Issue("server", {"DNS:localhost", "IP:127.0.0.1"});
    return {issued.certificate_file, issued.key_file, ""};
  }
  static Answer Delivered(const Request&) { return Answer::Of(200, R"({"retry":false})"); }

  CertificateAuthority authority_;
};

TEST_F(EndpointClientProxy, GetsPlainRequestsInAbsoluteForm) {
  ScriptedEndpoint proxy(Delivered);
  UseProxy(proxy.port());
  config_.proxy.user = "sink";
  config_.proxy.password = "open:sesame";
  // The client must not resolve the endpoint's name.
  auto& client = ClientOf("http://endpoint.invalid:8080/in?a=b");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Http(Send(client).reply).retry, false);
  EXPECT_EQ(proxy.ConnectionCount(), 1);
  const Request request = proxy.Requests().front();
  EXPECT_EQ(request.target, "http://endpoint.invalid:8080/in?a=b");
  EXPECT_EQ(request.Header("Host"), "endpoint.invalid:8080");
  EXPECT_EQ(request.Header("Proxy-Authorization"), "Basic c2luazpvcGVuOnNlc2FtZQ==");
}

TEST_F(EndpointClientProxy, TunnelsAnHttpsUrlAndSeesNothingOfIt) {
  ScriptedEndpoint endpoint(Delivered, Localhost());
  TunnelProxy proxy("HTTP/1.1 200 Connection established\r\nX-Proxy: yes\r\n\r\n", endpoint.port());
  UseProxy(proxy.port());
  config_.proxy.user = "sink";
  config_.proxy.password = "open sesame";
  auto& client = ClientOf(endpoint.Url("/in", "localhost"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Http(Send(client).reply).retry, false);
  EXPECT_THAT(
      proxy.TakeHead(),
      AllOf(HasSubstr("CONNECT localhost:" + std::to_string(endpoint.port()) + " HTTP/1.1\r\n"),
            HasSubstr("Proxy-Authorization: Basic c2luazpvcGVuIHNlc2FtZQ==\r\n"),
            Not(HasSubstr("X-Kafka"))));
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
  const Request request = endpoint.Requests().front();
  EXPECT_EQ(request.target, "/in");
  EXPECT_EQ(request.Header("Proxy-Authorization"), std::nullopt);
}

TEST_F(EndpointClientProxy, TunnelsAPlainUrlIfItAlwaysTunnels) {
  ScriptedEndpoint endpoint(Delivered);
  TunnelProxy proxy("HTTP/1.1 200 OK\r\n\r\n", endpoint.port());
  UseProxy(proxy.port());
  config_.proxy.always_tunnels = true;
  config_.proxy.user = "sink";
  config_.proxy.password = "open sesame";
  auto& client = ClientOf(endpoint.Url("/in", "localhost"));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(Http(Send(client).reply).retry, false);
  EXPECT_THAT(proxy.TakeHead(),
              HasSubstr("CONNECT localhost:" + std::to_string(endpoint.port()) + " HTTP/1.1\r\n"));
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
  const Request request = endpoint.Requests().front();
  EXPECT_EQ(request.target, "/in");
  EXPECT_EQ(request.Header("Proxy-Authorization"), std::nullopt);
}

TEST_F(EndpointClientProxy, DoesNotReplaceTheCheckOfTheEndpointsName) {
  const auto issued = authority_.Issue("server", {"DNS:elsewhere"});
  ScriptedEndpoint endpoint(Delivered, EndpointTls{issued.certificate_file, issued.key_file, ""});
  config_.tls.ca_location = authority_.ca_file();
  TunnelProxy proxy("HTTP/1.1 200 OK\r\n\r\n", endpoint.port());
  UseProxy(proxy.port());
  const auto fault = Fault(Send(ClientOf(endpoint.Url("/", "localhost"))).reply);
  EXPECT_EQ(fault.kind, FaultKind::kTls);
  EXPECT_THAT(fault.detail, HasSubstr("mismatch"));
}

TEST_F(EndpointClientProxy, IsNamedWhenItRefusesOrFails) {
  ScriptedEndpoint endpoint(Delivered, Localhost());
  for (const char* answer :
       {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 No\r\n\r\n", "SSH-2.0\r\n", "HTTP/1.1 200 OK\r\n\r\nmore", ""}) {
    TunnelProxy proxy(answer, 0);
    UseProxy(proxy.port());
    config_.proxy.password = "hidden";
    const auto fault = Fault(Send(ClientOf(endpoint.Url("/", "localhost"))).reply);
    EXPECT_EQ(fault.kind, FaultKind::kProxy) << answer;
    EXPECT_THAT(fault.detail, AllOf(HasSubstr("proxy 127.0.0.1:" + std::to_string(proxy.port())),
                                    Not(HasSubstr("hidden"))));
  }
  EXPECT_EQ(endpoint.ConnectionCount(), 0);
}

TEST_F(EndpointClientProxy, IsNamedWhenItRefusesTheCredentialsOfAPlainRequest) {
  ScriptedEndpoint proxy([](const Request&) { return Answer::Of(407, R"({"retry":false})"); });
  UseProxy(proxy.port());
  const auto fault = Fault(Send(ClientOf("http://endpoint.invalid/")).reply);
  EXPECT_EQ(fault.kind, FaultKind::kProxy);
  EXPECT_THAT(fault.detail, HasSubstr("proxy 127.0.0.1:" + std::to_string(proxy.port())));
}

// With TLS the status comes from the endpoint.
TEST_F(EndpointClientProxy, IsNotBlamedForAStatusOfTheEndpoint) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(407, R"({"retry":true})"); },
                            Localhost());
  TunnelProxy proxy("HTTP/1.1 200 OK\r\n\r\n", endpoint.port());
  UseProxy(proxy.port());
  EXPECT_EQ(Http(Send(ClientOf(endpoint.Url("/", "localhost"))).reply).status, 407);
}

TEST_F(EndpointClientProxy, IsNamedWhenItCannotBeReached) {
  const ClosedPort closed;
  UseProxy(closed.port());
  auto fault = Fault(Send(ClientOf("http://endpoint.invalid/")).reply);
  EXPECT_EQ(fault.kind, FaultKind::kConnect);
  EXPECT_THAT(fault.detail, HasSubstr("proxy 127.0.0.1:" + std::to_string(closed.port())));
  config_.proxy.host = "no-such-proxy.invalid";
  fault = Fault(Send(ClientOf("http://endpoint.invalid/")).reply);
  EXPECT_EQ(fault.kind, FaultKind::kDns);
  EXPECT_THAT(fault.detail, HasSubstr("proxy no-such-proxy.invalid"));
}

TEST_F(EndpointClientProxy, ConnectTimeoutEndsTheTunnel) {
  const khs::testing::SilentListener silent;
  UseProxy(silent.port());
  config_.connect_timeout = milliseconds(150);
  const auto fault = Fault(Send(ClientOf("https://endpoint.invalid/")).reply);
  EXPECT_EQ(fault.kind, FaultKind::kTimeout);
  EXPECT_THAT(fault.detail, AllOf(HasSubstr("proxy 127.0.0.1"), HasSubstr("150 ms")));
}

TEST_F(EndpointClientProxy, AChangedProxyNeedsANewConnection) {
  ScriptedEndpoint first(Delivered);
  ScriptedEndpoint second(Delivered);
  UseProxy(first.port());
  auto& client = ClientOf("http://endpoint.invalid/");
  EXPECT_EQ(Http(Send(client).reply).retry, false);
  UseProxy(second.port());
  client.Reconfigure(config_, delivery::NullValues::kSend);
  EXPECT_TRUE(first.WaitUntilDisconnected());
  EXPECT_EQ(Http(Send(client).reply).retry, false);
  EXPECT_EQ(second.RequestCount(), 1u);
}

}  // namespace
}  // namespace khs::http
