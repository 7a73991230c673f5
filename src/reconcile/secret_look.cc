#include "reconcile/secret_look.h"

#include <algorithm>
#include <functional>

#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

size_t FingerprintOf(const std::string& file) {
  const watch::DefinitionFile read = watch::ReadDefinition(file);
  return read.error.empty() ? std::hash<std::string>{}(read.content) : 0;
}

}  // namespace

SecretLook::Content SecretLook::Read(const config::SecretReference& reference) {
  using Kind = config::SecretReference::Kind;
  if (reference.kind == Kind::kEnvironment) {
    const auto found = environment_.find(reference.place);
    if (found == environment_.end()) {
      return base::Unexpected<std::string>("the variable is not set");
    }
    return found->second;
  }
  std::filesystem::path file = reference.place;
  if (reference.kind == Kind::kDirectory) file /= reference.key;
  paths_.insert(file);
  const auto known = contents_.find(file.string());
  if (known != contents_.end()) return known->second;
  return contents_.emplace(file.string(), files_.Read(file)).first->second;
}

size_t SecretLook::Fingerprint(const std::string& file) {
  paths_.insert(file);
  const auto known = fingerprints_.find(file);
  if (known != fingerprints_.end()) return known->second;
  return fingerprints_.emplace(file, FingerprintOf(file)).first->second;
}

bool SecretLook::StillTrue() const {
  return std::all_of(
             contents_.begin(), contents_.end(),
             [this](const auto& entry) { return files_.Read(entry.first) == entry.second; }) &&
         std::all_of(fingerprints_.begin(), fingerprints_.end(),
                     [](const auto& entry) { return FingerprintOf(entry.first) == entry.second; });
}

}  // namespace khs::reconcile
