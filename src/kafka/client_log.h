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

// What a client's words need on their way into a log or a message.
struct ClientVoice {
  ClientVoice(ClientOwner owner_in, const Properties& properties)
      : owner(std::move(owner_in)), redactor(properties) {}

  const ClientOwner owner;
  Redactor redactor;
};

// The client's log lines go to the room's logger, as its owner's. The voice becomes the client's
// opaque and must outlive it. Before rd_kafka_new.
void LogToOurs(rd_kafka_conf_t* conf, const ClientVoice* voice);
// Those of a client that is nobody's; its opaque is left alone.
void LogToOurs(rd_kafka_conf_t* conf);

// syslog's levels, which are librdkafka's, as ours.
base::LogLevel FromSyslog(int level);

// One line of librdkafka's; without a voice it is nobody's.
void LogLine(const ClientVoice* voice, base::LogLevel level, const char* facility,
             const char* text) noexcept;

}  // namespace khs::kafka
