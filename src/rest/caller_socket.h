#pragma once

#include <Poco/Net/SecureStreamSocketImpl.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Net/StreamSocketImpl.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <string_view>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "rest/connections.h"

namespace khs::rest {

// Socket of an accepted connection, below Poco's server session. Its operations block until the
// deadline of the connection's current phase, or until the connection is evicted. It also records
// what Poco's parser does not report. Owned by Poco's StreamSocket; used by the connection's
// thread.
class CallerSocket final : public Poco::Net::StreamSocketImpl {
 public:
  struct Observations {
    bool has_received = false;  // any byte of HTTP, so the TLS handshake is complete
    bool has_ended = false;     // the caller closed its direction
    bool timed_out = false;
    // A proxy in front may parse this request differently, so it must be the connection's last.
    bool is_ambiguous = false;
    size_t head_bytes = 0;  // including what was received together with the head's end
    // Position of the first byte that a head must not have: 0xFF, which Poco mistakes for the end
    // of the stream, a bare LF, or the blank of a folded line.
    size_t first_suspicious = std::numeric_limits<size_t>::max();
    char last_byte = 0;

    // `unparsed` is the number of bytes behind the head.
    bool HeadIsSuspicious(size_t unparsed) const {
      return first_suspicious < head_bytes - std::min(unparsed, head_bytes);
    }
  };

  CallerSocket(base::UniqueFd socket, Connections& connections);
  ~CallerSocket() override { CallerSocket::close(); }

  // Returns the CallerSocket below a socket that the listener accepted, plain or with TLS.
  static CallerSocket& Of(const Poco::Net::StreamSocket& socket);

  // Starts a phase, with a deadline for all of it.
  void SetPhase(Connections::Phase phase, std::chrono::milliseconds timeout, size_t held_bytes = 0);
  void SetHeldBytes(size_t bytes) { connections_.SetHeldBytes(entry_, bytes); }
  void StartHead();
  void EndHead() { in_head_ = false; }
  // Records decrypted bytes that were received; none mean that the caller closed the connection.
  // Throws Poco::IOException when the head is too large.
  void Inspect(std::string_view bytes);

  const Observations& observed() const { return observed_; }

  // Ignores `timeout`. False when the phase's deadline passed or the connection was evicted.
  bool poll(const Poco::Timespan& timeout, int mode) override;
  int receiveBytes(void* buffer, int length, int flags) override;
  int sendBytes(const void* buffer, int length, int flags) override;
  void shutdown() override;  // closes the direction to the caller only
  void close() override;     // gives the caller time to read the response first

 private:
  bool WaitFor(short events);

  Connections& connections_;
  const Connections::Handle entry_;
  Connections::Phase phase_ = Connections::Phase::kQueued;
  base::MonotonicTime deadline_;
  bool in_head_ = false;
  Observations observed_;
};

// A TLS socket of Poco on top of a CallerSocket. The first read completes the handshake. Used by
// the worker thread that serves the caller.
class SecureCallerSocket final : public Poco::Net::SecureStreamSocketImpl {
 public:
  SecureCallerSocket(CallerSocket* plain, Poco::Net::Context::Ptr context);

  CallerSocket& plain() const { return *plain_; }

  bool poll(const Poco::Timespan& timeout, int mode) override;
  int receiveBytes(void* buffer, int length, int flags) override;
  int sendBytes(const void* buffer, int length, int flags) override;

 private:
  CallerSocket* const plain_;  // owned by the base class
};

}  // namespace khs::rest
