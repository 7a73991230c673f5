#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "config/secrets.h"

namespace khs::config {

// Where client properties are written. A connector may not make this process run code.
enum class PropertySource { kProcess, kConnector };  // `kafka.*`, `consumer.override.*`

// librdkafka's name of a property that is written with the name of Kafka's Java client, or with an
// alias of librdkafka's own; otherwise the name itself. Where librdkafka has two, always the same.
std::string_view LibrdkafkaName(std::string_view name);

struct ClientProperties {
  std::map<std::string, base::Secret> values;  // as librdkafka takes them
  std::vector<PropertyProblem> errors;         // by the name in `written`
  std::vector<PropertyProblem> warnings;
};

// Translates what is written for Kafka's Java client, leaves out what has no effect, and judges
// what librdkafka would take though it ends or blocks the process, or breaks what the program
// promises. `written` is by LibrdkafkaName. `is_complete`: false when some properties are missing
// from it because their secrets were not read. No message quotes a value.
ClientProperties ToLibrdkafka(const std::map<std::string, base::Secret>& written,
                              PropertySource source, bool is_complete = true);

}  // namespace khs::config
