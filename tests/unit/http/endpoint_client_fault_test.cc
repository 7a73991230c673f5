#include <gmock/gmock.h>

#include <stdexcept>
#include <thread>

#include "support/silent_ports.h"
#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using delivery::Aborted;
using delivery::FaultKind;
using khs::testing::ClosedPort;
using khs::testing::FullListener;
using khs::testing::SilentListener;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Far above the short timeouts below, and far below the long ones of the fixture.
constexpr seconds kSoon{10};

class EndpointClientFault : public EndpointClientTest {
 protected:
  static std::string Local(uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }
};

TEST_F(EndpointClientFault, ReportsAHostWithoutAnAddress) {
  const auto fault = Fault(Send(ClientOf("http://no-such-host.invalid/")).reply);
  EXPECT_EQ(fault.kind, FaultKind::kDns);
  EXPECT_THAT(fault.detail, HasSubstr("no-such-host.invalid"));
}

TEST_F(EndpointClientFault, ReportsARefusedConnection) {
  const ClosedPort closed;
  const Sender::Result result = Send(ClientOf(Local(closed.port())));
  EXPECT_EQ(result.connections.failed, 1);
  EXPECT_EQ(result.connections.opened, 0);
  const auto fault = Fault(result.reply);
  EXPECT_EQ(fault.kind, FaultKind::kConnect);
  EXPECT_THAT(fault.detail, AllOf(HasSubstr("127.0.0.1:" + std::to_string(closed.port())),
                                  HasSubstr("Connection refused")));
}

TEST_F(EndpointClientFault, DoesNotShowASecretHost) {
  config_.host_is_secret = true;
  const ClosedPort closed;
  EXPECT_EQ(Fault(Send(ClientOf(Local(closed.port()))).reply).detail,
            "cannot connect to *** (Connection refused)");
  const auto fault = Fault(Send(ClientOf("http://no-such-host.invalid/")).reply);
  EXPECT_THAT(fault.detail, AllOf(HasSubstr("cannot look up ***"), Not(HasSubstr("invalid"))));
}

TEST_F(EndpointClientFault, ConnectTimeoutEndsAConnectThatIsNotAccepted) {
  const FullListener full;
  config_.connect_timeout = milliseconds(150);
  Sender& client = ClientOf(Local(full.port()));
  const auto start = steady_clock::now();
  const auto fault = Fault(Send(client).reply);
  const auto took = steady_clock::now() - start;
  EXPECT_EQ(fault.kind, FaultKind::kTimeout);
  EXPECT_GE(took, milliseconds(150));
  EXPECT_LT(took, kSoon);
}

TEST_F(EndpointClientFault, ReadTimeoutEndsARequestWithoutAResponse) {
  config_.read_timeout = milliseconds(150);
  const auto start = steady_clock::now();
  const auto fault = Fault(SendTo(Answer::Hang()));
  const auto took = steady_clock::now() - start;
  EXPECT_EQ(fault.kind, FaultKind::kTimeout);
  EXPECT_THAT(fault.detail, HasSubstr("150 ms"));
  EXPECT_GE(took, milliseconds(150));
  EXPECT_LT(took, kSoon);
}

