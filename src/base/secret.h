#pragma once

#include <fmt/format.h>

#include <compare>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace khs::base {

constexpr std::string_view kHidden = "***";

// A text that is or may contain a credential; a value type. It prints as `***`; code that passes it
// to a library calls Reveal.
class Secret {
 public:
  Secret() = default;
  // A text written in the definition itself. The conversion is implicit in this direction only.
  Secret(std::string text) : text_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  Secret(const char* text) : text_(text) {}             // NOLINT(google-explicit-constructor)
  // The value of a reference to a secret, which no message may quote.
  static Secret FromReference(std::string text) {
    Secret secret(std::move(text));
    secret.is_from_reference_ = true;
    return secret;
  }

  const std::string& Reveal() const { return text_; }
  bool is_from_reference() const { return is_from_reference_; }

  bool operator==(const Secret&) const = default;
  auto operator<=>(const Secret&) const = default;

  friend std::ostream& operator<<(std::ostream& stream, const Secret&) { return stream << kHidden; }

 private:
  std::string text_;
  bool is_from_reference_ = false;
};

}  // namespace khs::base

template <>
struct fmt::formatter<khs::base::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const khs::base::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format(khs::base::kHidden, context);
  }
};
