#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace spdlog {
class logger;
}

namespace khs::base {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kFatal, kOff };
enum class LogFormat { kLogfmt, kJson };

// One key=value of a log line. Holds a copy of the value, so temporaries are fine.
struct LogField {
  LogField(std::string_view key_in, std::string_view text) : key(key_in), value(text) {}
  LogField(std::string_view key_in, const std::string& text) : key(key_in), value(text) {}
  LogField(std::string_view key_in, const char* text) : key(key_in), value(text) {}
  LogField(std::string_view key_in, bool truth)
      : key(key_in), value(truth ? "true" : "false"), quoted(false) {}
  template <std::integral T>
  LogField(std::string_view key_in, T number)
      : key(key_in), value(std::to_string(number)), quoted(false) {}
  LogField(std::string_view key_in, double number);

  std::string_view key;
  std::string value;
  bool quoted = true;  // a JSON string rather than a number or boolean
};

using LogFields = std::initializer_list<LogField>;

// A named logger, one a room. Lines go to stderr, one write each, in the format that ConfigureLog
// set: a constant message, then fields. Any thread.
class Logger {
 public:
  explicit Logger(const std::string& name);

  void Log(LogLevel level, std::string_view message, LogFields fields = {}) const;
  void Trace(std::string_view message, LogFields fields = {}) const {
    Log(LogLevel::kTrace, message, fields);
  }
  void Debug(std::string_view message, LogFields fields = {}) const {
    Log(LogLevel::kDebug, message, fields);
  }
  void Info(std::string_view message, LogFields fields = {}) const {
    Log(LogLevel::kInfo, message, fields);
  }
  void Warn(std::string_view message, LogFields fields = {}) const {
    Log(LogLevel::kWarn, message, fields);
  }
  void Error(std::string_view message, LogFields fields = {}) const {
    Log(LogLevel::kError, message, fields);
  }
  void Fatal(std::string_view message, LogFields fields = {}) const {
    Log(LogLevel::kFatal, message, fields);
  }

 private:
  std::shared_ptr<spdlog::logger> backend_;
};

// The level and format of every logger. Any thread; takes effect with the next line.
void ConfigureLog(LogLevel level, LogFormat format);

// Stands for all loggers, those to come included.
constexpr std::string_view kRootLogger = "root";

struct LoggerState {
  std::string name;
  LogLevel level = LogLevel::kInfo;
  std::optional<WallTime> changed;  // when SetLogLevel last set it
};

// `root`, and every logger that was made so far, by name. Any thread.
std::vector<LoggerState> Loggers();

// From the next line on. Answers the names of the loggers that it was set for, in order: of all for
// `root`, none when there is no such logger. Any thread.
std::vector<std::string> SetLogLevel(std::string_view name, LogLevel level, WallTime now);

// A line as it is written, without its time: exposed because the escaping is what can go wrong.
std::string RenderLogLine(LogFormat format, LogLevel level, std::string_view logger,
                          std::string_view message, LogFields fields);

}  // namespace khs::base
