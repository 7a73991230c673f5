#pragma once

#include "kafka/client_log.h"
#include "kafka/handles.h"
#include "kafka/properties.h"

namespace khs::kafka {

// A configuration with the properties set. Throws std::runtime_error with the message of the first
// that librdkafka does not take, or that names a file which is not to be opened.
ConfHandle MakeConfiguration(const Properties& properties);

// A client of this configuration, to be destroyed by whoever asked for it. Throws
// std::system_error when there are no threads for it, and std::runtime_error with librdkafka's
// words, redacted.
rd_kafka_t* NewClient(rd_kafka_type_t type, ConfHandle conf, const Redactor& redactor);

// One that is a member of no group, to which a connector's own properties mean something. Its
// errors are events of its main queue. The voice outlives it. Throws as NewClient.
ClientHandle NewOutsider(const ClientVoice& voice, Properties properties);

}  // namespace khs::kafka
