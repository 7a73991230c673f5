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

// One key=value of a log line. Holds a copy of the value, so temporaries are fine. What is absent
// is left out of the line. Names that mean the same in every room: connector, task, topic,
// partition, offset, attempt, status (HTTP's), reason (one of few words), error (what somebody
// said).
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
  LogField(std::string_view key_in, const std::optional<T>& perhaps)
      : LogField(key_in, std::string_view()) {
    if (perhaps) {
      *this = LogField(key_in, *perhaps);
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

// A named logger, one a room. Lines go to stderr, one write each, in the format that ConfigureLog
// set: a constant message, then fields. Any thread.
//
// An event that comes again and again is not written every time (LogRepeats): the lines that are
// left out are counted in the field `suppressed` of its next line. A logger at debug or trace
// writes every line.
class Logger {
 public:
  explicit Logger(const std::string& name);

  void Log(LogLevel level, std::string_view message, LogFields fields = {}) const;
  // However often: for what must be accounted for one by one.
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

  // Whether a line of this level would be written, but for repeats.
  bool Writes(LogLevel level) const;

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

// Tells what was left out of events that have ended, as lines of their own, while it lives; and at
// its end of all others. One a process.
class RepeatReporter {
 public:
  RepeatReporter();
  ~RepeatReporter();
  RepeatReporter(const RepeatReporter&) = delete;
  RepeatReporter& operator=(const RepeatReporter&) = delete;

 private:
  std::jthread thread_;
};

// A line as it is written, without its time: exposed because the escaping is what can go wrong.
// Whatever bytes are in a value, the line is one line of UTF-8, and in JSON the inside of an
// object.
std::string RenderLogLine(LogFormat format, LogLevel level, std::string_view logger,
                          std::string_view message, LogFields fields, uint64_t suppressed = 0);

}  // namespace khs::base
