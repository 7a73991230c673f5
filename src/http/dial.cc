#include "http/dial.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>

namespace khs::http {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const delivery::Reply kAbortedReply{std::in_place_type<delivery::Aborted>};

enum class Outcome { kConnected, kTimeout, kFailed, kAborted };

struct Attempt {
  Outcome outcome = Outcome::kFailed;
  int error = 0;
};

// Rounded up, so that a wait never ends before its time.
int PollTimeout(base::MonotonicTime until) {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
}

Attempt WaitUntilConnected(int descriptor, base::MonotonicTime until, int abort_event) {
  std::array<pollfd, 2> polled{{{descriptor, POLLOUT, 0}, {abort_event, POLLIN, 0}}};
  for (;;) {
    const int ready = ::poll(polled.data(), polled.size(), PollTimeout(until));
    if (ready < 0 && errno != EINTR) return {Outcome::kFailed, errno};
    if (ready == 0) return {Outcome::kTimeout, ETIMEDOUT};
    if (ready < 0) continue;
    if (polled[1].revents != 0) return {Outcome::kAborted, 0};
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
    if (error == 0) return {Outcome::kConnected, 0};
    return {error == ETIMEDOUT ? Outcome::kTimeout : Outcome::kFailed, error};
  }
}

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

Attempt Connect(const Address& address, base::MonotonicTime until, int abort_event,
                UniqueFd& connected) {
  UniqueFd socket(
      ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!socket) return {Outcome::kFailed, errno};
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                address.length) != 0) {
    if (errno != EINPROGRESS) return {Outcome::kFailed, errno};
    const Attempt attempt = WaitUntilConnected(socket.get(), until, abort_event);
    if (attempt.outcome != Outcome::kConnected) return attempt;
  }
  if (ConnectedToItself(socket.get())) return {Outcome::kFailed, ECONNREFUSED};
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return {Outcome::kFailed, errno};
  }
  const int on = 1;
  // Without these the connection is slower, or a dead peer is noticed later: no reason to fail.
  (void)::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  connected = std::move(socket);
  return {Outcome::kConnected, 0};
}

}  // namespace

base::Expected<UniqueFd, delivery::Reply> Dial(const std::vector<Address>& addresses,
                                               const std::string& label,
                                               base::MonotonicTime deadline, int abort_event) {
  std::string tried;
  bool timed_out = false;
  for (size_t i = 0; i < addresses.size(); ++i) {
    const auto now = steady_clock::now();
    const auto share = (deadline - now) / static_cast<int64_t>(addresses.size() - i);
    UniqueFd connected;
    const Attempt attempt = Connect(addresses[i], now + share, abort_event, connected);
    if (attempt.outcome == Outcome::kConnected) return connected;
    if (attempt.outcome == Outcome::kAborted) {
      return base::Unexpected<delivery::Reply>(kAbortedReply);
    }
    timed_out = timed_out || attempt.outcome == Outcome::kTimeout;
    if (!tried.empty()) tried += "; ";
    tried.append(addresses[i].ToString()).append(": ");
    tried.append(std::system_category().message(attempt.error));
  }
  const auto kind = timed_out ? delivery::FaultKind::kTimeout : delivery::FaultKind::kConnect;
  return base::Unexpected<delivery::Reply>(
      delivery::RequestFault{kind, "cannot connect to " + label + " (" + tried + ')'});
}

}  // namespace khs::http
