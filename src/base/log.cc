#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "base/log_rate_limiter.h"
#include "base/utf8.h"

namespace khs::base {
namespace {

std::atomic<LogFormat> log_format{LogFormat::kLogfmt};

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return "trace";
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kFatal:
      return "fatal";
    case LogLevel::kOff:
      return "off";
  }
  return "unknown";
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(level);
}

// Appends one character, escaped if it could end the line or control a terminal.
void AppendCharacter(std::string& out, std::string_view sequence, char32_t character) {
  switch (character) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (IsUnprintable(character)) {
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(character));
      } else {
        out += sequence;
      }
  }
}

// Appends a quoted value with JSON's escapes, for logfmt too. Bytes that are not UTF-8 become
// U+FFFD.
void AppendQuoted(std::string& out, std::string_view text) {
  constexpr std::string_view kReplacement = "\xef\xbf\xbd";
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const Utf8Character next = Utf8At(text, at);
    const std::string_view sequence = text.substr(at, next.length);
    AppendCharacter(out, next.valid ? sequence : kReplacement, next.character);
    at += next.length;
  }
  out += '"';
}

bool NeedsQuotes(std::string_view text) {
  return text.empty() || std::any_of(text.begin(), text.end(), [](char c) {
           return c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\';
         });
}

void AppendLogfmt(std::string& out, std::string_view key, std::string_view value) {
  if (!out.empty()) out += ' ';
  out += key;
  out += '=';
  if (NeedsQuotes(value)) {
    AppendQuoted(out, value);
  } else {
    out += value;
  }
}

void AppendJson(std::string& out, std::string_view key, std::string_view value, bool quoted) {
  if (!out.empty()) out += ',';
  AppendQuoted(out, key);
  out += ':';
  if (quoted) {
    AppendQuoted(out, value);
  } else {
    out += value;
  }
}

// Owns all loggers, by name. Thread-safe. Writing a line takes no lock: each logger's level is an
// atomic, and the mutex only guards the map.
class Registry {
 public:
  std::shared_ptr<spdlog::logger> Find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    if (const auto known = loggers_.find(name); known != loggers_.end()) {
      return known->second.backend;
    }
    auto backend = std::make_shared<spdlog::logger>(name, sink_);
    backend->set_level(ToSpdlog(root_.level));
    loggers_.emplace(name, Named{backend, root_.changed});
    return backend;
  }

  void Configure(LogLevel level, const char* pattern) {
    const std::lock_guard lock(mutex_);
    SetAll(level, std::nullopt);
    sink_->set_formatter(
        std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  }

  std::vector<std::string> Set(std::string_view name, LogLevel level, WallTime now) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    if (name == kRootLogger) {
      SetAll(level, now);
      for (const LoggerState& state : List()) names.push_back(state.name);
    } else if (const auto known = loggers_.find(name); known != loggers_.end()) {
      known->second.backend->set_level(ToSpdlog(level));
      known->second.changed = now;
      names.push_back(known->first);
    }
    return names;
  }

  std::vector<LoggerState> States() {
    const std::lock_guard lock(mutex_);
    return List();
  }

 private:
  struct Named {
    std::shared_ptr<spdlog::logger> backend;
    std::optional<WallTime> changed;
  };

  void SetAll(LogLevel level, std::optional<WallTime> changed) {
    root_.level = level;
    root_.changed = changed;
    for (auto& [name, logger] : loggers_) {
      logger.backend->set_level(ToSpdlog(level));
      logger.changed = changed;
    }
  }

  std::vector<LoggerState> List() const {
    std::vector<LoggerState> states{root_};
    for (const auto& [name, logger] : loggers_) {
      states.push_back({name, static_cast<LogLevel>(logger.backend->level()), logger.changed});
    }
    std::sort(states.begin(), states.end(),
              [](const LoggerState& a, const LoggerState& b) { return a.name < b.name; });
    return states;
  }

  std::mutex mutex_;
  const std::shared_ptr<spdlog::sinks::stderr_sink_mt> sink_ =
      std::make_shared<spdlog::sinks::stderr_sink_mt>();
  LoggerState root_{std::string(kRootLogger), LogLevel::kInfo, std::nullopt};
  std::map<std::string, Named, std::less<>> loggers_;
};

// A function-local static, because loggers are used during static initialization and destruction.
Registry& TheRegistry() {
  static Registry registry;
  return registry;
}

// The rate limiter of all loggers. Thread-safe.
class SharedRateLimiter {
 public:
  LogRateLimiter::Admission Admit(const LogEvent& event, LogLevel level) {
    const MonotonicTime now = std::chrono::steady_clock::now();
    bool is_first_pending = false;
    LogRateLimiter::Admission admission;
    {
      const std::lock_guard lock(mutex_);
      const bool pending = limiter_.pending();
      admission = limiter_.Admit(event, static_cast<int>(level), now);
      is_first_pending = !pending && limiter_.pending();
    }
    if (is_first_pending) suppressed_.notify_all();
    return admission;
  }

