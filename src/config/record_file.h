#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "config/problem.h"
#include "delivery/record.h"

namespace khs::config {

// Reads a Kafka record from a JSON object, for the command `try`. Without a topic of its own it is
// of `topic`. etc/trying.md describes the object.
base::Expected<delivery::Record, Problems> ReadRecord(const std::string& file,
                                                      std::string_view bytes,
                                                      const std::string& topic);

}  // namespace khs::config
