#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace khs::watch {

struct DefinitionFile {
  // As it is seen in the directory; what can't be shown of a name is escaped.
  std::string path;
  std::string stem;     // without directory and ".toml"
  std::string content;  // empty when there is an error
  std::string error;    // why it can't be read; empty when it can
  // It came out of a `..data` volume: whole, and of one version with its neighbours.
  bool atomic = false;

  bool operator==(const DefinitionFile&) const = default;
};

// What of a directory is not read, though somebody may have meant it as a definition.
struct IgnoredEntries {
  std::vector<std::string> names;  // sorted and printable; the first kMaxIgnoredNames
  size_t count = 0;                // of all

  bool operator==(const IgnoredEntries&) const = default;
};

// Every `*.toml` of a directory that does not start with a dot, sorted by path. Those of a `..data`
// volume are as they were at one moment.
struct Snapshot {
  std::vector<DefinitionFile> files;
  std::string error;  // why the directory can't be read; empty when it can
  IgnoredEntries ignored = {};

  bool operator==(const Snapshot&) const = default;
};

// A `*.toml` that does not start with a dot.
bool IsDefinitionName(std::string_view name);

// Whether an entry that is no definition is not worth a word: hidden (so `..data` too), a backup or
// temporary file of an editor, or a text that belongs in any directory.
bool IsIgnoredSilently(std::string_view name);

// Limits of the contract, section 8.
inline constexpr size_t kMaxDefinitionFiles = 1000;
inline constexpr size_t kMaxDefinitionBytes = 1u << 20;
// However many entries a directory has, an IgnoredEntries names no more than these.
inline constexpr size_t kMaxIgnoredNames = 20;

// A volume of Kubernetes is read through its `..data` link, and again when the link moved
// meanwhile; any directory is read again when its path led elsewhere meanwhile (a link to it was
// retargeted). Where that goes on for half a second the snapshot is an error. Whatever else is
// named
// *.toml (directory, FIFO, dangling link, a name that is not UTF-8) is a file with an error;
// nothing blocks.
Snapshot ReadDirectory(const std::filesystem::path& directory);

// One file by the same rules; also for sidecar.toml.
DefinitionFile ReadDefinition(const std::filesystem::path& path);

}  // namespace khs::watch
