#pragma once

#include "kafka/handles.h"
#include "kafka/properties.h"

namespace khs::kafka {

// A configuration with the properties set. Throws std::runtime_error with the message of the first
// that librdkafka does not take.
ConfHandle MakeConfiguration(const Properties& properties);

}  // namespace khs::kafka
