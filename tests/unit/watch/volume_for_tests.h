#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "unit/watch/directory_for_tests.h"

namespace khs::watch {

// Writes a directory like kubelet writes a ConfigMap volume.
class VolumeForTests {
 public:
  // When the links of new keys are created.
  enum class Links { kAfterSwap, kBeforeSwap };
  using Files = std::map<std::string, std::string>;

  explicit VolumeForTests(fs::path path, Links links = Links::kAfterSwap)
      : path_(std::move(path)), links_(links) {
    fs::create_directories(path_);
  }

  void Put(const Files& files) {
    const fs::path old = data_;
    data_ = "..2026_" + std::to_string(++version_);
    fs::create_directory(path_ / data_);
    for (const auto& [name, content] : files) WriteFile(path_ / data_ / name, content);
    if (links_ == Links::kBeforeSwap) AddLinks(files);
    PointLink(path_ / "..data", data_);
    if (links_ == Links::kAfterSwap) AddLinks(files);
    for (const auto& [name, content] : files_) {
      if (!files.contains(name)) fs::remove(path_ / name);
    }
    if (!old.empty()) fs::remove_all(path_ / old);
    files_ = files;
  }

  const fs::path& path() const { return path_; }
  // The directory with the files.
  const fs::path& data() const { return data_; }

 private:
  void AddLinks(const Files& files) const {
    for (const auto& [name, content] : files) {
      if (!files_.contains(name)) fs::create_symlink(fs::path("..data") / name, path_ / name);
    }
  }

  fs::path path_;
  Links links_;
  fs::path data_;
  Files files_;
  uint64_t version_ = 0;
};

}  // namespace khs::watch
