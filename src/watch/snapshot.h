#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace khs::watch {

struct DefinitionFile {
  std::string path;     // as it is seen in the directory
  std::string stem;     // without directory and ".toml"
  std::string content;  // empty when there is an error
  std::string error;    // why it can't be read; empty when it can
};

// Every `*.toml` of a directory that does not start with a dot, sorted by path, as it was at one
// moment.
struct Snapshot {
  std::vector<DefinitionFile> files;
  std::string error;  // why the directory can't be read; empty when it can
};

// Limits of the contract, section 8.
inline constexpr size_t kMaxDefinitionFiles = 1000;
inline constexpr size_t kMaxDefinitionBytes = 1u << 20;

// A volume of Kubernetes is read through its `..data` link, and again when the link moved
// meanwhile. Whatever else is named *.toml (directory, FIFO, dangling link) is a file with an
// error; nothing blocks.
Snapshot ReadDirectory(const std::filesystem::path& directory);

// One file by the same rules; also for sidecar.toml.
DefinitionFile ReadDefinition(const std::filesystem::path& path);

}  // namespace khs::watch
