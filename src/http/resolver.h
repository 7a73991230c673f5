#pragma once

#include <Poco/Net/SocketAddress.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/wake_event.h"

namespace khs::http {

using Address = Poco::Net::SocketAddress;

// Result of a lookup: addresses, or why there are none.
struct Lookup {
  std::vector<Address> addresses;
  std::string problem;
};

// A running or completed lookup. Shared by its thread and by those who wait for it.
class Resolution {
 public:
  // Null while it runs. Any thread.
  const Lookup* result() const {
    return done_.load(std::memory_order_acquire) ? &result_ : nullptr;
  }

 private:
  friend class Resolver;

  Lookup result_;
  std::atomic<bool> done_{false};  // once set, `result_` does not change
};

// Resolves one host name, again for every new connection, because addresses change. getaddrinfo
// cannot be interrupted, so it runs on a thread of its own, at most one at a time, which may
// outlive the Resolver. Owned by Origin; used by the thread that connects.
class Resolver {
 public:
  Resolver(std::string host, uint16_t port) : host_(std::move(host)), port_(port) {}

  // Returns the address when the host is an address, else nothing.
  std::optional<std::vector<Address>> ParseLiteral() const;

  // Returns the running lookup, or starts one. Sets `done`, which must be the same in all calls,
  // when it completes. Throws std::system_error.
  std::shared_ptr<const Resolution> StartLookup(const std::shared_ptr<net::WakeEvent>& done);

 private:
  const std::string host_;
  const uint16_t port_;
  std::shared_ptr<Resolution> last_;  // null before the first lookup
};

}  // namespace khs::http
