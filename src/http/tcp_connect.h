#pragma once

#include <Poco/AutoPtr.h>

#include <functional>
#include <string>
#include <vector>

#include "base/address_range.h"
#include "http/resolver.h"
#include "net/fiber_socket.h"

namespace khs::http {

// How faults name the host that is connected to.
struct PeerName {
  std::string label;       // host:port
  bool is_secret = false;  // then faults do not show the addresses
};

struct ConnectedSocket {
  Poco::AutoPtr<net::FiberSocket> socket;  // null: no file descriptor was free
  Address address;
};

// Connects to the first address that accepts, by Happy Eyeballs (RFC 8305): tries the next address
// in parallel after 250 ms, or at once when an attempt fails. Runs on a fiber, until its deadline.
// Addresses in a `disallowed` range count as failed. `open_socket` returns a non-blocking socket of
// a family, or -1 with errno. Throws Fault, and net::Interrupted when the job is cancelled.
ConnectedSocket ConnectTcp(net::Loop& loop, const std::vector<Address>& addresses,
                           const PeerName& peer, const std::vector<base::AddressRange>& disallowed,
                           const std::function<int(int family)>& open_socket);

// Returns the addresses in the order to try them: `preferred` first, if it is among them, then
// alternating between IPv6 and IPv4.
std::vector<Address> SortAddresses(std::vector<Address> addresses, const Address& preferred);

}  // namespace khs::http
