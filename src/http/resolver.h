#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "delivery/reply.h"

namespace khs::http {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  std::string ToString() const;  // [ADDRESS]:PORT or ADDRESS:PORT
};

// Looks up one host's addresses, again for every new connection, because they change. The C
// library's look-up cannot be interrupted, so it runs on a thread of its own that whoever asks
// waits for until their deadline; there is never more than one such thread, and a Resolver may go
// while it still runs. Several threads at once.
class Resolver {
 public:
  Resolver(std::string host, uint16_t port);
  ~Resolver();

  // Never empty. The error is a RequestFault, or Aborted after Abort.
  base::Expected<std::vector<Address>, delivery::Reply> Resolve(base::MonotonicTime deadline);

  void Abort();

 private:
  struct Lookups;

  std::shared_ptr<Lookups> lookups_;
};

}  // namespace khs::http
