#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/descriptors.h"
#include "delivery/reply.h"
#include "http/resolver.h"
#include "http/unique_fd.h"

namespace khs::http {

// Connects to the first of several addresses that takes a connection, tried in turn, each with its
// share of the time that is left. Never blocks. One thread.
class Dialer {
 public:
  enum class State {
    kDialing,  // look again when the socket is writable, or when due
    kShort,    // this process has no descriptor for a socket: try again soon, until the deadline
    kConnected,
    kFailed,
  };

  // Of secret addresses a fault tells only what went wrong.
  Dialer(std::vector<Address> addresses, base::MonotonicTime deadline, bool are_secret = false)
      : addresses_(std::move(addresses)), deadline_(deadline), are_secret_(are_secret) {}

  // `claim` is to the descriptor of a socket that has to be opened.
  State Continue(base::MonotonicTime now, base::Claim claim);

  // -1 while there is no socket.
  int descriptor() const { return socket_.get(); }
  // The socket is a new one since the last Continue began.
  bool fresh() const { return fresh_; }
  base::MonotonicTime due() const { return due_; }
  // The socket, once it is connected; it does not block.
  UniqueFd Take() { return std::move(socket_); }
  // What was tried, once it failed.
  delivery::RequestFault Fault(const std::string& label) const;

 private:
  enum class Outcome { kPending, kShort, kConnected, kFailed };

  Outcome Dial(base::MonotonicTime now, base::Claim claim);
  Outcome Look(base::MonotonicTime now);
  void NoteFailure(int error);

  const std::vector<Address> addresses_;
  const base::MonotonicTime deadline_;
  const bool are_secret_;
  size_t next_ = 0;  // the address to try next
  UniqueFd socket_;
  bool fresh_ = false;
  base::MonotonicTime due_{};  // of the socket
  std::string tried_;
  bool timed_out_ = false;
};

}  // namespace khs::http
