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

// The secrets and TLS files that definitions refer to. Each is read once, so all definitions of a
// scan see the same content. Lives for one scan, on the reconciler's thread.
class SecretSnapshot {
 public:
  using Content = base::Expected<std::string, std::string>;
  using Environment = std::map<std::string, std::string>;

  // The arguments must outlive this object.
  SecretSnapshot(const watch::SecretFiles& files, const Environment& environment)
      : files_(files), environment_(environment) {}

  Content Read(const config::SecretReference& reference);
  // A hash of a file's content; 0 when it can't be read.
  size_t Fingerprint(const std::string& file);

  // Everything that was read, for comparison with another scan.
  struct Contents {
    std::map<std::string, Content> secrets;      // by file
    std::map<std::string, size_t> fingerprints;  // by file

    bool operator==(const Contents&) const = default;
  };
  const Contents& contents() const { return contents_; }
  // Uses this content instead of reading the files again.
  void Preload(Contents contents) { contents_ = std::move(contents); }

  // The files that were read, or could not be.
  const std::set<std::filesystem::path>& files() const { return paths_; }

 private:
  const watch::SecretFiles& files_;
  const Environment& environment_;
  Contents contents_;
  std::set<std::filesystem::path> paths_;
};

}  // namespace khs::reconcile
