#pragma once

#include <librdkafka/rdkafka.h>

#include <string_view>
#include <utility>

#include "base/log.h"
#include "kafka/properties.h"
#include "kafka/redactor.h"

namespace khs::kafka {

// The room's logger.
const base::Logger& Log();

// Who a client belongs to, and what its messages must not show.
struct ClientLogContext {
  ClientLogContext(ClientOwner owner_in, const Properties& properties)
      : owner(std::move(owner_in)), redactor(properties) {}

  const ClientOwner owner;
  Redactor redactor;
};

// Sends the client's log lines to the room's logger, with the context's owner. The context becomes
// the client's opaque and must outlive the client. To be called before rd_kafka_new.
void SetLogCallback(rd_kafka_conf_t* conf, const ClientLogContext* log_context);
// Does so for a client without an owner. Does not set the opaque.
void SetLogCallback(rd_kafka_conf_t* conf);

// librdkafka uses syslog's levels.
base::LogLevel LogLevelFromSyslog(int level);

// Writes a line of librdkafka to the log. The context may be null.
void LogLine(const ClientLogContext* log_context, base::LogLevel level, const char* facility,
             const char* text) noexcept;

}  // namespace khs::kafka
