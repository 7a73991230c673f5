#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"

namespace khs::kafka {

// librdkafka properties by name. Credentials are among them.
using Properties = std::map<std::string, base::Secret>;

// Whose client it is, for its lines in the log.
struct ClientOwner {
  std::optional<std::string> connector = {};  // none: the process's own
  std::optional<int> task = {};
};

struct PropertyProblem {
  std::string property;
  std::string message;  // librdkafka's words, unless they would quote a secret
};

// What librdkafka says of each property by itself, and which name a file that a client would wait
// for, or read without end: a FIFO, a device, more than 10 MiB. A file that is not there is
// librdkafka's to miss. No network. No client is made with any of them.
std::vector<PropertyProblem> CheckProperties(const Properties& properties);

// Makes a client with the properties and ends it again: finds what only shows when they are taken
// together (a SASL mechanism without credentials, a CA file that is not there). The message, or
// nothing.
std::optional<std::string> TryClient(const Properties& properties, const ClientOwner& owner = {});

std::string LibraryVersion();

}  // namespace khs::kafka
