#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace khs::watch {

// Sufficient for a key with its certificate chain.
inline constexpr size_t kMaxSecretBytes = 64u << 10;

// A reader of the files of `${file:...}` and `${dir:...}`, only within the allowed directories.
// Owned by reconcile::DefinitionSource. Thread-safe.
class SecretFiles {
 public:
  explicit SecretFiles(std::vector<std::filesystem::path> allowed);

  // Returns the file's content unchanged, or an error such as "outside secrets.dirs" that quotes
  // neither content nor path. Follows links within the allowed directories, as a `..data` volume
  // has them. The error does not reveal what exists outside. Does not block.
  base::Expected<std::string, std::string> Read(const std::filesystem::path& file) const;

 private:
  std::vector<std::filesystem::path> allowed_;
};

}  // namespace khs::watch
