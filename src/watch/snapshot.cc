#include "watch/snapshot.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"
#include "base/utf8.h"
#include "watch/read_file.h"

namespace khs::watch {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDataLink = "..data";
// The time limit of repeated reads of a directory that keeps changing.
constexpr std::chrono::milliseconds kMaxReadTime{500};

// Returns the target of a link; nullopt when it is no link or does not exist.
std::optional<std::string> ReadLink(int directory, const char* name) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlinkat(directory, name, target.data(), target.size());
  if (length < 0) return std::nullopt;
  return std::string(target.data(), static_cast<size_t>(length));
}

// An open directory. It stays the same one if its path is retargeted.
class Directory {
 public:
  // Sets `error` to 0, or to the errno of a failed open.
  Directory(int at, const char* path, int& error) {
    base::UniqueFd descriptor(::openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor) stream_.reset(::fdopendir(descriptor.get()));
    error = stream_ ? 0 : errno;
    if (stream_) (void)descriptor.Release();
  }

  int descriptor() const { return ::dirfd(stream_.get()); }

  // Lists the definitions, at most one more than allowed. Can be called once. Sets `error` to 0 or
  // to an errno. Adds entries that are no definitions to `ignored`, if given.
  std::set<std::string> List(int& error, IgnoredEntries* ignored = nullptr) {
    // A set, because readdir may return an entry twice that is renamed meanwhile.
    std::set<std::string> names;
    std::set<std::string> others;
    while (names.size() <= kMaxDefinitionFiles) {
      errno = 0;
      const dirent* entry = ::readdir(stream_.get());
      error = entry == nullptr ? errno : 0;
      if (entry == nullptr) break;
      if (IsDefinitionName(entry->d_name)) {
        names.emplace(entry->d_name);
      } else if (ignored != nullptr && !IsIgnoredSilently(entry->d_name)) {
        ++ignored->count;
        others.emplace(base::Printable(entry->d_name));
        if (others.size() > kMaxIgnoredNames) others.erase(std::prev(others.end()));
      }
    }
    if (ignored != nullptr) ignored->names.assign(others.begin(), others.end());
    return names;
  }

  // Returns whether the path leads to this directory now.
  bool IsAt(int at, const char* path) const {
    struct stat mine {};
    struct stat there {};
    return ::fstat(descriptor(), &mine) == 0 && ::fstatat(at, path, &there, 0) == 0 &&
           mine.st_dev == there.st_dev && mine.st_ino == there.st_ino;
  }

 private:
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  std::unique_ptr<DIR, Close> stream_;
};

// A file to read.
struct Entry {
  std::string name;
  int directory;  // descriptor of the directory to read it in
  bool atomic;

  bool operator<(const Entry& other) const { return name < other.name; }
};

enum class ReadOutcome {
  kDone,      // the file has its content or an error
  kGone,      // the file was removed since it was listed
  kShortage,  // the process is out of descriptors or memory
};

