#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "http/poller.h"

namespace khs::http {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  std::string ToString() const;  // [ADDRESS]:PORT or ADDRESS:PORT
};

// What a look-up brought: addresses, or what is said about having none.
struct Lookup {
  std::vector<Address> addresses;
  std::string problem;
};

// Looks up one host's addresses, again for every new connection, because they change. The C
// library's look-up cannot be interrupted, so it runs on a thread of its own; there is never more
// than one such thread, and a Resolver may go while it still runs. One thread.
class Resolver {
 public:
  // `done` is set whenever a look-up has come to its end.
  Resolver(std::string host, uint16_t port, std::shared_ptr<WakeEvent> done);
  ~Resolver();

  // At once, where the host is an address itself.
  std::optional<std::vector<Address>> Literal() const;

  // Starts a look-up unless one is under way.
  void Start();
  // What the last look-up brought that came to its end since this was asked last.
  std::optional<Lookup> Take();

 private:
  struct Lookups;

  std::shared_ptr<Lookups> lookups_;
};

}  // namespace khs::http
