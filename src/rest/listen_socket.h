#pragma once

#include <string>

#include "base/unique_fd.h"

namespace khs::rest {

// A socket that listens and does not block; port 0 lets the system choose. Throws
// std::runtime_error naming the address.
base::UniqueFd ListenOn(const std::string& host, int port);

// Throws std::system_error.
int PortOf(const base::UniqueFd& listener);

struct Accepted {
  base::UniqueFd socket;       // does not block; none: see `error`
  bool from_loopback = false;  // the caller is on this machine, or in this pod
  int error = 0;               // errno; EAGAIN: there is nobody
};

Accepted AcceptOn(const base::UniqueFd& listener);

}  // namespace khs::rest
