#include "rest/connect_router.h"

#include <gmock/gmock.h>

#include <string>

#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

using ::testing::HasSubstr;

class ConnectRouterTest : public ConnectTest {};

TEST_F(ConnectRouterTest, AnswersUnknownPathsWithKafkaConnectsErrorBody) {
  Add("a");
  for (const char* path : {"/x",
                           "//",
                           "/connectors//",
                           "//connectors",
                           "/connectors//status",
                           "/connectors/a//status",
                           "/connectors/a/status/x",
                           "/connectors/a/tasks-config",
                           "/connectors/a/tasks/0",
                           "/connectors/a/topics/reset/x",
                           "/Connectors",
                           "/connectors/a/tasks//status",
                           "/%63onnectors",
                           "/connector-plugins/HttpSink",
                           "/admin",
                           "/-",
                           "/-/",
                           "",
                           "*",
                           "connectors",
                           "/metrics",
                           "/connectors/a/b/status"}) {
    EXPECT_THAT(Ask("GET", path), Fails(404, "HTTP 404 Not Found")) << path;
    EXPECT_THAT(Ask("OPTIONS", path), Fails(404, "HTTP 404 Not Found")) << path;
  }
}

TEST_F(ConnectRouterTest, IgnoresATrailingSlash) {
  Add("a");
  for (const char* path : {"/connectors/", "/connectors/a/", "/connectors/a/status/",
                           "/connector-plugins/", "/admin/loggers/", "/health/"}) {
    EXPECT_EQ(Ask("GET", path).status, 200) << path;
  }
  EXPECT_EQ(Ask("GET", "/connectors/").body, Ask("GET", "/connectors").body);
}

TEST_F(ConnectRouterTest, AcceptsAnAbsoluteUrlAsTarget) {
  EXPECT_THAT(Ask("GET", "http://h:1/connectors"), Answers(200, "[]"));
  EXPECT_EQ(Ask("GET", "http://h:1").status, 200);
  EXPECT_EQ(Ask("GET", "HTTPS://h:1/health").status, 200);
}

TEST_F(ConnectRouterTest, DecodesNamesAfterSplittingThePath) {
  const struct {
    const char* path;
    std::string name;
  } cases[] = {
      {"/connectors/a%2Fb", "a/b"},   {"/connectors/a%2fstatus", "a/status"},
      {"/connectors/a+b", "a+b"},     {"/connectors/a%20b", "a b"},
      {"/connectors/a%2Bb", "a+b"},   {"/connectors/..", ".."},
      {"/connectors/%2E%2e", ".."},   {"/connectors/%F0%9F%98%80", "\xF0\x9F\x98\x80"},
      {"/connectors/a;b=c", "a;b=c"}, {"/connectors/%25zz", "%zz"},
      {"/connectors/%7B%7D", "{}"},   {"/connectors/{connector}", "{connector}"},
      {"/connectors/a%3Fb", "a?b"},   {"/connectors/%20", " "},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(Ask("GET", one.path).status, 404) << one.path;
    Add(one.name);
    EXPECT_EQ(Ask("GET", one.path).status, 200) << one.path;
    EXPECT_EQ(Ask("GET", one.path + std::string("/status")).status, 200) << one.path;
    worker_.connectors.clear();
  }
}

TEST_F(ConnectRouterTest, RejectsInvalidEscapes) {
  for (const char* path :
       {"/connectors/%zz", "/connectors/%", "/connectors/%4", "/connectors/a%", "/connectors/%FF",
        "/connectors/%C0%AF", "/connectors/%ED%A0%80", "/connectors/%+1"}) {
    EXPECT_THAT(Ask("GET", path), Fails(400, "HTTP 400 Bad Request")) << path;
  }
}

