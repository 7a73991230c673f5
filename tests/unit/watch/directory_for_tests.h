#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace khs::watch {

namespace fs = std::filesystem;

// A temporary directory, removed by the destructor.
class DirectoryForTests {
 public:
  DirectoryForTests() {
    std::string name = (fs::canonical(fs::temp_directory_path()) / "khs-watch-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  DirectoryForTests(const DirectoryForTests&) = delete;
  DirectoryForTests& operator=(const DirectoryForTests&) = delete;
  ~DirectoryForTests() {
    std::error_code none;
    fs::remove_all(path_, none);
  }

  const fs::path& path() const { return path_; }
  fs::path operator/(const fs::path& name) const { return path_ / name; }

 private:
  fs::path path_;
};

inline void WriteFile(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content << std::flush;
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

// Creates or retargets a link atomically.
inline void PointLink(const fs::path& link, const fs::path& target) {
  const fs::path made = link.string() + "_tmp";
  fs::create_symlink(target, made);
  fs::rename(made, link);
}

}  // namespace khs::watch
