#pragma once

#include "base/unique_fd.h"

namespace khs::net {

// Event by which any thread wakes a loop. The loop shares ownership with threads that may outlive
// it.
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
