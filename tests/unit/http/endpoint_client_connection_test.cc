#include <gmock/gmock.h>

#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class EndpointClientConnection : public EndpointClientTest {
 protected:
  // Returns the number of connections of three requests that all get this response.
  int ConnectionsOfThree(const Answer& answer) {
    ScriptedEndpoint endpoint([&answer](const Request&) { return answer; });
    Sender& client = ClientOf(endpoint.Url());
    for (int i = 0; i < 3; ++i) (void)Send(client);
    EXPECT_EQ(endpoint.RequestCount(), 3u);
    return endpoint.ConnectionCount();
  }

  static Answer Raw(const std::string& bytes) {
    return Answer::Raw(bytes, Answer::Then::kKeepAlive);
  }
};

TEST_F(EndpointClientConnection, IsReusedAfterACompleteResponse) {
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, "body")), 1);
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(503)), 1);
  EXPECT_EQ(ConnectionsOfThree(Answer::Chunked(200, {"some", "chunks"})), 1);
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.1 204 No Content\r\n\r\n")), 1);
  EXPECT_EQ(ConnectionsOfThree(
                Raw("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n")),
            1);
}

TEST_F(EndpointClientConnection, IsNotReusedWhenTheResponseSaysClose) {
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, "", {{"Connection", "close"}})), 3);
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, "", {{"Connection", "x, Close"}})), 3);
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")), 3);
}

TEST_F(EndpointClientConnection, IsNotReusedWhenABodyIsAnnouncedThatMustNotBeSent) {
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.1 204 No Content\r\nContent-Length: 15\r\n\r\n")), 3);
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n")), 3);
}

