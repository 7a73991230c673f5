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

// A file whose content may be replaced while it is in use. Its content is compared, because times
// lie, and only its digest is kept. One thread.
class FollowedFile {
 public:
  explicit FollowedFile(std::string path) : path_(std::move(path)) {}

  // The content when it differs from what was returned before; nothing when it does not. The error
  // says why it can't be read.
  base::Expected<std::optional<std::string>, std::string> ReadIfChanged();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::optional<Digest> seen_;
};

}  // namespace khs::rest
