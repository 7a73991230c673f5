#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "config/secrets.h"
#include "watch/secret_files.h"

namespace khs::reconcile {

// What the secrets and the files beside the definitions were at one look. Every one is read once,
// so all connectors see the same.
class SecretLook {
 public:
  using Content = base::Expected<std::string, std::string>;
  using Environment = std::map<std::string, std::string>;

  // Both outlive it.
  SecretLook(const watch::SecretFiles& files, const Environment& environment)
      : files_(files), environment_(environment) {}

  Content Read(const config::SecretReference& reference);
  // Of the content of any file; 0 when it can't be read.
  size_t Fingerprint(const std::string& file);

  // All of it, to be compared with another look's.
  struct Contents {
    std::map<std::string, Content> secrets;      // by file
    std::map<std::string, size_t> fingerprints;  // by file

    bool operator==(const Contents&) const = default;
  };
  const Contents& contents() const { return contents_; }
  // Reads nothing anew that is in there.
  void Recall(Contents contents) { contents_ = std::move(contents); }

  // The files that were read, or should have been.
  const std::set<std::filesystem::path>& files() const { return paths_; }

 private:
  const watch::SecretFiles& files_;
  const Environment& environment_;
  Contents contents_;
  std::set<std::filesystem::path> paths_;
};

}  // namespace khs::reconcile
