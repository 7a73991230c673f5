#include "watch/snapshot.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace khs::watch {
namespace {

namespace fs = std::filesystem;

// A volume that is swapped more often than this while it is read is still being written.
constexpr int kMaxReads = 100;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string ErrorText() { return std::strerror(errno); }

bool IsDefinitionName(const std::string& name) {
  return name.size() > 5 && name.front() != '.' && name.ends_with(".toml");
}

// Names of one directory; an error goes into the snapshot.
std::vector<std::string> ListDefinitions(const fs::path& directory, std::string& error) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator it(directory, code), end; !code && it != end; it.increment(code)) {
    if (std::string name = it->path().filename().string(); IsDefinitionName(name)) {
      names.push_back(std::move(name));
    }
  }
  if (code) error = code.message();
  return names;
}

std::string ReadAll(int fd, std::string& content) {
  std::array<char, 65536> chunk;
  while (true) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrorText();
    if (got == 0) return {};
    content.append(chunk.data(), static_cast<size_t>(got));
    if (content.size() > kMaxDefinitionBytes) return "larger than 1 MiB";
  }
}

Snapshot ReadOnce(const fs::path& directory, const fs::path& data) {
  Snapshot snapshot;
  std::vector<std::string> names = ListDefinitions(directory, snapshot.error);
  if (!snapshot.error.empty()) return snapshot;
  if (!data.empty()) {
    // What the link holds is the truth; the names beside it are added before or removed after the
    // swap.
    std::erase_if(names, [&](const std::string& name) { return fs::is_symlink(directory / name); });
    for (std::string& name : ListDefinitions(directory / data, snapshot.error)) {
      if (std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(std::move(name));
    }
  }
  std::sort(names.begin(), names.end());
  if (names.size() > kMaxDefinitionFiles) {
    snapshot.error = "more than 1000 definition files";
    return snapshot;
  }
  for (const std::string& name : names) {
    const fs::path inside = directory / data / name;
    DefinitionFile file =
        ReadDefinition(!data.empty() && fs::exists(inside) ? inside : directory / name);
    file.path = (directory / name).string();
    snapshot.files.push_back(std::move(file));
  }
  return snapshot;
}

}  // namespace

DefinitionFile ReadDefinition(const fs::path& path) {
  DefinitionFile file{path.string(), path.stem().string(), {}, {}};
  // Without O_NONBLOCK a FIFO would be waited for.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info {};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    file.error = ErrorText();
  } else if (!S_ISREG(info.st_mode)) {
    file.error = "not a regular file";
  } else {
    file.error = ReadAll(fd.get(), file.content);
  }
  if (!file.error.empty()) file.content.clear();
  return file;
}

Snapshot ReadDirectory(const fs::path& directory) {
  const auto data_link = [&] {
    std::error_code none;
    return fs::read_symlink(directory / "..data", none);
  };
  for (int i = 0; i < kMaxReads; ++i) {
    const fs::path before = data_link();
    Snapshot snapshot = ReadOnce(directory, before);
    if (data_link() == before) return snapshot;
  }
  return {{}, "the volume keeps changing while it is read"};
}

}  // namespace khs::watch