TEST_F(ConnectRouterTest, AnswersValidJsonForAnyName) {
  EXPECT_THAT(Ask("GET", "/connectors/%00"), Fails(404, "Connector \\u0000 not found"));
  EXPECT_THAT(Ask("GET", "/connectors/%22%5C%0a"), Fails(404, "Connector \\\"\\\\\\n not found"));
  const std::string name(60'000, 'x');
  EXPECT_THAT(Ask("GET", "/connectors/" + name), Fails(404, "Connector " + name + " not found"));
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "/a";
  EXPECT_EQ(Ask("GET", deep).status, 404);
  EXPECT_EQ(Ask("GET", "/connectors/" + std::string(10'000, '%')).status, 400);
}

TEST_F(ConnectRouterTest, ListsTheAllowedMethodsOfAPath) {
  const struct {
    const char* path;
    const char* allowed;
  } cases[] = {
      {"/", "GET, HEAD, OPTIONS"},
      {"/connectors", "GET, HEAD, OPTIONS, POST"},
      {"/connectors/a", "DELETE, GET, HEAD, OPTIONS, PUT"},
      {"/connectors/a/config", "GET, HEAD, OPTIONS, PATCH, PUT"},
      {"/connectors/a/offsets/", "DELETE, GET, HEAD, OPTIONS, PATCH"},
      {"/connectors/a/pause", "GET, OPTIONS, PUT"},
      {"/connectors/a/stop", "OPTIONS, PUT"},
      {"/-/drain", "OPTIONS, POST"},
  };
  for (const auto& one : cases) {
    const Response refused = Ask("BREW", one.path);
    EXPECT_THAT(refused, Fails(405, "HTTP 405 Method Not Allowed")) << one.path;
    EXPECT_EQ(refused.headers.at("Allow"), one.allowed);
    const Response options = Ask("OPTIONS", one.path, {}, {{"content-type", "*/*"}});
    EXPECT_EQ(options.status, 200);
    EXPECT_EQ(options.content_type, "text/plain");
    EXPECT_EQ(options.body, one.allowed);
    EXPECT_EQ(options.headers.at("Allow"), one.allowed);
  }
  EXPECT_EQ(Ask("get", "/connectors").status, 405);
}

TEST_F(ConnectRouterTest, AnswersHeadLikeGetWithoutSideEffects) {
  Add("a");
  EXPECT_EQ(Ask("HEAD", "/connectors/a").status, 200);
  EXPECT_EQ(Ask("HEAD", "/connectors/b").status, 404);
  EXPECT_EQ(Ask("HEAD", "/connectors").body, Ask("GET", "/connectors").body);
  EXPECT_EQ(Ask("HEAD", "/connectors/a/pause").status, 405);
  EXPECT_EQ(worker_.connectors["a"].target, connect::TargetState::kStarted);
}

TEST_F(ConnectRouterTest, AcceptsOnlyJsonBodies) {
  Add("a");
  const std::string message = "HTTP 415 Unsupported Media Type: send application/json";
  EXPECT_THAT(Ask("POST", "/connectors", "{}", {{"content-type", "text/plain"}}),
              Fails(415, message));
  EXPECT_THAT(Ask("POST", "/connectors", "{}", {{"content-type", ""}}), Fails(415, message));
  EXPECT_THAT(Ask("PUT", "/connectors/a/pause", "",
                  {{"content-type", "application/x-www-form-urlencoded"}}),
              Fails(415, message));
  EXPECT_THAT(Ask("DELETE", "/connectors/a", "", {{"content-type", "text/plain"}}),
              Fails(415, message));
  EXPECT_THAT(Ask("PUT", "/connectors/a/pause", "", {{"content-type", "application/jsonx"}}),
              Fails(415, message));
  EXPECT_EQ(worker_.connectors["a"].target, connect::TargetState::kStarted);

  EXPECT_EQ(Ask("PUT", "/connectors/a/pause").status, 202);
  EXPECT_EQ(Ask("PUT", "/connectors/a/pause", "{}").status, 202);
  EXPECT_EQ(Ask("PUT", "/connectors/a/pause", "not json").status, 202);
  EXPECT_EQ(
      Ask("PUT", "/connectors/a/pause", "", {{"content-type", " Application/JSON ; charset=utf-8"}})
          .status,
      202);
  EXPECT_EQ(Ask("GET", "/connectors", "", {{"content-type", "text/plain"}}).status, 200);
}

TEST_F(ConnectRouterTest, ListsTheSupportedFormats) {
  Add("a");
  const Response type = Ask("PUT", "/connectors/a/config", "{}", {{"content-type", "text/plain"}});
  EXPECT_EQ(type.headers.at("Accept"), "application/json");
  const std::string message =
      "HTTP 415 Unsupported Media Type: send the body as it is, without Content-Encoding";
  for (const char* coding : {"gzip", "identity, gzip", "GZIP", "br", "identity;q=1"}) {
    for (const char* method : {"PUT", "PATCH"}) {
      const Response response =
          Ask(method, "/connectors/a/config", "{}", {{"content-encoding", coding}});
      EXPECT_THAT(response, Fails(415, message)) << coding;
      EXPECT_EQ(response.headers.at("Accept-Encoding"), "identity");
    }
  }
  for (const char* coding : {"", "identity", " Identity "}) {
    EXPECT_EQ(Ask("PUT", "/connectors/a/pause", "{}", {{"content-encoding", coding}}).status, 202);
  }
  EXPECT_EQ(Ask("GET", "/connectors", "", {{"content-encoding", "gzip"}}).status, 200);
}

TEST_F(ConnectRouterTest, AnswersInJsonOnly) {
  const struct {
    const char* accept;
    int status;
  } cases[] = {
      {"", 200},
      {"*/*", 200},
      {"application/json", 200},
      {"APPLICATION/*", 200},
      {"text/html, application/json;q=0.9", 200},
      {"text/html,*/*;q=0.1", 200},
      {"text/html", 406},
      {"application/xml, text/*", 406},
      {"application/json;q=0", 406},
      {"*/*; q=0.000", 406},
      {",,;;", 406},
  };
  for (const auto& one : cases) {
    const Response response = Ask("GET", "/connectors", "", {{"accept", one.accept}});
    EXPECT_EQ(response.status, one.status) << one.accept;
    EXPECT_EQ(response.content_type, "application/json");
  }
  EXPECT_THAT(Ask("GET", "/", "", {{"accept", "text/html"}}),
              Fails(406, "HTTP 406 Not Acceptable"));
}

TEST_F(ConnectRouterTest, ChecksPathThenMethodThenContentTypeThenAccept) {
  const Headers bad = {{"content-type", "text/plain"}, {"accept", "text/html"}};
  EXPECT_EQ(Ask("POST", "/x", "x", bad).status, 404);
  EXPECT_EQ(Ask("POST", "/health", "x", bad).status, 405);
  EXPECT_EQ(Ask("POST", "/connectors", "x", bad).status, 415);
  EXPECT_EQ(Ask("POST", "/connectors", "x", {{"accept", "text/html"}}).status, 406);
}

TEST_F(ConnectRouterTest, SurvivesOddQueries) {
  Add("a");
  for (const char* query :
       {"?", "?&&&", "?=", "?expand", "?expand=", "?%zz=%zz", "?a=b=c", "?expand=%00",
        "?forward=true", "??expand=status", "?connectorsOnly=%ff"}) {
    EXPECT_EQ(Ask("GET", std::string("/connectors") + query).status, 200) << query;
    EXPECT_EQ(Ask("GET", std::string("/connector-plugins") + query).status, 200) << query;
  }
  EXPECT_EQ(Ask("GET", "/connectors?" + std::string(50'000, '&')).status, 200);
}

TEST_F(ConnectRouterTest, AnswersAnExceptionAsJson) {
  api_.loggers.list = []() -> std::vector<base::LoggerState> {
    throw std::runtime_error("secret");
  };
  EXPECT_THAT(Ask("GET", "/admin/loggers"), Fails(500, "HTTP 500 Internal Server Error"));
}

TEST_F(ConnectRouterTest, ShowsItsVersionsAndTheCluster) {
  EXPECT_THAT(
      Ask("GET", "/"),
      Answers(200, R"({"version":"3.9.0","commit":"0.1.0-abc","kafka_cluster_id":"cluster-1"})"));
  worker_.cluster.clear();
  EXPECT_THAT(Ask("GET", "/").body, HasSubstr(R"("kafka_cluster_id":null})"));
}

TEST_F(ConnectRouterTest, ShowsItsHealth) {
  EXPECT_THAT(Ask("GET", "/health"),
              Answers(200, R"({"status":"healthy","message":"Worker has completed startup and is )"
                           R"(ready to handle requests."})"));
  worker_.broker_answers = false;
  const Response unhealthy = Ask("GET", "/health");
  EXPECT_EQ(unhealthy.status, 500);
  EXPECT_THAT(unhealthy.body, HasSubstr(R"({"status":"unhealthy","message":"Worker was unable to )"
                                        "handle this request and may be unable to handle other "
                                        "requests. "));
  worker_.started = false;
  const Response starting = Ask("GET", "/health");
  EXPECT_EQ(starting.status, 503);
  EXPECT_THAT(starting.body,
              HasSubstr(R"({"status":"starting","message":"Worker is still starting up. )"));
}

TEST_F(ConnectRouterTest, ReloadsAndDrainsForLocalCallersOnly) {
  EXPECT_THAT(Ask("POST", "/-/reload"), Answers(200, R"({"problems":[]})"));
  worker_.reload_problems = {"a.toml:1:1: error: x: Unknown key"};
  EXPECT_THAT(Ask("POST", "/-/reload"),
              Answers(200, R"({"problems":["a.toml:1:1: error: x: Unknown key"]})"));
  EXPECT_THAT(Ask("POST", "/-/drain"), Answers(200, R"({"drained":true})"));
  worker_.drained = false;
  EXPECT_THAT(Ask("POST", "/-/drain", "x=1", {{"content-type", "text/plain"}}),
              Answers(200, R"({"drained":false})"));
  EXPECT_THAT(worker_.calls, testing::ElementsAre("reload", "reload", "drain", "drain"));

  EXPECT_THAT(Send("POST", "/-/drain", "", {}, false),
              Fails(403, "this call is allowed only from this machine"));
  EXPECT_THAT(Send("POST", "/-/reload", "", {}, false),
              Fails(403, "this call is allowed only from this machine"));
  EXPECT_EQ(Ask("GET", "/-/drain").status, 405);
  EXPECT_EQ(worker_.calls.size(), 4u);
}

}  // namespace
}  // namespace khs::rest
