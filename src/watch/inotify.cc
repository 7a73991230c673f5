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

using Unexpected = base::Unexpected<Inotify::Errors>;

// Attempts to arm until the paths did not change meanwhile.
constexpr int kMaxRounds = 5;
// Reads of the buffer in one call of Read.
constexpr int kMaxReads = 8;

// Returns whether it is a regular file with one name. A new hard link to an old file is no write.
bool IsNewFile(const std::string& directory, const std::string& name) {
  struct stat info {};
  return ::lstat((directory + '/' + name).c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         info.st_nlink == 1;
}

}  // namespace

Inotify::Inotify(base::UniqueFd descriptor)
    : descriptor_(std::move(descriptor)), buffer_(std::make_unique<char[]>(kBufferBytes)) {}

base::Expected<Inotify, Inotify::Errors> Inotify::Open() {
  base::UniqueFd descriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!descriptor) {
    const int error = errno;
    return Unexpected({fmt::format("inotify cannot be used: {}{}", ErrorText(error),
                                   error == EMFILE ? " (see fs.inotify.max_user_instances)" : "")});
  }
  return Inotify(std::move(descriptor));
}

base::Expected<Inotify::ArmResult, Inotify::Errors> Inotify::Arm(
    const std::vector<std::filesystem::path>& paths) {
  const WatchedByNumber before = watched_;
  WatchedPlaces places = FindPlaces(paths);
  for (int round = 0; round < kMaxRounds; ++round) {
    if (!places.errors.empty()) return Unexpected(std::move(places.errors));
    Added added = AddAll(places);
    if (!added.errors.empty()) return Unexpected(std::move(added.errors));
    ReplaceWatches(std::move(added.watched));
    // Directories are watched from the root downwards, so a change since then either shows in the
    // new places or causes an event.
    WatchedPlaces now = FindPlaces(paths);
    if (!added.is_anything_missing && now == places) return ArmResult{true, watched_ != before};
    places = std::move(now);
  }
  return ArmResult{false, watched_ != before};
}

Inotify::Added Inotify::AddAll(const WatchedPlaces& places) const {
  Added added;
  for (const auto& [directory, interest] : places.directories) {
    // Two paths of one directory (a bind mount) share a watch, so their masks are merged.
    const uint32_t mask = MaskFor(interest) | IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD;
    const int watch = ::inotify_add_watch(descriptor_.get(), directory.c_str(), mask);
    if (watch >= 0) {
      added.watched.try_emplace(watch, Watched{directory, {}})
          .first->second.interest.Merge(interest);
    } else if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
      added.is_anything_missing = true;
    } else {
      const int error = errno;
      added.errors.push_back(
          fmt::format("{} cannot be watched: {}{}", directory, ErrorText(error),
                      error == ENOSPC ? " (see fs.inotify.max_user_watches)" : ""));
    }
  }
  return added;
}

void Inotify::ReplaceWatches(WatchedByNumber watched) {
  for (const auto& [number, old] : watched_) {
    if (watched.contains(number)) continue;
    // Fails if the watch was removed together with its directory.
    (void)::inotify_rm_watch(descriptor_.get(), number);
    open_files_.RemoveWatch(number);
  }
  watched_ = std::move(watched);
}

RequiredActions Inotify::Read(base::MonotonicTime now) {
  RequiredActions all;
  for (int i = 0; i < kMaxReads; ++i) {
    const ssize_t got = ::read(descriptor_.get(), buffer_.get(), kBufferBytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // EAGAIN: no more events
    for (size_t at = 0; at < static_cast<size_t>(got);) {
      inotify_event head;
      std::memcpy(&head, buffer_.get() + at, sizeof(head));
      const char* name = head.len > 0 ? buffer_.get() + at + sizeof(head) : "";
      at += sizeof(head) + head.len;
      const RequiredActions one = HandleEvent({head.wd, head.mask, name}, now);
      all.look = all.look || one.look;
      all.rearm = all.rearm || one.rearm;
    }
  }
  return all;
}

RequiredActions Inotify::HandleEvent(Event event, base::MonotonicTime now) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    open_files_.Clear();
    return {true, true};
  }
  const auto found = watched_.find(event.watch);
  if (found == watched_.end()) return {};  // the watch was removed meanwhile
  const auto& [directory, interest] = found->second;
  const RequiredActions actions = ActionsFor(interest, event);
  if (actions.look) {
    event.new_file = (event.mask & IN_CREATE) != 0 && IsNewFile(directory, event.name);
    open_files_.Update(event, now);
  }
  if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0) {
    open_files_.RemoveWatch(event.watch);
    watched_.erase(found);
  }
  return actions;
}

}  // namespace khs::watch
