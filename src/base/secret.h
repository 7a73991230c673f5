#pragma once

#include <fmt/format.h>

#include <compare>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace khs::base {

constexpr std::string_view kHidden = "***";

// A text that must not be seen: a credential, or what may hold one. It prints as `***` wherever it
// is printed, and has to be revealed on purpose by who hands it to the library that needs it.
class Secret {
 public:
  Secret() = default;
  // As a definition holds it: whoever reads the definition knows it. Implicit, because every text
  // may become a secret and none may come back unnoticed.
  Secret(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  Secret(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)
  // From outside of the definition: not even a message about it may quote it.
  static Secret FromReference(std::string text) {
    Secret secret(std::move(text));
    secret.is_referred_ = true;
    return secret;
  }

  const std::string& Reveal() const { return text_; }
  bool is_referred() const { return is_referred_; }

  bool operator==(const Secret&) const = default;
  auto operator<=>(const Secret&) const = default;

  friend std::ostream& operator<<(std::ostream& stream, const Secret&) { return stream << kHidden; }

 private:
  std::string text_;
  bool is_referred_ = false;
};

}  // namespace khs::base

template <>
struct fmt::formatter<khs::base::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const khs::base::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format(khs::base::kHidden, context);
  }
};
