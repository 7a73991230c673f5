#include "reconcile/secret_snapshot.h"

#include <sys/stat.h>

#include <functional>
#include <string_view>

#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

// Detects a replaced directory of certificates, or a replaced file that is too large to read.
size_t FingerprintOfKind(const std::string& file) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return 0;
  size_t all = 1;
  for (const auto number :
       {static_cast<size_t>(info.st_dev), static_cast<size_t>(info.st_ino),
        static_cast<size_t>(info.st_size), static_cast<size_t>(info.st_mtim.tv_sec),
        static_cast<size_t>(info.st_mtim.tv_nsec)}) {
    all = all * 31 + number;
  }
  return all;
}

size_t FingerprintOf(const std::string& file) {
  const watch::DefinitionFile read = watch::ReadDefinition(file);
  return read.error.empty() ? std::hash<std::string>{}(read.content) : FingerprintOfKind(file);
}

}  // namespace

SecretSnapshot::Content SecretSnapshot::Read(const config::SecretReference& reference) {
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
  const auto known = contents_.secrets.find(file.string());
  if (known != contents_.secrets.end()) return known->second;
  return contents_.secrets.emplace(file.string(), files_.Read(file)).first->second;
}

size_t SecretSnapshot::Fingerprint(const std::string& file) {
  paths_.insert(file);
  const auto known = contents_.fingerprints.find(file);
  if (known != contents_.fingerprints.end()) return known->second;
  return contents_.fingerprints.emplace(file, FingerprintOf(file)).first->second;
}

}  // namespace khs::reconcile
