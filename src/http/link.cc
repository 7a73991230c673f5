#include "http/link.h"

#include <chrono>
#include <utility>

namespace khs::http {
namespace {

// What lies between us and the endpoint (NAT, load balancers) forgets idle connections without a
// word, the hastiest after a minute or so.
constexpr std::chrono::seconds kLongestIdle{50};

}  // namespace

void IdleLinks::Add(LinkPtr link, base::MonotonicTime now) {
  link->slot.reset();
  link->idle_since = now;
  links_.push_back(std::move(link));
}

LinkPtr IdleLinks::Take(base::MonotonicTime now) {
  CloseOld(now);
  while (!links_.empty()) {
    LinkPtr link = std::move(links_.back());
    links_.pop_back();
    if (link->connection->Quiet()) return link;
  }
  return nullptr;
}

void IdleLinks::CloseOld(base::MonotonicTime now) {
  while (!links_.empty() && now - links_.front()->idle_since >= kLongestIdle) links_.pop_front();
}

base::MonotonicTime IdleLinks::NextEnd() const {
  if (links_.empty()) return base::MonotonicTime::max();
  return links_.front()->idle_since + kLongestIdle;
}

void IdleLinks::Close(const Link* link) {
  std::erase_if(links_, [link](const LinkPtr& each) { return each.get() == link; });
}

}  // namespace khs::http
