#include "kafka/client_log.h"

#include <syslog.h>

namespace khs::kafka {
namespace {

void OnOwnedLine(const rd_kafka_t* client, int level, const char* facility,
                 const char* text) noexcept {
  // Without a client while it is being made.
  const auto* voice =
      client != nullptr ? static_cast<const ClientVoice*>(rd_kafka_opaque(client)) : nullptr;
  LogLine(voice, FromSyslog(level), facility, text);
}

void OnLine(const rd_kafka_t*, int level, const char* facility, const char* text) noexcept {
  LogLine(nullptr, FromSyslog(level), facility, text);
}

}  // namespace

const base::Logger& Log() {
  static const base::Logger logger("kafka");
  return logger;
}

void LogToOurs(rd_kafka_conf_t* conf, const ClientVoice* voice) {
  rd_kafka_conf_set_opaque(conf, const_cast<ClientVoice*>(voice));
  rd_kafka_conf_set_log_cb(conf, OnOwnedLine);
}

void LogToOurs(rd_kafka_conf_t* conf) { rd_kafka_conf_set_log_cb(conf, OnLine); }

base::LogLevel FromSyslog(int level) {
  if (level <= LOG_CRIT) return base::LogLevel::kFatal;
  if (level == LOG_ERR) return base::LogLevel::kError;
  if (level == LOG_WARNING) return base::LogLevel::kWarn;
  if (level <= LOG_INFO) return base::LogLevel::kInfo;
  return base::LogLevel::kDebug;
}

void LogLine(const ClientVoice* voice, base::LogLevel level, const char* facility,
             const char* text) noexcept {
  try {
    if (!Log().Writes(level)) return;
    Log().Log(level, "librdkafka",
              {{"connector", voice != nullptr ? voice->owner.connector : std::nullopt},
               {"task", voice != nullptr ? voice->owner.task : std::nullopt},
               {"facility", facility},
               {"text", voice != nullptr ? voice->redactor.Redact(text) : text}});
  } catch (...) {
    // A line that can't be written must not take the client down.
  }
}

}  // namespace khs::kafka
