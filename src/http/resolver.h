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

// What a look-up brought: addresses, or what is said about having none.
struct Lookup {
  std::vector<Address> addresses;
  std::string problem;
};

// A look-up that runs or has come to its end.
class Resolution {
 public:
  // Null while it runs. Any thread.
  const Lookup* result() const {
    return done_.load(std::memory_order_acquire) ? &result_ : nullptr;
  }

 private:
  friend class Resolver;

  Lookup result_;
  std::atomic<bool> done_{false};  // then `result_` stays as it is
};

// Looks up one host's addresses, again for every new connection, because they change. The C
// library's look-up cannot be interrupted, so it runs on a thread of its own; there is never more
// than one such thread, and a Resolver may go while it still runs. One thread.
class Resolver {
 public:
  Resolver(std::string host, uint16_t port) : host_(std::move(host)), port_(port) {}

  // At once, where the host is an address itself.
  std::optional<std::vector<Address>> Literal() const;

  // The look-up that is under way, or a new one; `done`, always the same, is set when it has come
  // to its end. Throws std::system_error.
  std::shared_ptr<const Resolution> Start(const std::shared_ptr<net::WakeEvent>& done);

 private:
  const std::string host_;
  const uint16_t port_;
  std::shared_ptr<Resolution> last_;  // null before the first
};

}  // namespace khs::http
