#include "http/resolver.h"

#include <netdb.h>

#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

namespace khs::http {
namespace {

Lookup LookUp(const std::string& host, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return {{}, ::gai_strerror(error)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Lookup result;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Address address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
    result.addresses.push_back(address);
  }
  if (result.addresses.empty()) result.problem = "it has no address";
  return result;
}

}  // namespace

std::string Address::ToString() const {
  char host[NI_MAXHOST] = "?";
  char port[NI_MAXSERV] = "?";
  (void)::getnameinfo(reinterpret_cast<const sockaddr*>(&storage), length, host, sizeof host, port,
                      sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  const bool bracketed = storage.ss_family == AF_INET6;
  return (bracketed ? '[' + std::string(host) + ']' : std::string(host)) + ':' + port;
}

// Outlives the Resolver as long as a look-up runs.
struct Resolver::Lookups {
  const std::string host;
  const uint16_t port;
  const std::shared_ptr<WakeEvent> done;

  std::mutex mutex;  // guards what follows
  bool running = false;
  std::optional<Lookup> brought;
};

Resolver::Resolver(std::string host, uint16_t port, std::shared_ptr<WakeEvent> done)
    : lookups_(new Lookups{std::move(host), port, std::move(done), {}, false, {}}) {}

Resolver::~Resolver() = default;

std::optional<std::vector<Address>> Resolver::Literal() const {
  Lookup found = LookUp(lookups_->host, lookups_->port, AI_NUMERICHOST);
  if (found.addresses.empty()) return std::nullopt;
  return std::move(found.addresses);
}

void Resolver::Start() {
  const std::lock_guard lock(lookups_->mutex);
  if (lookups_->running) return;
  std::thread([shared = lookups_] {
    Lookup brought = LookUp(shared->host, shared->port, 0);
    {
      const std::lock_guard guard(shared->mutex);
      shared->brought = std::move(brought);
      shared->running = false;
    }
    shared->done->Set();
  }).detach();
  lookups_->running = true;  // the thread can't have finished yet: it needs the lock
}

std::optional<Lookup> Resolver::Take() {
  const std::lock_guard lock(lookups_->mutex);
  return std::exchange(lookups_->brought, std::nullopt);
}

}  // namespace khs::http
