#include "kafka/client_log.h"

#include <syslog.h>

namespace khs::kafka {
namespace {

void OnOwnedLine(const rd_kafka_t* client, int level, const char* facility,
                 const char* text) noexcept {
  // Without a client while it is being made.
  const auto* owner =
      client != nullptr ? static_cast<const ClientOwner*>(rd_kafka_opaque(client)) : nullptr;
  LogLine(owner != nullptr ? *owner : ClientOwner(), FromSyslog(level), facility, text);
}

void OnLine(const rd_kafka_t*, int level, const char* facility, const char* text) noexcept {
  LogLine(ClientOwner(), FromSyslog(level), facility, text);
}

}  // namespace

const base::Logger& Log() {
  static const base::Logger logger("kafka");
  return logger;
}

void LogToOurs(rd_kafka_conf_t* conf, const ClientOwner* owner) {
  rd_kafka_conf_set_opaque(conf, const_cast<ClientOwner*>(owner));
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

void LogLine(const ClientOwner& owner, base::LogLevel level, const char* facility,
             const char* text) noexcept {
  try {
    Log().Log(level, "librdkafka",
              {{"connector", owner.connector},
               {"task", owner.task},
               {"facility", facility},
               {"text", text}});
  } catch (...) {
    // A line that can't be written must not take the client down.
  }
}

}  // namespace khs::kafka
