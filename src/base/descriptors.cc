#include "base/descriptors.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/unique_fd.h"

namespace khs::base {
namespace {

constexpr size_t kReserve = 100;

size_t ToSize(rlim_t limit) {
  return limit == RLIM_INFINITY ? std::numeric_limits<size_t>::max() : static_cast<size_t>(limit);
}

bool IsAllowed(Claim claim, int descriptor) {
  const size_t limit = MaxDescriptors();
  const size_t left_to_others = claim == Claim::kMore ? limit / 8 : 0;
  return static_cast<size_t>(descriptor) < limit - ReservedDescriptors(limit) - left_to_others;
}

}  // namespace

size_t MaxDescriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<size_t>::max();
  return ToSize(limit.rlim_cur);
}

size_t ReservedDescriptors(size_t limit) { return std::min(kReserve, limit / 4); }

std::optional<size_t> OpenDescriptors() {
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  if (error) return std::nullopt;
  size_t count = 0;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  if (error || count == 0) return std::nullopt;
  return count - 1;  // without the iterator's own
}

RaisedLimit RaiseMaxDescriptors() {
  const size_t before = MaxDescriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);  // the caller logs the result
  }
  return {before, MaxDescriptors()};
}

bool IsReserved(int descriptor) { return !IsAllowed(Claim::kNeeded, descriptor); }

int OpenSocket(int domain, int type, int protocol, Claim claim) {
  const int descriptor = ::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (descriptor < 0 || IsAllowed(claim, descriptor)) return descriptor;
  ::close(descriptor);
  errno = EMFILE;
  return -1;
}

bool IsNearDescriptorLimit() {
  const UniqueFd probe(::eventfd(0, EFD_CLOEXEC));
  return !probe || !IsAllowed(Claim::kMore, probe.get());
}

bool IsDescriptorShortage(int error) { return error == EMFILE || error == ENFILE; }

}  // namespace khs::base
