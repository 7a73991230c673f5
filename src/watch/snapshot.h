#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace khs::watch {

// A definition file, or why it cannot be read.
struct DefinitionFile {
  // In the watched directory, with unprintable characters escaped.
  std::string path;
  std::string stem;     // without directory and ".toml"
  std::string content;  // empty if there is an error
  std::string error;    // why it cannot be read; empty if it can
  // It is from a `..data` volume: complete, and of the same version as the volume's other files.
  bool atomic = false;

  bool operator==(const DefinitionFile&) const = default;
};

// The entries of a directory that are not read but may be meant as definitions.
struct IgnoredEntries {
  std::vector<std::string> names;  // sorted and printable; the first kMaxIgnoredNames
  size_t count = 0;                // of all ignored entries

  bool operator==(const IgnoredEntries&) const = default;
};

// All definition files of a directory, sorted by path. The files of a `..data` volume are of one
// version.
struct Snapshot {
  std::vector<DefinitionFile> files;
  std::string error;  // why the directory cannot be read; empty if it can
  IgnoredEntries ignored = {};

  bool operator==(const Snapshot&) const = default;
};

// Returns whether a name is `*.toml` and does not start with a dot.
bool IsDefinitionName(std::string_view name);

// Returns whether an entry that is no definition is ignored without a warning: hidden (`..data`
// too), a backup or temporary file of an editor, or a common text file such as README.
bool IsIgnoredSilently(std::string_view name);

// Limits of a watched directory, as in etc/README.md.
inline constexpr size_t kMaxDefinitionFiles = 1000;
inline constexpr size_t kMaxDefinitionBytes = 1u << 20;
inline constexpr size_t kMaxIgnoredNames = 20;

// Reads all definition files of a directory without blocking. Reads a Kubernetes volume through its
// `..data` link. Repeats the read if that link, or the path of the directory, was retargeted
// meanwhile; fails after half a second of that. Any other `*.toml` entry (directory, FIFO, dangling
// link, name that is not UTF-8) is a file with an error.
Snapshot ReadDirectory(const std::filesystem::path& directory);

// Reads a single file by the same rules; also used for sidecar.toml.
DefinitionFile ReadDefinition(const std::filesystem::path& path);

}  // namespace khs::watch
