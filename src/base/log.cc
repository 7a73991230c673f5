#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

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

// JSON's escapes serve logfmt's quoted values as well: a line stays one line whatever is in a
// value.
void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
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
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

bool NeedsQuotes(std::string_view text) {
  if (text.empty()) return true;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
      return true;
    }
  }
  return false;
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

// Every logger by name. A line asks its own logger's level, which is an atomic; the lock is for the
// list.
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

// Loggers are made, and used, before and after everything else.
Registry& TheRegistry() {
  static Registry registry;
  return registry;
}

}  // namespace

LogField::LogField(std::string_view key_in, double number)
    : key(key_in), value(fmt::format("{}", number)), quoted(false) {}

std::string RenderLogLine(LogFormat format, LogLevel level, std::string_view logger,
                          std::string_view message, LogFields fields) {
  std::string line;
  if (format == LogFormat::kLogfmt) {
    AppendLogfmt(line, "level", LevelName(level));
    AppendLogfmt(line, "logger", logger);
    AppendLogfmt(line, "msg", message);
    for (const LogField& field : fields) AppendLogfmt(line, field.key, field.value);
  } else {
    AppendJson(line, "level", LevelName(level), true);
    AppendJson(line, "logger", logger, true);
    AppendJson(line, "msg", message, true);
    for (const LogField& field : fields) AppendJson(line, field.key, field.value, field.quoted);
  }
  return line;
}

Logger::Logger(const std::string& name) : backend_(TheRegistry().Find(name)) {}

void Logger::Log(LogLevel level, std::string_view message, LogFields fields) const {
  if (!backend_->should_log(ToSpdlog(level))) return;
  const std::string line = RenderLogLine(log_format, level, backend_->name(), message, fields);
  backend_->log(ToSpdlog(level), "{}", line);
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
