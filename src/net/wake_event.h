#pragma once

#include "base/unique_fd.h"

namespace khs::net {

// Wakes a loop from another thread. Owned by the loop and by whoever may outlive it. Any thread.
class WakeEvent {
 public:
  WakeEvent();  // throws std::system_error

  void Set() noexcept;
  void Clear() noexcept;
  int descriptor() const { return event_.get(); }

 private:
  base::UniqueFd event_;
};

}  // namespace khs::net
