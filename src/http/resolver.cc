#include "http/resolver.h"

#include <netdb.h>

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>

namespace khs::http {
namespace {

const delivery::Reply kAbortedReply{std::in_place_type<delivery::Aborted>};

struct Result {
  std::vector<Address> addresses;
  std::string problem;
};

Result LookUp(const std::string& host, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return {{}, ::gai_strerror(error)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Result result;
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
  Lookups(std::string host_in, uint16_t port_in) : host(std::move(host_in)), port(port_in) {}

  const std::string host;
  const uint16_t port;

  // Below is guarded by the mutex.
  std::mutex mutex;
  std::condition_variable changed;
  bool running = false;
  bool aborted = false;
  uint64_t finished = 0;
  Result result;  // of the last one that finished
};

Resolver::Resolver(std::string host, uint16_t port)
    : lookups_(std::make_shared<Lookups>(std::move(host), port)) {}

Resolver::~Resolver() = default;

base::Expected<std::vector<Address>, delivery::Reply> Resolver::Resolve(
    base::MonotonicTime deadline) {
  using Failure = base::Unexpected<delivery::Reply>;
  Lookups& state = *lookups_;
  // An address needs no look-up and hence no thread.
  Result result = LookUp(state.host, state.port, AI_NUMERICHOST);
  if (!result.addresses.empty()) return std::move(result.addresses);

  std::unique_lock lock(state.mutex);
  const uint64_t before = state.finished;
  if (!state.running) {
    std::thread([shared = lookups_] {
      Result looked_up = LookUp(shared->host, shared->port, 0);
      const std::lock_guard guard(shared->mutex);
      shared->result = std::move(looked_up);
      shared->running = false;
      ++shared->finished;
      shared->changed.notify_all();
    }).detach();
    state.running = true;  // the thread can't have finished yet: it needs the lock
  }
  const bool answered = state.changed.wait_until(
      lock, deadline, [&] { return state.aborted || state.finished != before; });
  if (state.aborted) return Failure(kAbortedReply);
  if (!answered) {
    return Failure(delivery::RequestFault{
        delivery::FaultKind::kDns,
        "cannot look up " + state.host + ": no answer within the connect timeout"});
  }
  if (state.result.addresses.empty()) {
    return Failure(delivery::RequestFault{
        delivery::FaultKind::kDns, "cannot look up " + state.host + ": " + state.result.problem});
  }
  return state.result.addresses;
}

void Resolver::Abort() {
  const std::lock_guard lock(lookups_->mutex);
  lookups_->aborted = true;
  lookups_->changed.notify_all();
}

}  // namespace khs::http
