#pragma once

#include <Poco/AutoPtr.h>

#include <functional>
#include <string>
#include <vector>

#include "http/resolver.h"
#include "net/fiber_socket.h"

namespace khs::http {

// For the messages of a fault.
struct DialNames {
  std::string label;        // host:port
  bool are_secret = false;  // then of an address only what went wrong is told
};

struct Dialled {
  Poco::AutoPtr<net::FiberSocket> socket;  // null: `opener` had no descriptor for the first one
  Address address;
};

// Connects to the first address that takes a connection, by RFC 8305: each one gets 250 ms before
// the next one is tried beside it, and one that fails none. On a fiber, until its deadline.
// `opener` opens a socket of a family that does not block, and returns -1 with errno where it
// can't. Throws Fault; net::Interrupted when cancelled.
Dialled Dial(net::Loop& loop, const std::vector<Address>& addresses, const DialNames& names,
             const std::function<int(int family)>& opener);

// In the order to try them: `preferred` first, where it is among them, then by turns of the
// families.
std::vector<Address> InOrder(std::vector<Address> addresses, const Address& preferred);

}  // namespace khs::http