TEST_F(EndpointClientFault, ReadTimeoutEndsATricklingResponse) {
  config_.read_timeout = milliseconds(200);
  const auto start = steady_clock::now();
  const auto fault = Fault(SendTo(Answer::Trickle(200, std::string(20'000, 'x'), milliseconds(2))));
  const auto took = steady_clock::now() - start;
  EXPECT_EQ(fault.kind, FaultKind::kTimeout);
  EXPECT_GE(took, milliseconds(200));
  EXPECT_LT(took, kSoon);
}

TEST_F(EndpointClientFault, TreatsABodyCutByTheTimeoutAsIncomplete) {
  config_.read_timeout = milliseconds(150);
  const auto answer = Answer::Raw("HTTP/1.1 200 OK\r\n\r\n{\"retry\":false}", Answer::Then::kHang);
  EXPECT_EQ(Fault(SendTo(answer)).kind, FaultKind::kTimeout);
}

TEST_F(EndpointClientFault, ReadTimeoutEndsASendThatIsNotRead) {
  const SilentListener silent;
  config_.read_timeout = milliseconds(200);
  record_.value = std::string(64'000'000, 'x');
  const auto start = steady_clock::now();
  EXPECT_EQ(Fault(Send(ClientOf(Local(silent.port()))).reply).kind, FaultKind::kTimeout);
  const auto took = steady_clock::now() - start;
  EXPECT_GE(took, milliseconds(200));
  EXPECT_LT(took, kSoon);
}

TEST_F(EndpointClientFault, AcceptsAResponseToAPartiallyReadRequest) {
  const SilentListener hasty;
  record_.value = std::string(64'000'000, 'x');
  Sender& client = ClientOf(Local(hasty.port()));
  delivery::Reply reply;
  std::thread sender([&] { reply = Send(client).reply; });
  hasty.AnswerUnread("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  sender.join();
  EXPECT_EQ(Http(reply).status, 413);
}

TEST_F(EndpointClientFault, DistinguishesTruncatedFromCompleteResponses) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  for (const Answer& answer :
       {Answer::Close(), Answer::Raw("HTTP/1.1 20"), Answer::Raw(head + "Content-Le"),
        Answer::Raw(head + "Content-Length: 0\r\n"), Answer::CutBody(200, "0123456789", 5),
        Answer::CutBody(200, "0123456789", 0), Answer::CutChunks(200, {"some", "chunks"}),
        Answer::CutChunks(200, {}), Answer::Raw(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
        Answer::Raw(head + "Transfer-Encoding: chunked\r\n\r\n0\r\n")}) {
    const auto fault = Fault(SendTo(answer));
    EXPECT_EQ(fault.kind, FaultKind::kIo) << answer.bytes;
    EXPECT_THAT(fault.detail, HasSubstr("closed early")) << answer.bytes;
  }
}

TEST_F(EndpointClientFault, RejectsWhatIsNotHttp) {
  const std::string head = "HTTP/1.1 200 OK\r\n";
  const std::string chunked = head + "Transfer-Encoding: chunked\r\n\r\n";
  for (const std::string& bytes :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("FTP/1.1 200 OK\r\n\r\n"),
        std::string("HTTP/2.0 200 OK\r\n\r\n"), std::string("HTTP/1.1 2x0 OK\r\n\r\n"),
        std::string("HTTP/1.1 099 OK\r\n\r\n"), std::string("HTTP/1.1 101 Switch\r\n\r\n"),
        std::string("garbage\r\n\r\n"), std::string(300, '\xff'),
        head + "Content-Length: many\r\n\r\n", head + "Content-Length: -1\r\n\r\n",
        head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        head + "Transfer-Encoding: gzip\r\n\r\nx", chunked + "zz\r\nab\r\n0\r\n\r\n",
        chunked + "2\r\nabxy\r\n0\r\n\r\n", chunked + ";e\r\n\r\n", chunked + "-1\r\n\r\n",
        chunked + "100000000\r\nab\r\n0\r\n\r\n", chunked + "2\r\nab\r\n\r\n0x\r\n\r\n"}) {
    const auto fault = Fault(SendTo(Answer::Raw(bytes)));
    EXPECT_EQ(fault.kind, FaultKind::kIo) << bytes;
    EXPECT_THAT(fault.detail, HasSubstr("not an HTTP response")) << bytes;
    EXPECT_EQ(fault.detail.find("many"), std::string::npos);
  }
}

TEST_F(EndpointClientFault, ReportsAReset) {
  const auto fault = Fault(SendTo(Answer::Reset()));
  EXPECT_EQ(fault.kind, FaultKind::kIo);
  EXPECT_THAT(fault.detail, HasSubstr("127.0.0.1"));
}

TEST_F(EndpointClientFault, QuotesNothingOfTheRecordOrTheHeaders) {
  config_.headers = {{"Authorization", "Bearer hidden"}};
  record_.value = "hidden";
  record_.key = "hidden";
  const ClosedPort closed;
  EXPECT_EQ(
      Fault(Send(ClientOf(Local(closed.port()) + "/?token=hidden")).reply).detail.find("hidden"),
      std::string::npos);
  EXPECT_EQ(Fault(SendTo(Answer::Raw("HTTP/1.1 200 OK\r\nContent-Length: hidden\r\n\r\n")))
                .detail.find("hidden"),
            std::string::npos);
}

TEST_F(EndpointClientFault, AbortEndsARequestThatHangs) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Hang(); });
  Sender& client = ClientOf(endpoint.Url());
  delivery::Reply reply;
  std::thread sender([&] { reply = Send(client).reply; });
  EXPECT_TRUE(endpoint.WaitForRequests(1));
  client.Abort();
  sender.join();
  EXPECT_TRUE(std::holds_alternative<Aborted>(reply));
}

TEST_F(EndpointClientFault, TreatsABodyCutByAbortAsIncomplete) {
  ScriptedEndpoint endpoint([](const Request&) {
    return Answer::Raw("HTTP/1.1 200 OK\r\n\r\n{\"retry\":false}", Answer::Then::kHang);
  });
  Sender& client = ClientOf(endpoint.Url());
  delivery::Reply reply;
  std::thread sender([&] { reply = Send(client).reply; });
  EXPECT_TRUE(endpoint.WaitForRequests(1));
  client.Abort();
  sender.join();
  EXPECT_TRUE(std::holds_alternative<Aborted>(reply));
}

TEST_F(EndpointClientFault, AbortEndsAConnectThatIsNotAccepted) {
  const FullListener full;
  Sender& client = ClientOf(Local(full.port()));
  delivery::Reply reply;
  const auto start = steady_clock::now();
  std::thread sender([&] { reply = Send(client).reply; });
  client.Abort();
  sender.join();
  EXPECT_TRUE(std::holds_alternative<Aborted>(reply));
  EXPECT_LT(steady_clock::now() - start, kSoon);
}

TEST_F(EndpointClientFault, AbortIsPermanent) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  Sender& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  client.Abort();
  client.Abort();
  EXPECT_TRUE(std::holds_alternative<Aborted>(Send(client).reply));
  EXPECT_EQ(endpoint.RequestCount(), 1u);
  EXPECT_TRUE(endpoint.WaitUntilDisconnected());
}

TEST_F(EndpointClientFault, RejectsInvalidDefinitions) {
  EXPECT_THROW(ClientOf("ftp://h/"), std::runtime_error);
  config_.headers = {{"Token", "hidden\r\nInjected: yes"}};
  try {
    ClientOf("http://h/");
    ADD_FAILURE() << "it was built";
  } catch (const std::runtime_error& problem) {
    EXPECT_THAT(problem.what(), HasSubstr("Token"));
    EXPECT_EQ(std::string(problem.what()).find("hidden"), std::string::npos);
  }
}

}  // namespace
}  // namespace khs::http
