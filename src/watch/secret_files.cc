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

// Attempts to open a file while its volume is being swapped.
constexpr int kMaxTries = 200;

// Returns whether `path` is within `directory`: /a/b contains /a/b/c but not /a/bc.
bool Contains(const fs::path& directory, const fs::path& path) {
  const auto end = directory.has_filename() ? directory.end() : std::prev(directory.end());
  return std::mismatch(directory.begin(), end, path.begin(), path.end()).first == end;
}

// Returns what is wrong with a path regardless of the disk; empty if it is valid.
std::string_view ValidatePath(const fs::path& file) {
  if (file.native().find('\0') != std::string::npos) return "a NUL in its path";
  if (!file.is_absolute()) return "its path is not absolute";
  if (std::find(file.begin(), file.end(), "..") != file.end()) return ".. in its path";
  return {};
}

struct Failure {
  std::string reason;
  bool may_be_transient = false;  // the swap of a volume can cause it
};

// A file's real path, without links.
struct Place {
  fs::path root;    // an allowed directory
  fs::path inside;  // relative to the root
};

Failure FailureOf(int error) {
  // They also occur while directories and links are being replaced.
  const bool may_be_transient = error == ENOENT || error == ENOTDIR || error == ELOOP;
  return {ErrorText(error), may_be_transient};
}

base::Expected<Place, Failure> Find(const std::vector<fs::path>& allowed, const fs::path& file) {
  bool is_named_inside = false;
  std::vector<fs::path> roots;
  for (const fs::path& directory : allowed) {
    std::error_code error;
    fs::path root = fs::canonical(directory, error);
    is_named_inside =
        is_named_inside || Contains(directory, file) || (!error && Contains(root, file));
    if (!error) roots.push_back(std::move(root));
  }
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  if (!error) {
    const auto root = std::find_if(roots.begin(), roots.end(),
                                   [&](const fs::path& each) { return Contains(each, real); });
    if (root != roots.end()) return Place{*root, real.lexically_relative(*root)};
  }
  // The error must not reveal whether a file outside exists.
  if (!is_named_inside) return base::Unexpected<Failure>({"outside secrets.dirs"});
  if (error) return base::Unexpected<Failure>(FailureOf(error.value()));
  return base::Unexpected<Failure>({"a link leads out of secrets.dirs", true});
}

// Opens each component without following links, so a link that was added since Find leads nowhere.
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
  // Opening a device may have side effects, so the type is checked first. O_NONBLOCK covers a FIFO
  // that replaces the file in between.
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

base::Expected<std::string, std::string> ValidateContent(std::string content) {
  if (content.empty()) return Unexpected("empty");
  if (content.find('\0') != std::string::npos) return Unexpected("holds a NUL");
  return content;
}

}  // namespace

SecretFiles::SecretFiles(std::vector<fs::path> allowed) : allowed_(std::move(allowed)) {
  std::erase_if(allowed_, [](const fs::path& directory) { return directory.empty(); });
}

base::Expected<std::string, std::string> SecretFiles::Read(const fs::path& file) const {
  if (const std::string_view reason = ValidatePath(file); !reason.empty()) {
    return Unexpected(std::string(reason));
  }
  auto opened = FindAndOpen(allowed_, file);
  for (int i = 1; i < kMaxTries && !opened && opened.error().may_be_transient; ++i) {
    opened = FindAndOpen(allowed_, file);
  }
  if (!opened) return Unexpected(std::move(opened.error().reason));
  auto content = ReadRegularFile(opened->get(), kMaxSecretBytes);
  if (!content) return Unexpected(std::move(content.error()));
  return ValidateContent(std::move(*content));
}

}  // namespace khs::watch
