#include "http/resolver.h"

#include <netdb.h>

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
    result.addresses.emplace_back(each->ai_addr, each->ai_addrlen);
  }
  if (result.addresses.empty()) result.problem = "it has no address";
  return result;
}

}  // namespace

std::optional<std::vector<Address>> Resolver::ParseLiteral() const {
  Lookup found = LookUp(host_, port_, AI_NUMERICHOST);
  if (found.addresses.empty()) return std::nullopt;
  return std::move(found.addresses);
}

std::shared_ptr<const Resolution> Resolver::StartLookup(
    const std::shared_ptr<net::WakeEvent>& done) {
  if (last_ && last_->result() == nullptr) return last_;
  auto resolution = std::make_shared<Resolution>();
  // The thread owns all that it uses, because nobody joins it.
  std::thread([resolution, host = host_, port = port_, done] {
    resolution->result_ = LookUp(host, port, 0);
    resolution->done_.store(true, std::memory_order_release);
    done->Set();
  }).detach();
  last_ = std::move(resolution);
  return last_;
}

}  // namespace khs::http
