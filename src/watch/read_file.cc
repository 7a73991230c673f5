#include "watch/read_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/unique_fd.h"

namespace khs::watch {
namespace {

using Unexpected = base::Unexpected<std::string>;

std::string SizeText(size_t bytes) {
  const size_t kib = bytes >> 10;
  return kib % 1024 == 0 ? fmt::format("{} MiB", kib / 1024) : fmt::format("{} KiB", kib);
}

}  // namespace

std::string ErrorText(int error) { return std::generic_category().message(error); }

base::Expected<std::string, std::string> ReadRegularFile(int descriptor, size_t limit_bytes) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) return Unexpected(ErrorText(errno));
  if (!S_ISREG(info.st_mode)) return Unexpected("not a regular file");
  std::string content;
  std::array<char, 65536> chunk;
  while (true) {
    const ssize_t got = ::read(descriptor, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Unexpected(ErrorText(errno));
    if (got == 0) return content;
    content.append(chunk.data(), static_cast<size_t>(got));
    if (content.size() > limit_bytes) return Unexpected("larger than " + SizeText(limit_bytes));
  }
}

base::Expected<std::string, std::string> ReadRegularFile(const std::string& path,
                                                         size_t limit_bytes) {
  // Opening a device may have side effects, so the type is checked first. O_NONBLOCK covers a FIFO
  // that replaces the file in between.
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return Unexpected(ErrorText(errno));
  if (!S_ISREG(info.st_mode)) return Unexpected("not a regular file");
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return Unexpected(ErrorText(errno));
  return ReadRegularFile(file.get(), limit_bytes);
}

}  // namespace khs::watch
