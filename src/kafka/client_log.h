#pragma once

#include <librdkafka/rdkafka.h>

#include <string_view>

#include "base/log.h"
#include "kafka/properties.h"

namespace khs::kafka {

// The room's logger.
const base::Logger& Log();

// The client's log lines go to the room's logger, as its owner's. The owner becomes the client's
// opaque and must outlive it. Before rd_kafka_new.
void LogToOurs(rd_kafka_conf_t* conf, const ClientOwner* owner);
// Those of a client that is nobody's; its opaque is left alone.
void LogToOurs(rd_kafka_conf_t* conf);

// syslog's levels, which are librdkafka's, as ours.
base::LogLevel FromSyslog(int level);

// One line of librdkafka's.
void LogLine(const ClientOwner& owner, base::LogLevel level, const char* facility,
             const char* text) noexcept;

}  // namespace khs::kafka
