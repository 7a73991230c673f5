#include "kafka/client_log.h"

#include <gmock/gmock.h>
#include <syslog.h>

#include <string>

namespace khs::kafka {
namespace {

using ::testing::HasSubstr;

std::string Logged(const ClientLogContext* log_context, int level, const char* text) {
  base::ConfigureLog(base::LogLevel::kTrace, base::LogFormat::kLogfmt);
  testing::internal::CaptureStderr();
  LogLine(log_context, LogLevelFromSyslog(level), "FAIL", text);
  const std::string lines = testing::internal::GetCapturedStderr();
  base::ConfigureLog(base::LogLevel::kInfo, base::LogFormat::kLogfmt);
  return lines;
}

TEST(ClientLog, MapsSyslogLevels) {
  for (const auto& [level, ours] :
       {std::pair(LOG_EMERG, "fatal"), std::pair(LOG_CRIT, "fatal"), std::pair(LOG_ERR, "error"),
        std::pair(LOG_WARNING, "warn"), std::pair(LOG_NOTICE, "info"), std::pair(LOG_INFO, "info"),
        std::pair(LOG_DEBUG, "debug")}) {
    EXPECT_THAT(Logged(nullptr, level, "x"),
                HasSubstr(std::string("level=") + ours + " logger=kafka"));
  }
}

TEST(ClientLog, NamesTheOwnerIfThereIsOne) {
  const ClientLogContext log_context({"orders", 3}, {});
  EXPECT_THAT(Logged(&log_context, LOG_ERR, "it\xff failed"),
              HasSubstr("msg=librdkafka connector=orders task=3 facility=FAIL "
                        "text=\"it\xef\xbf\xbd failed\"\n"));
  const ClientLogContext without_task({"orders", {}}, {});
  EXPECT_THAT(Logged(&without_task, LOG_ERR, "x"), HasSubstr(" connector=orders facility=FAIL "));
  EXPECT_THAT(Logged(nullptr, LOG_ERR, "x"), HasSubstr("msg=librdkafka facility=FAIL text=x"));
}

TEST(ClientLog, RedactsSecrets) {
  const ClientLogContext log_context({},
                                     {{"client.rack", base::Secret::FromReference("canary-rack")}});
  EXPECT_THAT(Logged(&log_context, LOG_ERR, "in canary-rack"), HasSubstr("text=\"in [hidden]\"\n"));
}

}  // namespace
}  // namespace khs::kafka
