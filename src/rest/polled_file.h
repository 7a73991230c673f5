#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace khs::rest {

using Digest = std::array<unsigned char, 32>;

// SHA-256. Throws std::runtime_error.
Digest DigestOf(std::string_view bytes);

// A file that may be replaced while it is in use. Compares the content, because modification times
// are unreliable, and keeps only its digest. Owned by the credentials or the certificate that is
// read from it. Used by one thread.
class PolledFile {
 public:
  explicit PolledFile(std::string path) : path_(std::move(path)) {}

  // Returns the content if it has changed since the last call, else nothing. The error says why the
  // file is unreadable.
  base::Expected<std::optional<std::string>, std::string> ReadIfChanged();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::optional<Digest> last_digest_;
};

}  // namespace khs::rest
