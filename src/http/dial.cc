#include "http/dial.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace khs::http {
namespace {

// A connect to a local port that nobody listens on may by chance get that very port as its own, and
// then TCP connects the socket with itself.
bool ConnectedToItself(int descriptor) {
  sockaddr_storage own{};
  sockaddr_storage peer{};
  socklen_t own_length = sizeof own;
  socklen_t peer_length = sizeof peer;
  return ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &own_length) == 0 &&
         ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &peer_length) == 0 &&
         own_length == peer_length && std::memcmp(&own, &peer, own_length) == 0;
}

}  // namespace

Dialer::State Dialer::Continue(base::MonotonicTime now, base::Claim claim) {
  fresh_ = false;
  for (;;) {
    Outcome outcome = Outcome::kFailed;
    if (socket_) {
      outcome = Look(now);
    } else if (next_ < addresses_.size()) {
      outcome = Dial(now, claim);
      fresh_ = true;
    } else {
      return State::kFailed;
    }
    if (outcome == Outcome::kConnected) return State::kConnected;
    if (outcome == Outcome::kPending) return State::kDialing;
    if (outcome == Outcome::kShort) return State::kShort;
    socket_ = {};
  }
}

Dialer::Outcome Dialer::Dial(base::MonotonicTime now, base::Claim claim) {
  const auto left = static_cast<int64_t>(addresses_.size() - next_);
  const Address& address = addresses_[next_++];
  due_ = now + (deadline_ - now) / left;
  socket_ = UniqueFd(base::OpenSocket(address.storage.ss_family, SOCK_STREAM, IPPROTO_TCP, claim));
  if (!socket_ && base::IsDescriptorShortage(errno) && now < deadline_) {
    --next_;
    return Outcome::kShort;
  }
  if (!socket_ || (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                             address.length) != 0 &&
                   errno != EINPROGRESS)) {
    NoteFailure(errno);
    return Outcome::kFailed;
  }
  return Look(now);
}

Dialer::Outcome Dialer::Look(base::MonotonicTime now) {
  pollfd polled{socket_.get(), POLLOUT, 0};
  if (::poll(&polled, 1, 0) != 1) {
    if (now < due_) return Outcome::kPending;
    NoteFailure(ETIMEDOUT);
    return Outcome::kFailed;
  }
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0 && ConnectedToItself(socket_.get())) error = ECONNREFUSED;
  if (error != 0) {
    NoteFailure(error);
    return Outcome::kFailed;
  }
  const int on = 1;
  // Without these the connection is slower, or a dead peer is noticed later: no reason to fail.
  (void)::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(socket_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  return Outcome::kConnected;
}

void Dialer::NoteFailure(int error) {
  timed_out_ = timed_out_ || error == ETIMEDOUT;
  if (!tried_.empty()) tried_ += "; ";
  if (!are_secret_) tried_.append(addresses_[next_ - 1].ToString()).append(": ");
  tried_.append(std::system_category().message(error));
}

delivery::RequestFault Dialer::Fault(const std::string& label) const {
  return {timed_out_ ? delivery::FaultKind::kTimeout : delivery::FaultKind::kConnect,
          "cannot connect to " + label + " (" + tried_ + ')'};
}

}  // namespace khs::http
