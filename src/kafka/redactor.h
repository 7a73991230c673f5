#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/properties.h"

namespace khs::kafka {

// Hides in librdkafka's words what came from references to secrets: it quotes values whole, in
// pieces (one broker of a list, what it does not know the end of) and cut off. Any thread.
class Redactor {
 public:
  explicit Redactor(const Properties& properties);

  // SASL credentials that take the place of others, wherever they are from. Those before them stay
  // hidden once more, since connections that began with them may still be spoken of.
  void Renew(std::string_view username, std::string_view password);

  // The text with `[hidden]` where at least six bytes of a value stand, or a shorter value or item
  // of a list as a word of its own.
  std::string Redact(std::string_view text) const;

 private:
  using Hashes = std::vector<size_t>;  // sorted; no secret is kept for the sake of hiding it

  static void Add(std::string_view value, Hashes& hashes);
  bool IsKnown(std::string_view piece) const;
  size_t HiddenAt(std::string_view text, size_t at) const;

  Hashes referred_;
  mutable std::mutex mutex_;  // guards the rest
  Hashes renewed_;
  Hashes before_;  // the renewal before
};

}  // namespace khs::kafka
