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

// What stands in a value for a secret: `${env:NAME}`, `${file:/path}` or `${dir:/path:key}`.
struct SecretReference {
  enum class Kind { kEnvironment, kFile, kDirectory };

  Kind kind = Kind::kEnvironment;
  std::string place;  // the variable, the file or the directory
  std::string key;    // the file in the directory; empty for the other kinds

  bool operator==(const SecretReference&) const = default;
  auto operator<=>(const SecretReference&) const = default;
};

// As it is written.
std::string Format(const SecretReference& reference);

using SecretReferences = std::vector<SecretReference>;

// The value that a reference stands for, as it was found; the error says why there is none and
// never quotes a secret.
using ReadSecret = std::function<base::Expected<std::string, std::string>(const SecretReference&)>;

// A literal, in which `$${` has become `${`, or a reference.
using TextPart = std::variant<std::string, SecretReference>;

// The error says where in the text a reference is not written as it should be, and quotes nothing:
// the text around it may be a credential.
base::Expected<std::vector<TextPart>, std::string> ParseReferences(std::string_view text);

// A text with its references replaced.
struct ResolvedText {
  std::string text = {};
  std::optional<size_t> first_secret = {};  // where the first begins in it; absent: all is literal
  bool is_complete = true;                  // false: nothing was there to read a reference with
};

base::Secret ToSecret(ResolvedText text);

// Replaces references in values. The value that one stands for is not searched for others.
class SecretResolver {
 public:
  // With null only the syntax is judged. `read` must outlive the resolver.
  explicit SecretResolver(const ReadSecret* read) : read_(read) {}

  // A line end at the end of a secret is left out. One that is blank otherwise, or that cannot be
  // read, is an error, and so is one that comes after a thousand others.
  base::Expected<ResolvedText, std::string> Resolve(std::string_view text);

  // What all texts so far refer to, each once.
  const SecretReferences& references() const { return references_; }
  // False when a reference was met that nothing was there to read with.
  bool is_complete() const { return is_complete_; }

 private:
  const ReadSecret* read_;
  SecretReferences references_;
  std::set<SecretReference> seen_;  // the same
  bool is_complete_ = true;
};

struct PropertyProblem {
  std::string property;
  std::string message;
};

// What ProcessConfig holds as `kafka.*`, ready for librdkafka.
base::Expected<std::map<std::string, base::Secret>, PropertyProblem> ResolveProperties(
    const std::map<std::string, std::string>& properties, const ReadSecret& read);

}  // namespace khs::config
