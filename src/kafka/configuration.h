#pragma once

#include "kafka/handles.h"
#include "kafka/properties.h"

namespace khs::kafka {

// A configuration with the properties set. Throws std::runtime_error with the message of the first
// that librdkafka does not take.
ConfHandle MakeConfiguration(const Properties& properties);

// librdkafka's log lines go to the logger "kafka" of the program.
void LogToOurs(rd_kafka_conf_t* conf);
// The one line, as librdkafka's callback.
void LogLine(const rd_kafka_t* client, int level, const char* facility, const char* text) noexcept;

}  // namespace khs::kafka
