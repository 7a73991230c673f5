#include "rest/polled_file.h"

#include <openssl/evp.h>

#include <stdexcept>
#include <utility>

#include "watch/read_file.h"

namespace khs::rest {
namespace {

constexpr size_t kMaxFileBytes = 1u << 20;

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

base::Expected<std::optional<std::string>, std::string> PolledFile::ReadIfChanged() {
  auto content = watch::ReadRegularFile(path_, kMaxFileBytes);
  if (!content) return base::Unexpected<std::string>(std::move(content.error()));
  const Digest digest = DigestOf(*content);
  if (last_digest_ == digest) return std::optional<std::string>();
  last_digest_ = digest;
  return std::optional<std::string>(std::move(*content));
}

}  // namespace khs::rest
