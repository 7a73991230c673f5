#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace khs::base {

// Hides known secrets in texts that others wrote, such as a response that quotes its request.
// Immutable, so any thread may use it.
class SecretFilter {
 public:
  SecretFilter() = default;
  explicit SecretFilter(std::vector<Secret> secrets);

  // Returns the first `size` bytes of a text, with `***` for each secret that begins in them.
  // Secrets are found as they are, percent-encoded, and with the escapes of JSON.
  std::string Hide(std::string_view text, size_t size = std::string_view::npos) const;

 private:
  std::vector<Secret> secrets_;
};

}  // namespace khs::base
