#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "config/secrets.h"

namespace khs::config {

// Where client properties are written. Those of connectors must not make the process run code.
enum class PropertySource { kProcess, kConnector };  // `kafka.*`, `consumer.override.*`

// Translates the name of a property in Kafka's Java client, or an alias in librdkafka, to
// librdkafka's canonical name. Returns other names unchanged.
std::string_view LibrdkafkaName(std::string_view name);

// Translated client properties, and what is wrong with them.
struct ClientProperties {
  std::map<std::string, base::Secret> values;  // with librdkafka's names and values
  std::vector<PropertyProblem> errors;         // by the name in `written`
  std::vector<PropertyProblem> warnings;
};

// Translates properties of Kafka's Java client, drops those without effect, and rejects values with
// which librdkafka would end or block the process or break its delivery guarantees. The keys of
// `written` are canonical names. `is_complete` is false if properties are missing because their
// secrets were not read. Messages quote no values.
ClientProperties ToLibrdkafka(const std::map<std::string, base::Secret>& written,
                              PropertySource source, bool is_complete = true);

}  // namespace khs::config
