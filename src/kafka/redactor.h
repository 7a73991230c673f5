#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kafka/properties.h"

namespace khs::kafka {

// Hides values that came from references to secrets in librdkafka's messages. librdkafka quotes
// values in whole and in part, for example one broker of a list. Owned by a client's
// ClientLogContext. Any thread.
class Redactor {
 public:
  explicit Redactor(const Properties& properties);

  // Adds new SASL credentials, whether they came from a reference or not. The previous ones stay
  // hidden, because connections that use them may still be reported; those before are dropped.
  void Renew(std::string_view username, std::string_view password);

  // Replaces by `[hidden]`: at least six successive bytes of a value, and a shorter value, or item
  // of a list, that is a word of its own.
  std::string Redact(std::string_view text) const;

 private:
  using Hashes = std::vector<size_t>;  // sorted; hashes, so that no further copy of a secret exists

  static void Add(std::string_view value, Hashes& hashes);
  bool IsKnown(std::string_view piece) const;
  size_t HiddenAt(std::string_view text, size_t at) const;

  Hashes referred_;
  mutable std::mutex mutex_;  // guards the rest
  Hashes renewed_;
  Hashes previous_;  // before the last Renew
};

}  // namespace khs::kafka
