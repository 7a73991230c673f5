#include "base/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
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

std::shared_ptr<spdlog::logger> Backend(const std::string& name) {
  static const auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  if (auto known = spdlog::get(name)) return known;
  auto logger = std::make_shared<spdlog::logger>(name, sink);
  spdlog::initialize_logger(logger);
  return logger;
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

Logger::Logger(const std::string& name) : backend_(Backend(name)) {}

void Logger::Log(LogLevel level, std::string_view message, LogFields fields) const {
  if (!backend_->should_log(ToSpdlog(level))) return;
  const std::string line = RenderLogLine(log_format, level, backend_->name(), message, fields);
  backend_->log(ToSpdlog(level), "{}", line);
}

void ConfigureLog(LogLevel level, LogFormat format) {
  log_format = format;
  spdlog::set_level(ToSpdlog(level));
  const char* pattern = format == LogFormat::kLogfmt ? "time=%Y-%m-%dT%H:%M:%S.%eZ %v"
                                                     : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";
  spdlog::set_pattern(pattern, spdlog::pattern_time_type::utc);
}

}  // namespace khs::base