  // Waits until a line was suppressed, then for a second, and returns the summaries that are due.
  std::vector<LogRateLimiter::Summary> WaitForDue(const std::stop_token& stop) {
    constexpr std::chrono::seconds kCheckInterval{1};
    std::unique_lock lock(mutex_);
    suppressed_.wait(lock, stop, [this] { return limiter_.pending(); });
    suppressed_.wait_for(lock, stop, kCheckInterval, [] { return false; });
    return limiter_.TakeDue(std::chrono::steady_clock::now());
  }

  std::vector<LogRateLimiter::Summary> TakeAll() {
    const std::lock_guard lock(mutex_);
    return limiter_.TakeAll();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any suppressed_;
  LogRateLimiter limiter_;
};

SharedRateLimiter& TheRateLimiter() {
  static SharedRateLimiter limiter;
  return limiter;
}

std::string_view ValueOf(LogFields fields, std::string_view key) {
  for (const LogField& field : fields) {
    if (field.key == key) return field.value;
  }
  return {};
}

void Write(spdlog::logger& backend, LogLevel level, std::string_view message, LogFields fields,
           uint64_t suppressed) {
  const std::string line =
      RenderLogLine(log_format, level, backend.name(), message, fields, suppressed);
  backend.log(ToSpdlog(level), "{}", line);
}

std::optional<std::string_view> NotEmpty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

void LogSummaries(const std::vector<LogRateLimiter::Summary>& summaries) {
  for (const LogRateLimiter::Summary& summary : summaries) {
    const auto backend = TheRegistry().Find(summary.logger);
    const auto level = static_cast<LogLevel>(summary.level);
    if (!backend->should_log(ToSpdlog(level))) continue;
    Write(*backend, level, "repeated lines suppressed",
          {{"event", summary.message},
           {"connector", NotEmpty(summary.connector)},
           {"facility", NotEmpty(summary.facility)}},
          summary.suppressed);
  }
}

}  // namespace

// JSON has no number for infinity and NaN.
LogField::LogField(std::string_view key_in, double number)
    : key(key_in), value(fmt::format("{}", number)), quoted(!std::isfinite(number)) {}

std::string RenderLogLine(LogFormat format, LogLevel level, std::string_view logger,
                          std::string_view message, LogFields fields, uint64_t suppressed) {
  std::string line;
  const auto append = [&](std::string_view key, std::string_view value, bool quoted = true) {
    if (format == LogFormat::kLogfmt) {
      AppendLogfmt(line, key, value);
    } else {
      AppendJson(line, key, value, quoted);
    }
  };
  append("level", LevelName(level));
  append("logger", logger);
  append("msg", message);
  for (const LogField& field : fields) {
    if (!field.absent) append(field.key, field.value, field.quoted);
  }
  if (suppressed > 0) append("suppressed", std::to_string(suppressed), false);
  return line;
}

Logger::Logger(const std::string& name) : backend_(TheRegistry().Find(name)) {}

bool Logger::Writes(LogLevel level) const { return backend_->should_log(ToSpdlog(level)); }

void Logger::Log(LogLevel level, std::string_view message, LogFields fields) const {
  if (!Writes(level)) return;
  if (Writes(LogLevel::kDebug)) return Write(*backend_, level, message, fields, 0);
  const LogRateLimiter::Admission admission = TheRateLimiter().Admit(
      {backend_->name(), message, ValueOf(fields, "connector"), ValueOf(fields, "facility")},
      level);
  if (admission.write) Write(*backend_, level, message, fields, admission.suppressed);
}

void Logger::LogEach(LogLevel level, std::string_view message, LogFields fields) const {
  if (Writes(level)) Write(*backend_, level, message, fields, 0);
}

SuppressionReporter::SuppressionReporter()
    : thread_([](const std::stop_token& stop) {
        while (!stop.stop_requested()) LogSummaries(TheRateLimiter().WaitForDue(stop));
      }) {}

SuppressionReporter::~SuppressionReporter() {
  thread_.request_stop();
  thread_.join();
  LogSummaries(TheRateLimiter().TakeAll());
}

void ConfigureLog(LogLevel level, LogFormat format) {
  log_format = format;
  const char* pattern = format == LogFormat::kLogfmt ? "time=%Y-%m-%dT%H:%M:%S.%eZ %v"
                                                     : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";
  TheRegistry().Configure(level, pattern);
}

std::vector<LoggerState> Loggers() { return TheRegistry().States(); }

std::vector<std::string> SetLogLevel(std::string_view name, LogLevel level, WallTime now) {
  return TheRegistry().Set(name, level, now);
}

}  // namespace khs::base
