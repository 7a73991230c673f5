#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"

namespace khs::kafka {

// librdkafka properties by name. They include credentials.
using Properties = std::map<std::string, base::Secret>;

// Who a client belongs to, for its log lines.
struct ClientOwner {
  std::optional<std::string> connector = {};  // nothing for clients of the process itself
  std::optional<int> task = {};
};

// A property that librdkafka does not accept.
struct PropertyProblem {
  std::string property;
  std::string message;  // librdkafka's, unless that would quote a secret
};

// Checks each property by itself. Reports what librdkafka rejects, and properties that name a file
// which librdkafka could hang on or read without end: a FIFO, a device, more than 10 MiB. Missing
// files are left to librdkafka. Creates no client and uses no network.
std::vector<PropertyProblem> CheckProperties(const Properties& properties);

// Creates a client with the properties and destroys it. Finds properties that do not fit together,
// for example a SASL mechanism without credentials. Returns the error message, or nothing.
std::optional<std::string> TryClient(const Properties& properties, const ClientOwner& owner = {});

std::string LibraryVersion();

}  // namespace khs::kafka
