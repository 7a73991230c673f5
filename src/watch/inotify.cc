#include "watch/inotify.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "watch/read_file.h"

namespace khs::watch {
namespace {

using Unexpected = base::Unexpected<Inotify::Troubles>;

// How often places are looked for anew before they count as restless.
constexpr int kMaxRounds = 5;
// How often the buffer is filled in one call.
constexpr int kMaxReads = 8;

// A regular file with one name. A link that is made to an older file is no writing.
bool IsNewFile(const std::string& directory, const std::string& name) {
  struct stat info {};
  return ::lstat((directory + '/' + name).c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         info.st_nlink == 1;
}

}  // namespace

Inotify::Inotify(base::UniqueFd descriptor)
    : descriptor_(std::move(descriptor)), buffer_(std::make_unique<char[]>(kBufferBytes)) {}

base::Expected<Inotify, Inotify::Troubles> Inotify::Open() {
  base::UniqueFd descriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!descriptor) {
    const int error = errno;
    return Unexpected({fmt::format("inotify cannot be used: {}{}", ErrorText(error),
                                   error == EMFILE ? " (see fs.inotify.max_user_instances)" : "")});
  }
  return Inotify(std::move(descriptor));
}

base::Expected<Inotify::Armed, Inotify::Troubles> Inotify::Arm(
    const std::vector<std::filesystem::path>& paths) {
  const WatchedByNumber before = watched_;
  WatchedPlaces places = FindPlaces(paths);
  for (int round = 0; round < kMaxRounds; ++round) {
    if (!places.troubles.empty()) return Unexpected(std::move(places.troubles));
    Added added = AddAll(places);
    if (!added.troubles.empty()) return Unexpected(std::move(added.troubles));
    Adopt(std::move(added.watched));
    // Directories are watched from the root on, so what has changed since is seen now, or told by a
    // watch.
    WatchedPlaces now = FindPlaces(paths);
    if (!added.is_anything_gone && now == places) return Armed{true, watched_ != before};
    places = std::move(now);
  }
  return Armed{false, watched_ != before};
}

Inotify::Added Inotify::AddAll(const WatchedPlaces& places) const {
  Added added;
  for (const auto& [directory, interest] : places.directories) {
    // A directory of two paths (a bind mount) has one watch, which must tell what either wants.
    const uint32_t mask = MaskFor(interest) | IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD;
    const int watch = ::inotify_add_watch(descriptor_.get(), directory.c_str(), mask);
    if (watch >= 0) {
      added.watched.try_emplace(watch, Watched{directory, {}})
          .first->second.interest.Merge(interest);
    } else if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
      added.is_anything_gone = true;
    } else {
      const int error = errno;
      added.troubles.push_back(
          fmt::format("{} cannot be watched: {}{}", directory, ErrorText(error),
                      error == ENOSPC ? " (see fs.inotify.max_user_watches)" : ""));
    }
  }
  return added;
}

void Inotify::Adopt(WatchedByNumber watched) {
  for (const auto& [number, old] : watched_) {
    if (watched.contains(number)) continue;
    // Fails where the directory has gone and its watch with it.
    (void)::inotify_rm_watch(descriptor_.get(), number);
    open_files_.ForgetWatch(number);
  }
  watched_ = std::move(watched);
}

Consequence Inotify::Read(base::MonotonicTime now) {
  Consequence all;
  for (int i = 0; i < kMaxReads; ++i) {
    const ssize_t got = ::read(descriptor_.get(), buffer_.get(), kBufferBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // EAGAIN: that is all
    for (size_t at = 0; at < static_cast<size_t>(got);) {
      inotify_event head;
      std::memcpy(&head, buffer_.get() + at, sizeof(head));
      const char* name = head.len > 0 ? buffer_.get() + at + sizeof(head) : "";
      at += sizeof(head) + head.len;
      const Consequence one = Take({head.wd, head.mask, name}, now);
      all.look = all.look || one.look;
      all.rearm = all.rearm || one.rearm;
    }
  }
  return all;
}

Consequence Inotify::Take(Event event, base::MonotonicTime now) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    open_files_.Clear();
    return {true, true};
  }
  const auto found = watched_.find(event.watch);
  if (found == watched_.end()) return {};  // of a watch that was removed meanwhile
  const auto& [directory, interest] = found->second;
  const Consequence consequence = Judge(interest, event);
  if (consequence.look) {
    event.new_file = (event.mask & IN_CREATE) != 0 && IsNewFile(directory, event.name);
    open_files_.Note(event, now);
  }
  if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
    open_files_.ForgetWatch(event.watch);
    watched_.erase(found);
  }
  return consequence;
}

}  // namespace khs::watch
