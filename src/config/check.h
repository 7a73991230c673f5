#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/flat.h"
#include "config/problem.h"
#include "config/process_config.h"

namespace khs::config {

// Validation of one file for the command `check`. The caller walks the file system.

// What a file defines.
enum class FileRole { kProcess, kConnector };

// Recognizes sidecar.toml by its file name, or by the majority of its keys. A `*.json` file is a
// connector.
FileRole GuessRole(std::string_view file, const FlatConfig& config);

// A connector's name and where it was found.
struct NamedDefinition {
  std::string name;
  std::string file;
  Position position;  // of the key `name`, or line 0
};

// Returns a problem for each definition whose name is already taken; it names both places.
Problems FindDuplicateNames(const std::vector<NamedDefinition>& definitions);

// What the validation of a file depends on besides the file.
struct CheckContext {
  Environment environment;  // overrides sidecar.toml, as in `run`
  FlatConfig defaults;      // of the sidecar.toml that was checked before
  std::string defaults_file;
};

// The outcome of the validation of one file.
struct CheckedFile {
  FileRole role = FileRole::kConnector;
  Problems problems;
  std::optional<NamedDefinition> connector;  // also with errors, if its name is known
  std::optional<ProcessConfig> process;      // of a sidecar.toml without errors
};

// Validates a file's text. A `*.json` file is a connector in the format of the REST API.
CheckedFile CheckFile(const std::string& file, std::string_view text,
                      const CheckContext& context = {});

}  // namespace khs::config
