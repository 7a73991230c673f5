#include "base/log.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace khs::base
