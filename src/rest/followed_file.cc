#include "rest/followed_file.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

#include "base/unique_fd.h"
#include "watch/read_file.h"

namespace khs::rest {
namespace {

constexpr size_t kMaxBytes = 1u << 20;

base::Expected<std::string, std::string> Read(const std::string& path) {
  // O_NONBLOCK for what is no file after all.
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return base::Unexpected<std::string>(watch::ErrorText(errno));
  return watch::ReadRegularFile(file.get(), kMaxBytes);
}

}  // namespace

Digest DigestOf(std::string_view bytes) {
  Digest digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != digest.size()) {
    throw std::runtime_error("SHA-256 is not available");
  }
  return digest;
}

base::Expected<std::optional<std::string>, std::string> FollowedFile::ReadIfChanged() {
  auto content = Read(path_);
  if (!content) return base::Unexpected<std::string>(std::move(content.error()));
  const Digest digest = DigestOf(*content);
  if (seen_ == digest) return std::optional<std::string>();
  seen_ = digest;
  return std::optional<std::string>(std::move(*content));
}

}  // namespace khs::rest