ReadOutcome Read(int directory, const char* name, DefinitionFile& file) {
  // O_NONBLOCK, because opening a FIFO would block.
  const base::UniqueFd descriptor(
      ::openat(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!descriptor) {
    const int error = errno;
    file.error = ErrorText(error);
    if (error == EMFILE || error == ENFILE || error == ENOMEM) return ReadOutcome::kShortage;
    struct stat link {};
    const bool is_gone =
        error == ENOENT && ::fstatat(directory, name, &link, AT_SYMLINK_NOFOLLOW) != 0;
    return is_gone ? ReadOutcome::kGone : ReadOutcome::kDone;
  }
  auto content = ReadRegularFile(descriptor.get(), kMaxDefinitionBytes);
  if (content) {
    file.content = std::move(*content);
  } else {
    file.error = std::move(content.error());
  }
  return ReadOutcome::kDone;
}

// Returns what is wrong with a name; empty if it can be displayed unambiguously.
std::string ValidateName(std::string_view name) {
  if (!base::IsUtf8(name)) return "its name is not UTF-8";
  if (base::HasControlCharacter(name)) return "its name holds a control character";
  return {};
}

Snapshot ReadEntries(const fs::path& directory, const std::set<Entry>& entries) {
  if (entries.size() > kMaxDefinitionFiles) {
    return {{}, fmt::format("more than {} definition files", kMaxDefinitionFiles)};
  }
  Snapshot snapshot;
  for (const Entry& entry : entries) {
    const fs::path shown = directory / base::Printable(entry.name);
    DefinitionFile file{shown.string(), shown.stem().string(), {}, {}, entry.atomic};
    file.error = ValidateName(entry.name);
    if (file.error.empty()) {
      const ReadOutcome end = Read(entry.directory, entry.name.c_str(), file);
      if (end == ReadOutcome::kShortage) return {{}, file.error};
      if (end == ReadOutcome::kGone) continue;
    }
    snapshot.files.push_back(std::move(file));
  }
  return snapshot;
}

// Adds the definitions in the directory itself, except the links that belong to its volume.
int ListBesideVolume(Directory& directory, bool is_volume, std::set<Entry>& entries,
                     IgnoredEntries& ignored) {
  int error = 0;
  for (const std::string& name : directory.List(error, &ignored)) {
    const auto target =
        is_volume ? ReadLink(directory.descriptor(), name.c_str()) : std::optional<std::string>();
    const std::string inside = std::string(kDataLink) + "/";
    // A link of the volume, which may be older or newer than `..data`.
    if (target == inside + name) continue;
    entries.insert({name, directory.descriptor(), target && target->starts_with(inside)});
  }
  return error;
}

struct Reading {
  Snapshot snapshot;
  bool is_torn;  // a link was retargeted meanwhile
};

Snapshot ReadPlain(const fs::path& path, Directory& directory) {
  std::set<Entry> entries;
  IgnoredEntries ignored;
  const int error = ListBesideVolume(directory, false, entries, ignored);
  if (error != 0) return {{}, ErrorText(error)};
  Snapshot snapshot = ReadEntries(path, entries);
  snapshot.ignored = std::move(ignored);
  return snapshot;
}

Reading ReadVolume(const fs::path& path, Directory& directory) {
  int error = 0;
  Directory data(directory.descriptor(), kDataLink, error);
  if (error != 0) {
    return {{{}, fmt::format("{} cannot be read: {}", kDataLink, ErrorText(error))}, false};
  }
  std::set<Entry> entries;
  IgnoredEntries ignored;
  error = ListBesideVolume(directory, true, entries, ignored);
  // A file beside the volume hides one of the same name in it.
  const std::set<std::string> inside = error == 0 ? data.List(error) : std::set<std::string>();
  for (const std::string& name : inside) entries.insert({name, data.descriptor(), true});
  Snapshot snapshot = error == 0 ? ReadEntries(path, entries) : Snapshot{{}, ErrorText(error)};
  snapshot.ignored = std::move(ignored);
  return {std::move(snapshot), !data.IsAt(directory.descriptor(), kDataLink)};
}

Reading ReadOnce(const fs::path& path) {
  int error = 0;
  Directory directory(AT_FDCWD, path.c_str(), error);
  if (error != 0) return {{{}, ErrorText(error)}, false};
  const auto before = ReadLink(directory.descriptor(), kDataLink);
  Reading reading =
      before ? ReadVolume(path, directory) : Reading{ReadPlain(path, directory), false};
  // Compares the link's text too, because a new directory may reuse the inode of the old one.
  if (ReadLink(directory.descriptor(), kDataLink) != before) reading.is_torn = true;
  if (!directory.IsAt(AT_FDCWD, path.c_str())) reading.is_torn = true;
  return reading;
}

}  // namespace

bool IsDefinitionName(std::string_view name) {
  return name.size() > 5 && name.front() != '.' && name.ends_with(".toml");
}

bool IsIgnoredSilently(std::string_view name) {
  constexpr std::array kEnds{"~", "#", ".swp", ".swo", ".swx", ".tmp", ".md", ".txt"};
  constexpr std::array kStarts{".", "README", "LICENSE"};
  // Vim creates the first to test for write access; mkfs creates the second.
  constexpr std::array kNames{"4913", "lost+found"};
  const auto any_of = [](const auto& texts, const auto& matches) {
    return std::any_of(texts.begin(), texts.end(), matches);
  };
  return any_of(kEnds, [name](const char* end) { return name.ends_with(end); }) ||
         any_of(kStarts, [name](const char* start) { return name.starts_with(start); }) ||
         any_of(kNames, [name](const char* whole) { return name == whole; });
}

DefinitionFile ReadDefinition(const fs::path& path) {
  DefinitionFile file{path.string(), path.stem().string(), {}, {}};
  (void)Read(AT_FDCWD, path.c_str(), file);  // the error is in the file
  return file;
}

Snapshot ReadDirectory(const fs::path& directory) {
  const auto deadline = std::chrono::steady_clock::now() + kMaxReadTime;
  do {
    Reading reading = ReadOnce(directory);
    if (!reading.is_torn) return std::move(reading.snapshot);
  } while (std::chrono::steady_clock::now() < deadline);
  return {{}, "it keeps changing while it is read"};
}

}  // namespace khs::watch
