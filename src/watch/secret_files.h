#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace khs::watch {

// Plenty for a key with its certificates.
inline constexpr size_t kMaxSecretBytes = 64u << 10;

// Reads the files that `${file:...}` and `${dir:...}` name, and nothing outside the allowed
// directories. Any thread.
class SecretFiles {
 public:
  explicit SecretFiles(std::vector<std::filesystem::path> allowed);

  // The file's content, byte for byte. The error says why there is
  // none ("outside secrets.dirs", "empty"), and quotes neither content nor path. Links are
  // followed as long as they stay inside, as those of a `..data` volume do; what exists outside
  // can't be found out. Nothing blocks.
  base::Expected<std::string, std::string> Read(const std::filesystem::path& file) const;

 private:
  std::vector<std::filesystem::path> allowed_;
};

}  // namespace khs::watch
