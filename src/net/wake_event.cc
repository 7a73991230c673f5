#include "net/wake_event.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <system_error>

namespace khs::net {

WakeEvent::WakeEvent() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw std::system_error(errno, std::system_category(), "eventfd");
}

// The write fails only when the counter is full, and then the event is already set.
void WakeEvent::Set() noexcept { (void)::eventfd_write(event_.get(), 1); }

void WakeEvent::Clear() noexcept {
  eventfd_t count = 0;
  (void)::eventfd_read(event_.get(), &count);
}

}  // namespace khs::net
