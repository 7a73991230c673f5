#include "kafka/client_log.h"

#include <syslog.h>

namespace khs::kafka {
namespace {

void OnOwnedLine(const rd_kafka_t* client, int level, const char* facility,
                 const char* text) noexcept {
  // There is no client yet while rd_kafka_new runs.
  const auto* log_context =
      client != nullptr ? static_cast<const ClientLogContext*>(rd_kafka_opaque(client)) : nullptr;
  LogLine(log_context, LogLevelFromSyslog(level), facility, text);
}

void OnLine(const rd_kafka_t*, int level, const char* facility, const char* text) noexcept {
  LogLine(nullptr, LogLevelFromSyslog(level), facility, text);
}

}  // namespace

const base::Logger& Log() {
  static const base::Logger logger("kafka");
  return logger;
}

void SetLogCallback(rd_kafka_conf_t* conf, const ClientLogContext* log_context) {
  rd_kafka_conf_set_opaque(conf, const_cast<ClientLogContext*>(log_context));
  rd_kafka_conf_set_log_cb(conf, OnOwnedLine);
}

void SetLogCallback(rd_kafka_conf_t* conf) { rd_kafka_conf_set_log_cb(conf, OnLine); }

base::LogLevel LogLevelFromSyslog(int level) {
  if (level <= LOG_CRIT) return base::LogLevel::kFatal;
  if (level == LOG_ERR) return base::LogLevel::kError;
  if (level == LOG_WARNING) return base::LogLevel::kWarn;
  if (level <= LOG_INFO) return base::LogLevel::kInfo;
  return base::LogLevel::kDebug;
}

void LogLine(const ClientLogContext* log_context, base::LogLevel level, const char* facility,
             const char* text) noexcept {
  try {
    if (!Log().Writes(level)) return;
    Log().Log(level, "librdkafka",
              {{"connector", log_context != nullptr ? log_context->owner.connector : std::nullopt},
               {"task", log_context != nullptr ? log_context->owner.task : std::nullopt},
               {"facility", facility},
               {"text", log_context != nullptr ? log_context->redactor.Redact(text) : text}});
  } catch (...) {
    // librdkafka cannot handle an exception.
  }
}

}  // namespace khs::kafka
