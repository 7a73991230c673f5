#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace khs::base {
namespace {

TEST(LogLine, IsLogfmtWithQuotesOnlyWhereNeeded) {
  EXPECT_EQ(
      RenderLogLine(LogFormat::kLogfmt, LogLevel::kWarn, "task", "record dropped",
                    {{"topic", "orders"}, {"offset", 7}, {"last", true}, {"answer", "HTTP 500"}}),
      R"(level=warn logger=task msg="record dropped" topic=orders offset=7 last=true answer="HTTP 500")");
}

TEST(LogLine, IsJsonWithNumbersAsNumbers) {
  EXPECT_EQ(
      RenderLogLine(LogFormat::kJson, LogLevel::kInfo, "app", "started",
                    {{"port", 8083}, {"tls", false}, {"host", "::1"}}),
      R"("level":"info","logger":"app","msg":"started","port":8083,"tls":false,"host":"::1")");
}

TEST(LogLine, IsOneLineForAnyValue) {
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string line = RenderLogLine(format, LogLevel::kError, "x", "m",
                                           {{"evil", "a\nlevel=info \"b\"\r\t\\ \x01\x7f"}});
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(line.find('\r'), std::string::npos);
    EXPECT_NE(line.find(R"("a\nlevel=info \"b\"\r\t\\ \u0001\u007f")"), std::string::npos) << line;
  }
}

TEST(LogLine, QuotesAnEmptyValue) {
  EXPECT_EQ(RenderLogLine(LogFormat::kLogfmt, LogLevel::kInfo, "x", "m", {{"key", ""}}),
            R"(level=info logger=x msg=m key="")");
}

TEST(LogLine, IsUtf8ForAnyBytes) {
  const std::string bytes("a\xff\xc3\0\xc3\xa9", 6);
  EXPECT_EQ(RenderLogLine(LogFormat::kJson, LogLevel::kInfo, "x", "m", {{"v", bytes}}),
            "\"level\":\"info\",\"logger\":\"x\",\"msg\":\"m\","
            "\"v\":\"a\xef\xbf\xbd\xef\xbf\xbd\\u0000\xc3\xa9\"");
  EXPECT_EQ(RenderLogLine(LogFormat::kLogfmt, LogLevel::kInfo, "x", "m", {{"v", "\xff"}}),
            "level=info logger=x msg=m v=\"\xef\xbf\xbd\"");
}

TEST(LogLine, EscapesTerminalControls) {
  const std::string c1 = "\xc2\x9b\x32J", separators = "\xe2\x80\xa8\xe2\x80\xa9\xc2\x85";
  for (const LogFormat format : {LogFormat::kLogfmt, LogFormat::kJson}) {
    const std::string line =
        RenderLogLine(format, LogLevel::kInfo, "x", "m",
                      {{"a", "\x1b[31m"}, {"b", c1}, {"c", separators}, {"d", "\xe2\x80\xae"}});
    for (const char* escaped :
         {R"("\u001b[31m")", R"("\u009b2J")", R"("\u2028\u2029\u0085")", R"("\u202e")"}) {
      EXPECT_NE(line.find(escaped), std::string::npos) << line;
    }
  }
}

TEST(LogLine, OmitsAbsentFields) {
  EXPECT_EQ(RenderLogLine(LogFormat::kLogfmt, LogLevel::kInfo, "x", "m",
                          {{"status", std::optional<int>(503)},
                           {"attempt", std::optional<int>()},
                           {"error", std::optional<std::string>()}}),
            "level=info logger=x msg=m status=503");
}

TEST(LogLine, WritesNonFiniteNumbersAsText) {
  EXPECT_EQ(RenderLogLine(LogFormat::kJson, LogLevel::kInfo, "x", "m",
                          {{"a", 0.5}, {"b", std::numeric_limits<double>::infinity()}}),
            R"("level":"info","logger":"x","msg":"m","a":0.5,"b":"inf")");
}

TEST(LogLine, ReportsSuppressedLines) {
  EXPECT_EQ(RenderLogLine(LogFormat::kJson, LogLevel::kInfo, "x", "m", {{"a", 1}}, 7),
            R"("level":"info","logger":"x","msg":"m","a":1,"suppressed":7)");
}

LogLevel LevelOf(const std::string& name) {
  for (const LoggerState& state : Loggers()) {
    if (state.name == name) return state.level;
  }
  ADD_FAILURE() << "no logger " << name;
  return LogLevel::kOff;
}

// Restores the settings for other tests of this binary.
class LogLevelsTest : public testing::Test {
 protected:
  ~LogLevelsTest() override { ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt); }

  const WallTime now_{std::chrono::seconds(1'700'000'000)};
  const Logger a_{"levels-a"};
  const Logger b_{"levels-b"};
};

TEST_F(LogLevelsTest, AreSetForOneLogger) {
  ConfigureLog(LogLevel::kWarn, LogFormat::kLogfmt);
  EXPECT_EQ(SetLogLevel("levels-a", LogLevel::kTrace, now_), std::vector<std::string>{"levels-a"});
  EXPECT_EQ(LevelOf("levels-a"), LogLevel::kTrace);
  EXPECT_EQ(LevelOf("levels-b"), LogLevel::kWarn);
  EXPECT_EQ(LevelOf("root"), LogLevel::kWarn);
}

TEST_F(LogLevelsTest, AreSetForAllAndFutureLoggersByTheRoot) {
  const auto names = SetLogLevel(kRootLogger, LogLevel::kError, now_);
  EXPECT_GE(names.size(), 3u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(LevelOf("levels-a"), LogLevel::kError);
  const Logger later("levels-later");
  EXPECT_EQ(LevelOf("levels-later"), LogLevel::kError);
}

TEST_F(LogLevelsTest, DecideWhichLinesAreWritten) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt);
  testing::internal::CaptureStderr();
  a_.Debug("left out");
  SetLogLevel("levels-a", LogLevel::kDebug, now_);
  a_.Debug("written");
  b_.Debug("left out");
  SetLogLevel("levels-a", LogLevel::kOff, now_);
  a_.Fatal("left out");
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_EQ(lines.find("left out"), std::string::npos) << lines;
  EXPECT_NE(lines.find("Z level=debug logger=levels-a msg=written\n"), std::string::npos) << lines;
}

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(LogLevelsTest, LimitRepeatsExceptAtDebugLevel) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt);
  const auto lines = [this](const char* message, const auto& log) {
    testing::internal::CaptureStderr();
    for (int i = 0; i < 50; ++i) log(message);
    return Count(testing::internal::GetCapturedStderr(), message);
  };
  const auto storm = [this](const char* message) { a_.Warn(message, {{"connector", "c"}}); };
  EXPECT_EQ(lines("storm", storm), 10u);
  EXPECT_EQ(lines("storm",
                  [this](const char* message) {
                    a_.Warn(message, {{"connector", "d"}});
                  }),
            10u);
  EXPECT_EQ(lines("dropped",
                  [this](const char* message) {
                    a_.LogEach(LogLevel::kWarn, message, {{"connector", "c"}});
                  }),
            50u);
  SetLogLevel("levels-a", LogLevel::kDebug, now_);
  EXPECT_EQ(lines("storm", storm), 50u);
}

