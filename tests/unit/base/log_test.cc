#include "base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
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

TEST(LogLine, StaysOneLineWhateverAValueHolds) {
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

LogLevel LevelOf(const std::string& name) {
  for (const LoggerState& state : Loggers()) {
    if (state.name == name) return state.level;
  }
  ADD_FAILURE() << "no logger " << name;
  return LogLevel::kOff;
}

// Puts back what other tests of this binary may rely on.
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

TEST_F(LogLevelsTest, AreSetForAllByTheRootAndForThoseToCome) {
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
