#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/flat.h"
#include "config/problem.h"
#include "config/process_config.h"

namespace khs::config {

// What `check` needs besides the file system's walk, which is its caller's.

enum class FileRole { kProcess, kConnector };

// sidecar.toml by its name, or by most of its keys.
FileRole GuessRole(std::string_view file, const FlatConfig& config);

// A connector's name and where it was found.
struct NamedDefinition {
  std::string name;
  std::string file;
  Position position;  // of `name`, or the file as a whole
};

// A problem for every definition whose name an earlier one has, naming both places.
Problems FindDuplicateNames(const std::vector<NamedDefinition>& definitions);

struct CheckContext {
  Environment environment;  // overrides sidecar.toml, as it will when running
  FlatConfig defaults;      // of a sidecar.toml that was checked before
  std::string defaults_file;
};

struct CheckedFile {
  FileRole role = FileRole::kConnector;
  Problems problems;
  std::optional<NamedDefinition> connector;  // also of one with errors, when its name can be told
  std::optional<ProcessConfig> process;      // of a sidecar.toml without errors
};

// Everything that is wrong with a file's text. `*.json` holds a connector as REST takes it.
CheckedFile CheckFile(const std::string& file, std::string_view text,
                      const CheckContext& context = {});

}  // namespace khs::config
