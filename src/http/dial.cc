#include "http/dial.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/descriptors.h"
#include "http/fault.h"

namespace khs::http {
namespace {

using base::MonotonicTime;
using delivery::FaultKind;

constexpr std::chrono::milliseconds kHeadStart{250};

// The attempts at the addresses of one host, side by side.
class Race {
 public:
  Race(net::Loop& loop, const std::vector<Address>& addresses, const DialNames& names,
       const std::function<int(int)>& opener)
      : loop_(loop), addresses_(addresses), names_(names), opener_(opener) {}

  Dialled Run();

 private:
  bool Begin();
  Dialled Winner();
  void Await();
  void NoteFailure(const Address& address, int error);
  Fault Lost() const;

  net::Loop& loop_;
  const std::vector<Address>& addresses_;
  const DialNames& names_;
  const std::function<int(int)>& opener_;
  size_t next_ = 0;  // the address to try next
  MonotonicTime next_at_ = MonotonicTime::min();
  std::vector<Dialled> under_way_;
  std::string tried_;
  bool timed_out_ = false;
};

Dialled Race::Run() {
  for (;;) {
    while (next_ < addresses_.size() && loop_.Now() >= next_at_) {
      if (!Begin()) return {};
    }
    if (under_way_.empty() && next_ == addresses_.size()) throw Lost();
    Await();
    if (Dialled winner = Winner(); winner.socket) return winner;
  }
}

// False when there is no descriptor, not even for the only attempt.
bool Race::Begin() {
  const Address& address = addresses_[next_];
  base::UniqueFd socket(opener_(address.af()));
  int error = socket ? 0 : errno;
  if (!socket && base::IsDescriptorShortage(error)) {
    next_at_ = loop_.Now() + kHeadStart;
    return !under_way_.empty();
  }
  ++next_;
  if (socket) {
    Poco::AutoPtr<net::FiberSocket> dialled(new net::FiberSocket(loop_, std::move(socket)));
    error = dialled->BeginConnect(address);
    if (error == 0) {
      under_way_.push_back({std::move(dialled), address});
      next_at_ = loop_.Now() + kHeadStart;
      return true;
    }
  }
  NoteFailure(address, error);
  return true;
}

void Race::Await() {
  std::vector<net::Readiness*> sockets;
  for (Dialled& each : under_way_) sockets.push_back(&each.socket->readiness());
  try {
    (void)loop_.Wait(sockets, next_ < addresses_.size() ? next_at_ : MonotonicTime::max());
  } catch (const net::Interrupted&) {
    if (loop_.interruption() == net::Interruption::kCancelled) throw;
    for (const Dialled& each : under_way_) NoteFailure(each.address, ETIMEDOUT);
    throw Lost();
  }
}

// The first of those that have come to an end, if it is connected. The next address need not wait
// for one that has failed.
Dialled Race::Winner() {
  for (auto each = under_way_.begin(); each != under_way_.end();) {
    if ((each->socket->readiness().possible & net::Readiness::kWrite) == 0) {
      ++each;
      continue;
    }
    const int error = each->socket->Connected();
    if (error == 0) return std::move(*each);
    NoteFailure(each->address, error);
    each = under_way_.erase(each);
  }
  return {};
}

void Race::NoteFailure(const Address& address, int error) {
  next_at_ = MonotonicTime::min();
  timed_out_ = timed_out_ || error == ETIMEDOUT;
  if (!tried_.empty()) tried_ += "; ";
  if (!names_.are_secret) tried_.append(address.toString()).append(": ");
  tried_.append(std::system_category().message(error));
}

Fault Race::Lost() const {
  return {timed_out_ ? FaultKind::kTimeout : FaultKind::kConnect,
          "cannot connect to " + names_.label + " (" + tried_ + ')'};
}

}  // namespace

Dialled Dial(net::Loop& loop, const std::vector<Address>& addresses, const DialNames& names,
             const std::function<int(int family)>& opener) {
  return Race(loop, addresses, names, opener).Run();
}

std::vector<Address> InOrder(std::vector<Address> addresses, const Address& preferred) {
  for (size_t i = 1; i + 1 < addresses.size(); ++i) {
    const auto other =
        std::find_if(addresses.begin() + static_cast<std::ptrdiff_t>(i), addresses.end(),
                     [&](const Address& each) { return each.af() != addresses[i - 1].af(); });
    if (other == addresses.end()) break;
    std::rotate(addresses.begin() + static_cast<std::ptrdiff_t>(i), other, other + 1);
  }
  const auto known = std::find(addresses.begin(), addresses.end(), preferred);
  if (known != addresses.end()) std::rotate(addresses.begin(), known, known + 1);
  return addresses;
}

}  // namespace khs::http
