#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace spdlog {
class logger;
}

namespace khs::base {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kFatal, kOff };
enum class LogFormat { kLogfmt, kJson };

// One key=value of a log line. Holds a copy of the value, so temporaries are fine. An absent
// optional is omitted from the line. These keys mean the same in every room: connector, task,
// topic, partition, offset, attempt, status (of HTTP), reason (one of a few words), error (the
// message of a library or the system).
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
  template <class T>
  LogField(std::string_view key_in, const std::optional<T>& optional)
      : LogField(key_in, std::string_view()) {
    if (optional) {
      *this = LogField(key_in, *optional);
    } else {
      absent = true;
    }
  }

  std::string_view key;
  std::string value;
  bool quoted = true;  // a JSON string rather than a number or boolean
  bool absent = false;
};

using LogFields = std::initializer_list<LogField>;

// A named logger; each room has one. Writes lines to stderr, one write(2) each, in the format set
// by ConfigureLog: a constant message, then fields. Thread-safe.
//
// Repeated events are rate limited (LogRateLimiter): the field `suppressed` of the event's next
// line counts the lines that were not written. A logger at level debug or trace writes every line.
class Logger {
 public:
  explicit Logger(const std::string& name);

  void Log(LogLevel level, std::string_view message, LogFields fields = {}) const;
  // Logs without a rate limit, for events that must each appear in the log.
  void LogEach(LogLevel level, std::string_view message, LogFields fields = {}) const;
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
    LogEach(LogLevel::kFatal, message, fields);
  }

  // Returns whether the level is enabled.
  bool Writes(LogLevel level) const;

 private:
  std::shared_ptr<spdlog::logger> backend_;
};

// Sets the level and format of every logger, from the next line on. Thread-safe.
void ConfigureLog(LogLevel level, LogFormat format);

// The name that stands for all loggers, including future ones.
constexpr std::string_view kRootLogger = "root";

// A logger as the REST API shows it.
struct LoggerState {
  std::string name;
  LogLevel level = LogLevel::kInfo;
  std::optional<WallTime> changed;  // by SetLogLevel
};

// Returns `root` and every logger created so far, ordered by name. Thread-safe.
std::vector<LoggerState> Loggers();

// Sets the level of one logger, or of all for `root`, from the next line on. Returns the ordered
// names of the changed loggers; none when the logger is unknown. Thread-safe.
std::vector<std::string> SetLogLevel(std::string_view name, LogLevel level, WallTime now);

// Logs a summary of suppressed lines for events that have stopped, on its own thread; for all other
// events when it is destroyed. One per process, owned by app.
class SuppressionReporter {
 public:
  SuppressionReporter();
  ~SuppressionReporter();
  SuppressionReporter(const SuppressionReporter&) = delete;
  SuppressionReporter& operator=(const SuppressionReporter&) = delete;

 private:
  std::jthread thread_;
};

// Renders a line as it is written, without its time; public for tests of the escaping. The result
// is a single line of UTF-8 for any bytes in a value. In JSON: without the braces.
std::string RenderLogLine(LogFormat format, LogLevel level, std::string_view logger,
                          std::string_view message, LogFields fields, uint64_t suppressed = 0);

}  // namespace khs::base
