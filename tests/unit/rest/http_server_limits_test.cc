#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "rest/http_server.h"
#include "unit/rest/raw_client.h"

namespace khs::rest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kPost = "POST /a HTTP/1.1\r\nHost: h\r\n";

Response Size(const Request& request) {
  return {200, "text/plain", std::to_string(request.body.size()), {}};
}

HttpServer Serve(const Limits& limits, Handler handler = Size, Authorizer authorizer = {}) {
  return HttpServer("127.0.0.1", 0, std::move(handler), {limits, std::move(authorizer), {}});
}

// Blocks handlers until it is opened.
class Barrier {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  bool AwaitWaiting(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, seconds(20), [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

TEST(HttpServerLimits, AcceptsABodyOfAtMostOneMebibyte) {
  const HttpServer server = Serve({});
  const std::string most(1 << 20, 'x');
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kPost + "Content-Length: 1048576\r\n\r\n" + most));
  EXPECT_EQ(client.Read().body, "1048576");

  // The caller receives the response even if it sends its whole body first.
  RawClient announced(server.port());
  EXPECT_TRUE(announced.Send(kPost + "Content-Length: 1048577\r\n\r\n" + most + "x"));
  EXPECT_EQ(announced.Read().status, 413);
  RawClient chunked(server.port());
  EXPECT_TRUE(chunked.Send(kPost + "Transfer-Encoding: chunked\r\n\r\n100000\r\n" + most +
                           "\r\n1\r\nx\r\n" + most));
  const RawAnswer answer = chunked.Read();
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(answer.body.starts_with(R"({"error_code":413,"message":"HTTP 413 )")) << answer.body;
}

TEST(HttpServerLimits, LimitsHeadRequestLineAndFields) {
  const HttpServer server = Serve({});
  for (const size_t length : {9'000u, 20'000u}) {
    const std::string line = "GET /" + std::string(length, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(AskOnce(server.port(), line).status, 414) << length;
  }
  EXPECT_EQ(AskOnce(server.port(), "GET / HTTP/1.1\r\nX: " + std::string(65 << 10, 'a')).status,
            431);
  std::string long_fields;
  for (int i = 0; i < 20; ++i) long_fields += "X: " + std::string(4000, 'a') + "\r\n";
  EXPECT_EQ(AskOnce(server.port(), "GET / HTTP/1.1\r\n" + long_fields + "\r\n").status, 431);
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "X: 1\r\n";
  EXPECT_EQ(AskOnce(server.port(), "GET / HTTP/1.1\r\n" + fields + "\r\n").status, 431);
}

// Each single wait is short.
TEST(HttpServerLimits, TimesOutATricklingRequest) {
  Limits limits;
  limits.request_time = milliseconds(300);
  const HttpServer server = Serve(limits);
  for (const std::string& beginning :
       {std::string("GET /"), kPost + "X: ", kPost + "Content-Length: 10000\r\n\r\n",
        kPost + "Transfer-Encoding: chunked\r\n\r\n2710\r\n"}) {
    RawClient client(server.port());
    ASSERT_TRUE(client.Send(beginning));
    int sent = 0;
    while (sent < 1000 && !client.WaitForInput(milliseconds(20))) {
      ASSERT_TRUE(client.Send("a"));
      ++sent;
    }
    EXPECT_EQ(client.Read().status, 408) << beginning;
    EXPECT_GT(sent, 2);
    EXPECT_LT(sent, 100);
  }
}

TEST(HttpServerLimits, TimesOutAnIncompleteRequest) {
  Limits limits;
  limits.request_time = milliseconds(100);
  const HttpServer server = Serve(limits);
  EXPECT_EQ(AskOnce(server.port(), "GET / HT").status, 408);
  EXPECT_EQ(AskOnce(server.port(), kPost + "Content-Length: 5\r\n\r\nabc").status, 408);
  const RawAnswer answer =
      AskOnce(server.port(), kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nabc");
  EXPECT_EQ(answer.status, 408);
  EXPECT_TRUE(answer.Has("\r\nConnection: close\r\n"));
  // Also if idle connections may stay for longer.
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet + "GET / HT"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.Read().status, 408);
}

TEST(HttpServerLimits, TimesOutIdleConnections) {
  Limits limits;
  limits.request_time = milliseconds(100);
  limits.idle_time = milliseconds(200);
  const HttpServer server = Serve(limits);
  RawClient silent(server.port());
  EXPECT_EQ(silent.ReadToEnd(), "");
  RawClient once(server.port());
  ASSERT_TRUE(once.Send(kGet));
  EXPECT_EQ(once.Read().status, 200);
  EXPECT_EQ(once.ReadToEnd(), "");
}

TEST(HttpServerLimits, TimesOutACallerThatDoesNotReadTheResponse) {
  Limits limits;
  limits.response_time = milliseconds(200);
  limits.held_bytes = size_t{1} << 30;
  const HttpServer server = Serve(limits, [](const Request&) {
    return Response{200, "text/plain", std::string(64 << 20, 'x'), {}};
  });
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  // Only what the kernel buffered arrives. The test reads nothing until its writes fail, which
  // shows that the server has closed the connection.
  while (client.Send("x")) std::this_thread::yield();
  EXPECT_LT(client.ReadToEnd().size(), size_t{64} << 20);
}

TEST(HttpServerLimits, EvictsTheLongestWaitingConnection) {
  Limits limits;
  limits.connections = 3;
  Barrier barrier;
  const HttpServer server = Serve(limits, [&](const Request& request) {
    if (request.path == "/slow") barrier.Wait();
    return Size(request);
  });
  RawClient served(server.port());
  ASSERT_TRUE(served.Send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(barrier.AwaitWaiting(1));
  RawClient first(server.port());
  RawClient second(server.port());
  ASSERT_TRUE(second.Send(kGet));
  EXPECT_EQ(second.Read().status, 200);
  RawClient third(server.port());
  ASSERT_TRUE(third.Send(kGet));
  EXPECT_EQ(third.Read().status, 200);
  EXPECT_EQ(first.ReadToEnd(), "");
  // A caller that waits for the server is never evicted.
  RawClient fourth(server.port());
  EXPECT_EQ(second.ReadToEnd(), "");
  barrier.Open();
  EXPECT_EQ(served.Read().status, 200);
}

TEST(HttpServerLimits, LimitsTheBytesThatItHolds) {
  Limits limits;
  limits.held_bytes = 3u << 20;
  const HttpServer server = Serve(limits);
  RawClient modest(server.port());
  ASSERT_TRUE(modest.Send(kGet));
  EXPECT_EQ(modest.Read().status, 200);
  const std::string part(900'000, 'x');
  std::vector<RawClient> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back(server.port());
    (void)callers.back().Send(kPost + "Content-Length: 1000000\r\n\r\n" + part);
  }
  // The oldest caller is evicted; one that holds nothing stays, although it waits longer.
  EXPECT_EQ(callers.front().ReadToEnd(), "");
  ASSERT_TRUE(modest.Send(kGet));
  EXPECT_EQ(modest.Read().status, 200);
}

TEST(HttpServerLimits, ServesOthersWhileAHandlerRuns) {
  Barrier barrier;
  const HttpServer server = Serve({}, [&](const Request& request) {
    if (request.path == "/slow") barrier.Wait();
    return Size(request);
  });
  std::vector<RawClient> slow;
  for (int i = 0; i < 4; ++i) {
    slow.emplace_back(server.port());
    ASSERT_TRUE(slow.back().Send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"));
  }
  ASSERT_TRUE(barrier.AwaitWaiting(4));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_EQ(client.Read().status, 200);
  barrier.Open();
  for (RawClient& each : slow) EXPECT_EQ(each.Read().status, 200);
}

TEST(HttpServerLimits, SendsPendingResponsesBeforeItStops) {
  Barrier barrier;
  std::optional<HttpServer> server(std::in_place, "127.0.0.1", 0, [&](const Request& request) {
    barrier.Wait();
    return Size(request);
  });
  RawClient idle(server->port());
  RawClient served(server->port());
  ASSERT_TRUE(served.Send(kGet));
  ASSERT_TRUE(barrier.AwaitWaiting(1));
  std::jthread end([&] { server.reset(); });
  EXPECT_EQ(idle.ReadToEnd(), "");
  barrier.Open();
  const RawAnswer answer = served.Read();
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.Has("\r\nConnection: close\r\n"));
  EXPECT_EQ(served.ReadToEnd(), "");
}

TEST(HttpServerAuthorizer, RejectsBeforeTheBodyIsRead) {
  const Authorizer authorizer = [](const Request& request,
                                   base::MonotonicTime) -> std::optional<Response> {
    EXPECT_TRUE(request.from_loopback);
    if (request.headers.contains("authorization")) return std::nullopt;
    return Response{401, "application/json", "{}", {{"WWW-Authenticate", "Bearer"}}};
  };
  const HttpServer server = Serve(
      {},
      [](const Request& request) {
        EXPECT_FALSE(request.headers.contains("authorization"));
        return Size(request);
      },
      authorizer);
  const RawAnswer refused =
      AskOnce(server.port(), kPost + "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(refused.status, 401);
  EXPECT_TRUE(refused.Has("\r\nWWW-Authenticate: Bearer\r\n"));
  EXPECT_TRUE(refused.Has("\r\nConnection: close\r\n"));
  // Without a body the connection is kept, as clients expect that send credentials after a 401.
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet + "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 401);
  EXPECT_EQ(client.Read().status, 200);
  ASSERT_TRUE(client.Send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(client.Read(true).status, 401);
}

TEST(HttpServerLimits, ReportsEveryResponseAlsoRejections) {
  std::mutex mutex;
  std::vector<std::string> told;
  HttpServer::Options options;
  options.limits.body_bytes = 1;
  options.authorizer = [](const Request& head, base::MonotonicTime) -> std::optional<Response> {
    if (head.path != "/closed") return std::nullopt;
    return Response{401, "text/plain", "", {}};
  };
  options.on_response = [&](const std::string& method, int status) {
    const std::lock_guard lock(mutex);
    told.push_back(method + ' ' + std::to_string(status));
  };
  const HttpServer server("127.0.0.1", 0, Size, std::move(options));
  for (const std::string& request :
       {kGet, std::string("GET /closed HTTP/1.1\r\nHost: h\r\n\r\n"),
        kPost + "Content-Length: 2\r\n\r\n", std::string("what is this\r\n\r\n")}) {
    RawClient client(server.port());
    client.Send(request);
    EXPECT_GT(client.Read().status, 0);
  }
  const std::lock_guard lock(mutex);
  EXPECT_EQ(told, (std::vector<std::string>{"GET 200", "GET 401", " 413", " 400"}));
}

TEST(HttpServerLimits, SendsOneLargeResponseCompletely) {
  Limits limits;
  limits.held_bytes = 1u << 20;
  const std::string large(32u << 20, 'x');
  const HttpServer server = Serve(limits, [&](const Request&) {
    return Response{200, "text/plain", large, {}};
  });
  RawClient modest(server.port());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  // Larger than the socket's buffers, so that the server holds it.
  ASSERT_TRUE(client.WaitForInput(seconds(20)));
  RawClient other(server.port());
  ASSERT_TRUE(other.Send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(other.Read(true).status, 200);
  EXPECT_EQ(client.Read().body.size(), large.size());
}

}  // namespace
}  // namespace khs::rest
