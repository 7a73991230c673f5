#include "http/link.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/descriptors.h"

namespace khs::http {
namespace {

using std::chrono::seconds;

// What lies between us and the endpoint (NAT, load balancers) forgets idle connections without a
// word, the hastiest after a minute or so.
constexpr seconds kLongestIdle{50};
// The endpoint's time began before its answer was here, and ends before our request is there.
constexpr seconds kOnTheWay{1};
// How often who has several looks whether others lack descriptors.
constexpr seconds kLookInterval{1};
constexpr size_t kMoreThanAnyoneOpens = 65'536;

seconds LongestIdle(std::optional<seconds> announced) {
  if (!announced) return kLongestIdle;
  return std::clamp(*announced - kOnTheWay, seconds{0}, kLongestIdle);
}

}  // namespace

void IdleLinks::Add(LinkPtr link, std::optional<seconds> announced, base::MonotonicTime now) {
  const seconds longest = LongestIdle(announced);
  if (longest == seconds{0}) return;
  link->slot.reset();
  link->idle_until = now + longest;
  next_end_ = std::min(next_end_, link->idle_until);
  links_.push_back(std::move(link));
  const bool looks = next_look_ != base::MonotonicTime::max();
  if (links_.size() > 1 && !looks && base::MaxDescriptors() < kMoreThanAnyoneOpens) {
    next_look_ = now + kLookInterval;
  }
}

LinkPtr IdleLinks::Take(base::MonotonicTime now) {
  while (!links_.empty()) {
    LinkPtr link = std::move(links_.back());
    links_.pop_back();
    if (now < link->idle_until && link->connection->Quiet()) return link;
  }
  return nullptr;
}

void IdleLinks::CloseOld(base::MonotonicTime now) {
  if (now >= next_look_) {
    // Those that are used last are the ones that are needed.
    if (links_.size() > 1 && base::DescriptorsAreFew())
      links_.erase(links_.begin(), links_.end() - 1);
    next_look_ = links_.size() > 1 ? now + kLookInterval : base::MonotonicTime::max();
  }
  if (now < next_end_) return;
  std::erase_if(links_, [now](const LinkPtr& each) { return now >= each->idle_until; });
  next_end_ = base::MonotonicTime::max();
  for (const LinkPtr& each : links_) next_end_ = std::min(next_end_, each->idle_until);
}

void IdleLinks::Close(const Link* link) {
  std::erase_if(links_, [link](const LinkPtr& each) { return each.get() == link; });
}

}  // namespace khs::http
