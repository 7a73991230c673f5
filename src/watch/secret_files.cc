#include "watch/secret_files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/unique_fd.h"
#include "watch/read_file.h"

namespace khs::watch {
namespace {

namespace fs = std::filesystem;

using Unexpected = base::Unexpected<std::string>;

// How often a file is looked for whose volume is swapped at this very moment.
constexpr int kMaxTries = 200;

// Whether every component of `directory` is one of `path`: /a/b holds /a/b/c and not /a/bc.
bool Holds(const fs::path& directory, const fs::path& path) {
  const auto end = directory.has_filename() ? directory.end() : std::prev(directory.end());
  return std::mismatch(directory.begin(), end, path.begin(), path.end()).first == end;
}

// What is wrong with a path whatever there is on the disk; empty when nothing is.
std::string_view JudgePath(const fs::path& file) {
  if (file.native().find('\0') != std::string::npos) return "a NUL in its path";
  if (!file.is_absolute()) return "its path is not absolute";
  if (std::find(file.begin(), file.end(), "..") != file.end()) return ".. in its path";
  return {};
}

struct Failure {
  std::string reason;
  bool may_pass = false;  // a swap at this moment would look the same
};

// Where a file is, free of links.
struct Place {
  fs::path root;    // an allowed directory
  fs::path inside;  // from there
};

Failure FailureOf(int error) {
  // Of a path whose directories and links are replaced, or of one that isn't there.
  const bool may_pass = error == ENOENT || error == ENOTDIR || error == ELOOP;
  return {ErrorText(error), may_pass};
}

base::Expected<Place, Failure> Find(const std::vector<fs::path>& allowed, const fs::path& file) {
  bool is_named_inside = false;
  std::vector<fs::path> roots;
  for (const fs::path& directory : allowed) {
    std::error_code error;
    fs::path root = fs::canonical(directory, error);
    is_named_inside = is_named_inside || Holds(directory, file) || (!error && Holds(root, file));
    if (!error) roots.push_back(std::move(root));
  }
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (!error) {
    const auto root = std::find_if(roots.begin(), roots.end(),
                                   [&](const fs::path& each) { return Holds(each, real); });
    if (root != roots.end()) return Place{*root, real.lexically_relative(*root)};
  }
  // Of what is outside it must not be told whether it exists.
  if (!is_named_inside) return base::Unexpected<Failure>({"outside secrets.dirs"});
  if (error) return base::Unexpected<Failure>(FailureOf(error.value()));
  return base::Unexpected<Failure>({"a link leads out of secrets.dirs", true});
}

// Opened step by step without following any link, so that nothing that is put into its way since
// leads elsewhere.
base::Expected<base::UniqueFd, Failure> Open(const Place& place) {
  const auto failure = [] { return base::Unexpected<Failure>(FailureOf(errno)); };
  base::UniqueFd at(::open(place.root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) return failure();
  for (const fs::path& component : place.inside.parent_path()) {
    base::UniqueFd next(
        ::openat(at.get(), component.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return failure();
    at = std::move(next);
  }
  // To open what is no file may do something to it, so it is asked first. O_NONBLOCK is for a FIFO
  // that takes the file's place in between.
  const fs::path name = place.inside.filename();
  struct stat info {};
  if (::fstatat(at.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return failure();
  if (!S_ISREG(info.st_mode)) {
    return base::Unexpected<Failure>({"not a regular file", S_ISLNK(info.st_mode)});
  }
  base::UniqueFd file(
      ::openat(at.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return failure();
  return file;
}

base::Expected<base::UniqueFd, Failure> FindAndOpen(const std::vector<fs::path>& allowed,
                                                    const fs::path& file) {
  const auto place = Find(allowed, file);
  if (!place) return base::Unexpected<Failure>(place.error());
  return Open(*place);
}

base::Expected<std::string, std::string> Judge(std::string content) {
  if (content.empty()) return Unexpected("empty");
  if (content.find('\0') != std::string::npos) return Unexpected("holds a NUL");
  return content;
}

}  // namespace

SecretFiles::SecretFiles(std::vector<fs::path> allowed) : allowed_(std::move(allowed)) {
  std::erase_if(allowed_, [](const fs::path& directory) { return directory.empty(); });
}

base::Expected<std::string, std::string> SecretFiles::Read(const fs::path& file) const {
  if (const std::string_view reason = JudgePath(file); !reason.empty()) {
    return Unexpected(std::string(reason));
  }
  auto opened = FindAndOpen(allowed_, file);
  for (int i = 1; i < kMaxTries && !opened && opened.error().may_pass; ++i) {
    opened = FindAndOpen(allowed_, file);
  }
  if (!opened) return Unexpected(std::move(opened.error().reason));
  auto content = ReadRegularFile(opened->get(), kMaxSecretBytes);
  if (!content) return Unexpected(std::move(content.error()));
  return Judge(std::move(*content));
}

}  // namespace khs::watch
