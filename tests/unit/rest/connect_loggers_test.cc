#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "unit/rest/connect_fixture.h"

namespace khs::rest {
namespace {

class ConnectLoggersTest : public ConnectTest {};

TEST_F(ConnectLoggersTest, AreListedWithTheirLevels) {
  EXPECT_THAT(Ask("GET", "/admin/loggers"),
              Answers(200, R"({"kafka":{"level":"INFO","last_modified":null},)"
                           R"("root":{"level":"INFO","last_modified":null},)"
                           R"("task":{"level":"WARN","last_modified":null}})"));
  EXPECT_THAT(Ask("GET", "/admin/loggers/task"),
              Answers(200, R"({"level":"WARN","last_modified":null})"));
  EXPECT_THAT(Ask("GET", "/admin/loggers/x"), Fails(404, "Logger x not found."));
}

TEST_F(ConnectLoggersTest, AreSet) {
  EXPECT_THAT(Ask("PUT", "/admin/loggers/kafka", R"({"level":"debug"})"),
              Answers(200, R"(["kafka"])"));
  EXPECT_THAT(Ask("GET", "/admin/loggers/kafka"),
              Answers(200, R"({"level":"DEBUG","last_modified":1700000000123})"));
  EXPECT_THAT(Ask("PUT", "/admin/loggers/root?scope=worker", R"({"level":"OFF"})"),
              Answers(200, R"(["kafka","root","task"])"));
  EXPECT_THAT(Ask("PUT", "/admin/loggers/task?scope=cluster", R"({"level":"TRACE"})"),
              Answers(204, ""));
  EXPECT_EQ(loggers_.at("task").level, base::LogLevel::kTrace);
  EXPECT_THAT(Ask("PUT", "/admin/loggers/task?scope=CLUSTER", R"({"level":"INFO"})"),
              Answers(204, ""));
  EXPECT_THAT(Ask("PUT", "/admin/loggers/x", R"({"level":"INFO"})"),
              Fails(404, "Logger x not found."));
}

TEST_F(ConnectLoggersTest, AcceptLog4jLevels) {
  for (const char* level : {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"}) {
    const std::string body = R"({"level":")" + std::string(level) + "\"}";
    EXPECT_EQ(Ask("PUT", "/admin/loggers/task", body).status, 200) << level;
    EXPECT_THAT(Ask("GET", "/admin/loggers/task").body, testing::HasSubstr(level));
  }
  EXPECT_THAT(Ask("PUT", "/admin/loggers/task", R"({"level":"LOUD"})"),
              Fails(400, "invalid log level 'LOUD'."));
  EXPECT_THAT(Ask("PUT", "/admin/loggers/task", R"({"level":""})"),
              Fails(400, "invalid log level ''."));
}

TEST_F(ConnectLoggersTest, NeedALevel) {
  const std::string message = "Desired 'level' parameter was not specified in request.";
  for (const char* body : {"{}", R"({"level":null})", R"({"x":{"level":"INFO"}})"}) {
    EXPECT_THAT(Ask("PUT", "/admin/loggers/task", body), Fails(400, message)) << body;
  }
  for (const char* body : {"", "null", "INFO", "{"}) {
    EXPECT_EQ(
        Ask("PUT", "/admin/loggers/task", body, {{"content-type", "application/json"}}).status, 400)
        << body;
  }
  EXPECT_EQ(loggers_.at("task").level, base::LogLevel::kWarn);
}

TEST_F(ConnectLoggersTest, AreThoseOfTheProcess) {
  const base::SystemClock clock;
  api_.loggers = ProcessLoggers(clock);
  EXPECT_EQ(Ask("GET", "/admin/loggers/reconcile").status, 200);
  EXPECT_THAT(Ask("PUT", "/admin/loggers/reconcile", R"({"level":"ERROR"})"),
              Answers(200, R"(["reconcile"])"));
  EXPECT_THAT(Ask("GET", "/admin/loggers/reconcile").body,
              testing::StartsWith(R"({"level":"ERROR","last_modified":1)"));
  base::ConfigureLog(base::LogLevel::kInfo, base::LogFormat::kLogfmt);
}

TEST(ProcessLoggers, CoverEveryRoomThatLogs) {
  std::set<std::string> rooms{"root"};
  const std::regex logger("Logger logger\\(\"([^\"]*)\"\\)");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(KHS_SRC_DIR)) {
    if (entry.path().extension() != ".cc") continue;
    std::ifstream file(entry.path());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    for (std::sregex_iterator found(text.begin(), text.end(), logger), end; found != end; ++found) {
      rooms.insert((*found)[1]);
    }
  }
  std::set<std::string> listed;
  const base::SystemClock clock;
  for (const base::LoggerState& state : ProcessLoggers(clock).list()) listed.insert(state.name);
  EXPECT_EQ(listed, rooms);
}

}  // namespace
}  // namespace khs::rest
