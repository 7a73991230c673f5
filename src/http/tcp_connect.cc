#include "http/tcp_connect.h"

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

constexpr std::chrono::milliseconds kAttemptDelay{250};

// The parallel connection attempts to one host's addresses.
class HappyEyeballs {
 public:
  HappyEyeballs(net::Loop& loop, const std::vector<Address>& addresses, const PeerName& peer,
                const std::vector<base::AddressRange>& disallowed,
                const std::function<int(int)>& open_socket)
      : loop_(loop),
        addresses_(addresses),
        peer_(peer),
        disallowed_(disallowed),
        open_socket_(open_socket) {}

  ConnectedSocket Connect();

 private:
  bool StartNext();
  void WaitForAttempts();
  ConnectedSocket TakeConnected();
  bool IsDisallowed(const Address& address) const;
  void AddFailure(const Address& address, int error);
  void AddFailure(const Address& address, const std::string& text);
  Fault AllFailed() const;

  net::Loop& loop_;
  const std::vector<Address>& addresses_;
  const PeerName& peer_;
  const std::vector<base::AddressRange>& disallowed_;
  const std::function<int(int)>& open_socket_;
  size_t next_ = 0;  // the address to try next
  MonotonicTime next_at_ = MonotonicTime::min();
  std::vector<ConnectedSocket> attempts_;  // those that are not connected yet
  std::string failures_;
  bool timed_out_ = false;
};

ConnectedSocket HappyEyeballs::Connect() {
  for (;;) {
    while (next_ < addresses_.size() && loop_.Now() >= next_at_) {
      if (!StartNext()) return {};
    }
    if (attempts_.empty() && next_ == addresses_.size()) throw AllFailed();
    WaitForAttempts();
    if (ConnectedSocket connected = TakeConnected(); connected.socket) return connected;
  }
}

// Returns false when no file descriptor is free and no other attempt runs.
bool HappyEyeballs::StartNext() {
  const Address& address = addresses_[next_];
  if (IsDisallowed(address)) {
    ++next_;
    AddFailure(address, "endpoint.disallow.cidr.ranges disallows this address");
    return true;
  }
  base::UniqueFd descriptor(open_socket_(address.af()));
  int error = descriptor ? 0 : errno;
  if (!descriptor && base::IsDescriptorShortage(error)) {
    next_at_ = loop_.Now() + kAttemptDelay;
    return !attempts_.empty();
  }
  ++next_;
  if (descriptor) {
    Poco::AutoPtr<net::FiberSocket> socket(new net::FiberSocket(loop_, std::move(descriptor)));
    error = socket->StartConnect(address);
    if (error == 0) {
      attempts_.push_back({std::move(socket), address});
      next_at_ = loop_.Now() + kAttemptDelay;
      return true;
    }
  }
  AddFailure(address, error);
  return true;
}

void HappyEyeballs::WaitForAttempts() {
  std::vector<net::Readiness*> sockets;
  for (ConnectedSocket& attempt : attempts_) sockets.push_back(&attempt.socket->readiness());
  try {
    (void)loop_.WaitForSockets(sockets,
                               next_ < addresses_.size() ? next_at_ : MonotonicTime::max());
  } catch (const net::Interrupted&) {
    if (loop_.interruption() == net::Interruption::kCancelled) throw;
    for (const ConnectedSocket& attempt : attempts_) AddFailure(attempt.address, ETIMEDOUT);
    throw AllFailed();
  }
}

ConnectedSocket HappyEyeballs::TakeConnected() {
  for (auto attempt = attempts_.begin(); attempt != attempts_.end();) {
    if ((attempt->socket->readiness().possible & net::Readiness::kWrite) == 0) {
      ++attempt;
      continue;
    }
    const int error = attempt->socket->FinishConnect();
    if (error == 0) return std::move(*attempt);
    AddFailure(attempt->address, error);
    attempt = attempts_.erase(attempt);
  }
  return {};
}

bool HappyEyeballs::IsDisallowed(const Address& address) const {
  return std::any_of(
      disallowed_.begin(), disallowed_.end(),
      [&address](const base::AddressRange& range) { return range.IsReachedBy(*address.addr()); });
}

void HappyEyeballs::AddFailure(const Address& address, int error) {
  timed_out_ = timed_out_ || error == ETIMEDOUT;
  AddFailure(address, std::system_category().message(error));
}

// Also lets the next attempt start at once.
void HappyEyeballs::AddFailure(const Address& address, const std::string& text) {
  next_at_ = MonotonicTime::min();
  if (!failures_.empty()) failures_ += "; ";
  if (!peer_.is_secret) failures_.append(address.toString()).append(": ");
  failures_.append(text);
}

Fault HappyEyeballs::AllFailed() const {
  return {timed_out_ ? FaultKind::kTimeout : FaultKind::kConnect,
          "cannot connect to " + peer_.label + " (" + failures_ + ')'};
}

}  // namespace

ConnectedSocket ConnectTcp(net::Loop& loop, const std::vector<Address>& addresses,
                           const PeerName& peer, const std::vector<base::AddressRange>& disallowed,
                           const std::function<int(int family)>& open_socket) {
  return HappyEyeballs(loop, addresses, peer, disallowed, open_socket).Connect();
}

std::vector<Address> SortAddresses(std::vector<Address> addresses, const Address& preferred) {
  for (size_t i = 1; i + 1 < addresses.size(); ++i) {
    const auto place = addresses.begin() + static_cast<std::ptrdiff_t>(i);
    const auto other = std::find_if(place, addresses.end(), [&](const Address& address) {
      return address.af() != addresses[i - 1].af();
    });
    if (other == addresses.end()) break;
    std::rotate(place, other, other + 1);
  }
  const auto found = std::find(addresses.begin(), addresses.end(), preferred);
  if (found != addresses.end()) std::rotate(addresses.begin(), found, found + 1);
  return addresses;
}

}  // namespace khs::http