TEST_F(LogLevelsTest, ReportSuppressedLinesAtTheEnd) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt);
  testing::internal::CaptureStderr();
  {
    const SuppressionReporter reporter;
    for (int i = 0; i < 15; ++i) b_.Error("burst", {{"connector", "c"}, {"facility", "FAIL"}});
  }
  const std::string lines = testing::internal::GetCapturedStderr();
  EXPECT_EQ(Count(lines, "msg=burst"), 10u) << lines;
  EXPECT_EQ(Count(lines,
                  "level=error logger=levels-b msg=\"repeated lines suppressed\" event=burst"
                  " connector=c facility=FAIL suppressed=5\n"),
            1u)
      << lines;
}

TEST_F(LogLevelsTest, AccountForEveryLineOfManyThreads) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt);
  constexpr size_t kThreads = 4, kLines = 1000;
  testing::internal::CaptureStderr();
  {
    const SuppressionReporter reporter;
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([this] {
        for (size_t line = 0; line < kLines; ++line) a_.Info("crowd", {{"connector", "c"}});
      });
    }
  }
  const std::string lines = testing::internal::GetCapturedStderr();
  size_t accounted = Count(lines, "msg=crowd");
  const std::regex suppressed("crowd\"? connector=c suppressed=([0-9]+)");
  for (std::sregex_iterator found(lines.begin(), lines.end(), suppressed), end; found != end;
       ++found) {
    accounted += std::stoul((*found)[1]);
  }
  EXPECT_EQ(accounted, kThreads * kLines) << lines;
}

TEST_F(LogLevelsTest, RememberWhenTheyWereChanged) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kLogfmt);
  SetLogLevel("levels-b", LogLevel::kDebug, now_);
  for (const LoggerState& state : Loggers()) {
    EXPECT_EQ(state.changed.has_value(), state.name == "levels-b") << state.name;
  }
}

TEST_F(LogLevelsTest, AreNotSetForAnUnknownLogger) {
  EXPECT_TRUE(SetLogLevel("nobody", LogLevel::kDebug, now_).empty());
}

}  // namespace
}  // namespace khs::base
