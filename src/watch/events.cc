#include "watch/events.h"

#include <sys/inotify.h>

namespace khs::watch {
namespace {

// A name was added, removed or replaced.
constexpr uint32_t kNames = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
// Not IN_OPEN, IN_ACCESS and IN_ATTRIB, because kubelet reads its files every minute.
constexpr uint32_t kContent = IN_MODIFY | IN_CLOSE_WRITE;
constexpr uint32_t kItself = IN_DELETE_SELF | IN_MOVE_SELF;
// Sent without a request.
constexpr uint32_t kEnd = IN_IGNORED | IN_UNMOUNT;

}  // namespace

RequiredActions ActionsFor(const Interest& interest, const Event& event) {
  if ((event.mask & (kItself | kEnd)) != 0) return {true, true};
  const bool is_component = interest.names.contains(event.name);
  const bool is_content = interest.everything && IsDefinitionOrDataLink(event.name);
  if (!is_component && !is_content) return {};
  return {true, (event.mask & kNames) != 0};
}

uint32_t MaskFor(const Interest& interest) {
  return kNames | kItself | (interest.is_end ? kContent : 0);
}

void OpenFiles::Update(const Event& event, base::MonotonicTime now) {
  const File file(event.watch, event.name);
  if ((event.mask & IN_MODIFY) != 0 || event.new_file) {
    files_[file] = now;
  } else if ((event.mask & (kNames | IN_CLOSE_WRITE)) != 0) {
    files_.erase(file);
  }
}

void OpenFiles::RemoveWatch(int watch) {
  std::erase_if(files_, [&](const auto& entry) { return entry.first.first == watch; });
}

bool OpenFiles::HasAny(base::MonotonicTime now) {
  std::erase_if(files_, [&](const auto& entry) { return now - entry.second > kWriterSilence; });
  return !files_.empty();
}

}  // namespace khs::watch