TEST_F(EndpointClientConnection, IsNotReusedAfterAnUnreadBody) {
  EXPECT_EQ(ConnectionsOfThree(Answer::Of(200, std::string(70'000, 'x'))), 3);
  EXPECT_EQ(ConnectionsOfThree(Answer::Chunked(200, {std::string(70'000, 'x')})), 3);
}

TEST_F(EndpointClientConnection, IsNotReusedWhenBytesFollowTheResponse) {
  EXPECT_EQ(ConnectionsOfThree(Raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more")), 3);
}

// Poco 1.11 leaves all trailers except the first in its buffer.
TEST_F(EndpointClientConnection, IsNotReusedAfterTrailers) {
  const std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n";
  EXPECT_EQ(ConnectionsOfThree(Raw(chunks + "Trailer: x\r\n\r\n")), 3);
  EXPECT_EQ(ConnectionsOfThree(Raw(chunks + "Trailer: x\r\nAnother: y\r\n\r\n")), 3);
}

TEST_F(EndpointClientConnection, IsNotReusedAfterAFault) {
  EXPECT_EQ(ConnectionsOfThree(Raw("garbage\r\n\r\n")), 3);
}

TEST_F(EndpointClientConnection, IsReplacedWhenTheEndpointClosedItWhileIdle) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  Sender& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  endpoint.DropConnections();
  ASSERT_TRUE(endpoint.WaitUntilDisconnected());
  // The delivery thread always waits for something.
  std::vector<Sender::Ended> ended;
  client.Wait(clock_.Read().monotonic, ended);
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  EXPECT_EQ(endpoint.ConnectionCount(), 2);
}

TEST_F(EndpointClientConnection, IsReplacedWhenTheEndpointClosedItAfterAKeepAliveResponse) {
  ScriptedEndpoint endpoint([](const Request&) {
    Answer answer = Answer::Of(200);
    answer.then = Answer::Then::kClose;
    return answer;
  });
  Sender& client = ClientOf(endpoint.Url());
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(Http(Send(client).reply).status, 200);
    ASSERT_TRUE(endpoint.WaitUntilDisconnected());
    EXPECT_EQ(endpoint.ConnectionCount(), i);
  }
}

TEST_F(EndpointClientConnection, IsReplacedWhenBytesCameAfterTheResponse) {
  ScriptedEndpoint endpoint([](const Request& request) {
    return request.connection == 1 ? Raw(FillingOneRead() + StrayDelivery())
                                   : Answer::Of(200, R"({"retry":true})");
  });
  Sender& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 503);
  ASSERT_TRUE(endpoint.WaitForAnswers(1));
  EXPECT_EQ(Http(Send(client).reply).retry, true);
  EXPECT_EQ(endpoint.ConnectionCount(), 2);
}

TEST_F(EndpointClientConnection, IsClosedWithTheClient) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  Send(ClientOf(endpoint.Url()));
  client_.reset();
  EXPECT_TRUE(endpoint.WaitUntilDisconnected());
}

// The endpoint closes an idle connection at the moment that a request is sent on it.
TEST_F(EndpointClientConnection, ResendsOnANewOneWhenAnIdleOneEndsWithoutAResponse) {
  for (const Answer& end : {Answer::Close(), Answer::Reset()}) {
    ScriptedEndpoint endpoint([&end](const Request& request) {
      return request.connection == 1 && request.Header("X-Kafka-Offset") == "8" ? end
                                                                                : Answer::Of(200);
    });
    auto& client = ClientOf(endpoint.Url());
    record_.offset = 7;
    EXPECT_EQ(Http(Send(client).reply).status, 200);
    record_.offset = 8;
    record_.value = std::string(100'000, 'x');
    const Sender::Result result = Send(client);
    EXPECT_EQ(Http(result.reply).status, 200);
    EXPECT_EQ(result.connections.stale, 1);
    EXPECT_EQ(result.connections.opened, 1);
    EXPECT_EQ(result.connections.failed, 0);
    EXPECT_EQ(endpoint.RequestCount(), 3u);
    EXPECT_EQ(endpoint.ConnectionCount(), 2);
    EXPECT_EQ(endpoint.Requests().back().body, *record_.value);
  }
}

TEST_F(EndpointClientConnection, ResendsARequestAtMostOnce) {
  ScriptedEndpoint endpoint([](const Request& request) {
    return request.Header("X-Kafka-Offset") == "7" ? Answer::Of(200) : Answer::Close();
  });
  auto& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  record_.offset = 8;
  EXPECT_EQ(Fault(Send(client).reply).kind, delivery::FaultKind::kIo);
  EXPECT_EQ(endpoint.RequestCount(), 3u);
}

TEST_F(EndpointClientConnection, DoesNotResendAfterAFaultOnANewOne) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Close(); });
  EXPECT_EQ(Fault(Send(ClientOf(endpoint.Url())).reply).kind, delivery::FaultKind::kIo);
  EXPECT_EQ(endpoint.RequestCount(), 1u);
}

TEST_F(EndpointClientConnection, DoesNotResendAfterAPartialOrLateResponse) {
  config_.read_timeout = milliseconds(300);
  for (const Answer& end : {Answer::Raw("HTTP/1.1 20"), Answer::Hang()}) {
    ScriptedEndpoint endpoint([&end](const Request& request) {
      return request.Header("X-Kafka-Offset") == "7" ? Answer::Of(200) : end;
    });
    auto& client = ClientOf(endpoint.Url());
    record_.offset = 7;
    EXPECT_EQ(Http(Send(client).reply).status, 200);
    record_.offset = 8;
    (void)Fault(Send(client).reply);
    EXPECT_EQ(endpoint.RequestCount(), 2u);
  }
}

TEST_F(EndpointClientConnection, FindsTheAddressOfANameThatAccepts) {
  // Nobody listens on ::1, which localhost may resolve to first.
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  ASSERT_EQ(Http(Send(ClientOf(endpoint.Url("/", "localhost"))).reply).status, 200);
  EXPECT_EQ(endpoint.Requests().front().Header("Host"),
            "localhost:" + std::to_string(endpoint.port()));
}

TEST_F(EndpointClientConnection, IgnoresTheProxiesOfTheEnvironment) {
  ::setenv("http_proxy", "http://127.0.0.1:9/", 1);
  EXPECT_EQ(Http(SendTo(Answer::Of(200))).status, 200);
  ::unsetenv("http_proxy");
}

TEST_F(EndpointClientConnection, IsNeverSharedByTwoAttemptsAtOnce) {
  constexpr size_t kAtOnce = 16;
  std::mutex mutex;
  std::condition_variable changed;
  size_t waiting = 0;
  // Responds once all requests have arrived.
  ScriptedEndpoint endpoint([&](const Request&) {
    std::unique_lock lock(mutex);
    ++waiting;
    changed.notify_all();
    changed.wait(lock, [&] { return waiting % kAtOnce == 0; });
    return Answer::Of(200, R"({"retry":false})");
  });
  Sender& client = ClientOf(endpoint.Url());
  const std::vector<const delivery::Record*> records(kAtOnce, &record_);
  for (int round = 0; round < 5; ++round) {
    for (const auto& result : SendAll(client, records)) EXPECT_EQ(Http(result.reply).retry, false);
  }
  EXPECT_EQ(endpoint.RequestCount(), 5 * kAtOnce);
  EXPECT_EQ(endpoint.ConnectionCount(), static_cast<int>(kAtOnce));
}

TEST_F(EndpointClientConnection, IsClosedAfterAMinuteIdle) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  AdjustableClock clock;
  config_.url = endpoint.Url();
  Sender client(config_, {"sink", "connect-sink"}, delivery::NullValues::kSend, clock);
  (void)Send(client);
  clock.ahead = seconds(60);
  std::vector<Sender::Ended> ended;
  client.Wait(clock.Read().monotonic + seconds(1), ended);
  EXPECT_TRUE(endpoint.WaitUntilDisconnected());
}

TEST_F(EndpointClientConnection, OneAttemptEndsWhileAnotherOneHangs) {
  ScriptedEndpoint endpoint([](const Request& request) {
    return request.Header("X-Kafka-Offset") == "7" ? Answer::Hang() : Answer::Of(200);
  });
  Sender& client = ClientOf(endpoint.Url());
  client.Begin(0, record_);
  delivery::Record other = record_;
  std::vector<Sender::Ended> ended;
  for (other.offset = 8; other.offset < 20; ++other.offset) {
    client.Begin(1, other);
    client.Wait(std::nullopt, ended);
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].slot, 1u);
    EXPECT_EQ(Http(ended[0].result.reply).status, 200);
  }
  EXPECT_EQ(endpoint.ConnectionCount(), 2);
  client.Cancel(0);
  client.Cancel(0);
  client.Wait(std::nullopt, ended);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<delivery::Aborted>(ended[0].result.reply));
}

TEST_F(EndpointClientConnection, IsNotReusedAfterAMinuteIdle) {
  ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
  AdjustableClock clock;
  config_.url = endpoint.Url();
  Sender client(config_, {"sink", "connect-sink"}, delivery::NullValues::kSend, clock);
  (void)Send(client);
  clock.ahead = seconds(30);
  (void)Send(client);
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
  clock.ahead = seconds(91);
  (void)Send(client);
  EXPECT_EQ(endpoint.ConnectionCount(), 2);
}

// Also closes a busy connection, because the host's address may have changed.
TEST_F(EndpointClientConnection, IsNotReusedWhenItIsTooOld) {
  for (const auto& [age, connections] : {std::pair(300, 2), {301, 1}, {0, 1}}) {
    ScriptedEndpoint endpoint([](const Request&) { return Answer::Of(200); });
    StoppedClock clock;
    config_.url = endpoint.Url();
    config_.connection_max_age = seconds(age);
    Sender client(config_, {"sink", "connect-sink"}, delivery::NullValues::kSend, clock);
    for (int i = 0; i <= 301; i += 7) {
      EXPECT_EQ(Http(Send(client).reply).status, 200);
      clock.now.monotonic += seconds(7);
    }
    EXPECT_EQ(endpoint.ConnectionCount(), connections) << age;
  }
}

TEST_F(EndpointClientConnection, IsNotReusedWhenTheEndpointIsAboutToCloseIt) {
  struct Case {
    std::string announced;
    milliseconds idle;
    int connections;
  };
  for (const Case& each : {
           Case{"timeout=5, max=100", milliseconds(3'999), 1},
           Case{"timeout=5, max=100", milliseconds(4'000), 2},
           Case{"timeout=120", milliseconds(49'999), 1},
           Case{"timeout=120", milliseconds(50'000), 2},
           Case{"timeout=soon", milliseconds(49'999), 1},
           Case{"timeout=2", milliseconds(0), 1},
           Case{"timeout=1", milliseconds(0), 2},
           Case{"timeout=0", milliseconds(0), 2},
       }) {
    ScriptedEndpoint endpoint([&](const Request&) {
      return Answer::Of(200, "", {{"Keep-Alive", each.announced}});
    });
    StoppedClock clock;
    config_.url = endpoint.Url();
    Sender client(config_, {"sink", "connect-sink"}, delivery::NullValues::kSend, clock);
    EXPECT_EQ(Http(Send(client).reply).status, 200);
    clock.now.monotonic += each.idle;
    EXPECT_EQ(Http(Send(client).reply).status, 200);
    EXPECT_EQ(endpoint.ConnectionCount(), each.connections) << each.announced;
  }
}

TEST_F(EndpointClientConnection, IsClosedAtItsOwnTimeoutBesideOneWithALongerTimeout) {
  const auto first_ended = std::make_shared<khs::testing::Gate>();
  ScriptedEndpoint endpoint([&](const Request& request) {
    if (request.connection == 1) return Answer::Of(200, "", {{"Keep-Alive", "timeout=31"}});
    return Answer::Of(200, "", {{"Keep-Alive", "timeout=6"}}).When(first_ended);
  });
  StoppedClock clock;
  config_.url = endpoint.Url();
  Sender client(config_, {"sink", "connect-sink"}, delivery::NullValues::kSend, clock);
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  std::vector<Sender::Ended> ended;
  for (const task::Endpoint::Slot slot : {0u, 1u}) client.Begin(slot, record_);
  for (const task::Endpoint::Slot slot : {0u, 1u}) {
    client.Wait(std::nullopt, ended);
    ASSERT_EQ(ended.size(), 1u);
    ASSERT_EQ(ended[0].slot, slot);
    first_ended->Open();
  }
  clock.now.monotonic += seconds(5);
  client.Wait(clock.now.monotonic, ended);
  EXPECT_TRUE(endpoint.WaitUntilOpen(1));
  clock.now.monotonic += seconds(25);
  client.Wait(clock.now.monotonic, ended);
  EXPECT_TRUE(endpoint.WaitUntilDisconnected());
}

}  // namespace
}  // namespace khs::http
