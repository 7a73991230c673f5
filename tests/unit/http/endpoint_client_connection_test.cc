#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using std::chrono::seconds;

class EndpointClientConnection : public EndpointClientTest {
 protected:
  // How many connections an endpoint sees that gives this answer to each of three requests.
  int ConnectionsOfThree(const Answer& answer) {
    ScriptedEndpoint endpoint([&answer](const Request&) { return answer; });
    EndpointClient& client = ClientOf(endpoint.Url());
    for (int i = 0; i < 3; ++i) (void)client.Send(record_, {});
    EXPECT_EQ(endpoint.RequestCount(), 3u);
    return endpoint.ConnectionCount();
  }

  static Answer Raw(const std::string& bytes) {
    return Answer::Raw(bytes, Answer::Then::kKeepAlive);
  }
};

TEST_F(EndpointClientConnection, IsReusedAfterAWholeAnswer) {
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, "body")), 1);
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(503)), 1);
  EXPECT_EQ(ConnectionsOfThree(Answer::Chunked(200, {"some", "chunks"})), 1);
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.1 204 No Content\r\n\r\n")), 1);
  EXPECT_EQ(ConnectionsOfThree(
                Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: "
                    "x\r\nAnother: y\r\n\r\n")),
            1);
  EXPECT_EQ(ConnectionsOfThree(
                Raw("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")),
            1);
}

TEST_F(EndpointClientConnection, IsNotReusedWhenTheAnswerSaysSo) {
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, "", {{"Connection", "close"}})), 3);
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, "", {{"Connection", "x, Close"}})), 3);
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")), 3);
}

TEST_F(EndpointClientConnection, IsNotReusedAfterABodyThatWasNotRead) {
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, std::string(70'000, 'x'))), 3);
  EXPECT_EQ(ConnectionsOfThree(Answer::Chunked(200, {std::string(70'000, 'x')})), 3);
}

TEST_F(EndpointClientConnection, IsNotReusedWhenMoreCameThanTheAnswer) {
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more")), 3);
}

TEST_F(EndpointClientConnection, IsNotReusedAfterAFault) {
  EXPECT_EQ(ConnectionsOfThree(Raw("garbage\r\n\r\n")), 3);
}

TEST_F(EndpointClientConnection, IsReplacedWhenTheEndpointClosedItMeanwhile) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  EndpointClient& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(client.Send(record_, {}).reply).status, 200);
  endpoint.DropConnections();
  ASSERT_TRUE(endpoint.WaitUntilDisconnected());
  EXPECT_EQ(Http(client.Send(record_, {}).reply).status, 200);
  EXPECT_EQ(endpoint.ConnectionCount(), 2);
}

TEST_F(EndpointClientConnection, IsClosedWithTheClient) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  ClientOf(endpoint.Url()).Send(record_, {});
  client_.reset();
  EXPECT_TRUE(endpoint.WaitUntilDisconnected());
}

TEST_F(EndpointClientConnection, NeverRepeatsARequestThatGotNoAnswer) {
  ScriptedEndpoint endpoint([](const Request& request) {
    return request.connection == 1 && request.Header("X-Kafka-Offset") == "7" ? Answer::Of(200)
                                                                              : Answer::Close();
  });
  EndpointClient& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(client.Send(record_, {}).reply).status, 200);
  record_.offset = 8;
  EXPECT_EQ(Fault(client.Send(record_, {}).reply).kind, delivery::FaultKind::kIo);
  EXPECT_EQ(endpoint.RequestCount(), 2u);
}

TEST_F(EndpointClientConnection, FindsTheAddressOfANameThatIsListenedOn) {
  // Where localhost is ::1 first, nobody listens there.
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  ASSERT_EQ(Http(ClientOf(endpoint.Url("/", "localhost")).Send(record_, {}).reply).status, 200);
  EXPECT_EQ(endpoint.Requests().front().Header("Host"),
            "localhost:" + std::to_string(endpoint.port()));
}

TEST_F(EndpointClientConnection, IgnoresTheProxiesOfTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:9/", 1);
  EXPECT_EQ(Http(SendTo(Answer::Of(200))).status, 200);
  ::unsetenv("http_proxy");
}

TEST_F(EndpointClientConnection, IsSharedByThreadsButNeverByTwoAtOnce) {
  std::atomic<int> busy[64]{};
  std::atomic<bool> shared{false};
  ScriptedEndpoint endpoint([&](const Request& request) {
    std::atomic<int>& mine = busy[static_cast<size_t>(request.connection) % 64];
    if (mine.fetch_add(1) != 0) shared = true;
    mine.fetch_sub(1);
    return Answer::Of(200, R"({"retry":false})");
  });
  EndpointClient& client = ClientOf(endpoint.Url());
  constexpr int kThreads = 16;
  constexpr int kEach = 50;
  std::atomic<int> delivered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      delivery::Record record = record_;
      for (int n = 0; n < kEach; ++n) {
        record.offset = i * kEach + n;
        const delivery::Reply reply = client.Send(record, {}).reply;
        const auto* http = std::get_if<delivery::HttpReply>(&reply);
        if (http != nullptr && http->retry == false) ++delivered;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(delivered, kThreads * kEach);
  EXPECT_FALSE(shared);
  EXPECT_LE(endpoint.ConnectionCount(), kThreads);
}

// Adds what the test wants to the real time.
class AdjustableClock final : public base::Clock {
 public:
  base::Now Read() const override {
    base::Now now = base::SystemClock().Read();
    now.monotonic += ahead.load();
    return now;
  }
  std::atomic<seconds> ahead{seconds(0)};
};

TEST_F(EndpointClientConnection, IsNotReusedAfterAMinuteOfIdleness) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  AdjustableClock clock;
  config_.url = endpoint.Url();
  EndpointClient client(config_, {"sink", "connect-sink"}, delivery::NullValues::kSend, deadlines_,
                        clock);
  (void)client.Send(record_, {});
  clock.ahead = seconds(30);
  (void)client.Send(record_, {});
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
  clock.ahead = seconds(91);
  (void)client.Send(record_, {});
  EXPECT_EQ(endpoint.ConnectionCount(), 2);
}

}  // namespace
}  // namespace khs::http
