#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace khs::config {

// A reference to a secret in a value: `${env:NAME}`, `${file:/path}` or `${dir:/path:key}`.
struct SecretReference {
  enum class Kind { kEnvironment, kFile, kDirectory };

  Kind kind = Kind::kEnvironment;
  std::string place;  // the variable, the file or the directory
  std::string key;    // the file in the directory; empty for the other kinds

  bool operator==(const SecretReference&) const = default;
  auto operator<=>(const SecretReference&) const = default;
};

// Returns the reference as written.
std::string Format(const SecretReference& reference);

using SecretReferences = std::vector<SecretReference>;

// Reads the value of a reference. The error never quotes a secret.
using ReadSecret = std::function<base::Expected<std::string, std::string>(const SecretReference&)>;

// A part of a text: a literal with `$${` replaced by `${`, or a reference.
using TextPart = std::variant<std::string, SecretReference>;

// Splits a text into literals and references. The error names the position of an invalid reference
// and quotes nothing, because the text around it may be a credential.
base::Expected<std::vector<TextPart>, std::string> ParseReferences(std::string_view text);

// A text with resolved references.
struct ResolvedText {
  std::string text = {};
  std::optional<size_t> first_secret = {};  // the offset of the first secret; absent: no secrets
  bool is_complete = true;                  // false: a reference was not read
};

// Returns a Secret that knows whether any of its text came from a reference.
base::Secret ToSecret(ResolvedText text);

// A resolver of the references in the values of one definition; it records both. References in the
// value of a secret are not resolved. Not thread-safe.
class SecretResolver {
 public:
  // Without `read` only the syntax is validated. `read` must outlive the resolver.
  explicit SecretResolver(const ReadSecret* read) : read_(read) {}

  // Resolves a text. Removes one line end at the end of a secret. Fails if a secret is blank or
  // cannot be read, or after more than 1000 different references.
  base::Expected<ResolvedText, std::string> Resolve(std::string_view text);

  // Adds a secret that is no reference by itself.
  void AddValue(std::string_view secret);
  // Adds the value of a header, and what follows an authentication scheme in it.
  void AddCredential(std::string_view value);

  // All secrets so far: the values of the references and what was added.
  const std::set<std::string>& values() const { return values_; }
  // All references so far, without duplicates.
  const SecretReferences& references() const { return references_; }
  // False if a reference was not read.
  bool is_complete() const { return is_complete_; }

 private:
  const ReadSecret* read_;
  SecretReferences references_;
  std::set<SecretReference> seen_;  // the same as references_
  std::set<std::string> values_;
  bool is_complete_ = true;
};

// An error or warning about a property of a Kafka client.
struct PropertyProblem {
  std::string property;
  std::string message;
};

// Resolves ProcessConfig's `kafka.*` and translates them for librdkafka.
base::Expected<std::map<std::string, base::Secret>, PropertyProblem> ResolveProperties(
    const std::map<std::string, std::string>& properties, const ReadSecret& read);

}  // namespace khs::config
