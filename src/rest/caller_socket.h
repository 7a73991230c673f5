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

// The socket of an accepted connection, under Poco's server session. It blocks in Poco's eyes, but
// every wait ends at the total deadline of the phase that the connection is in, or when it is cut.
// It also observes what Poco's parser does not show. One thread, the connection's; owned by
// Poco's StreamSocket.
class CallerSocket final : public Poco::Net::StreamSocketImpl {
 public:
  struct Observed {
    bool has_received = false;  // so a handshake is complete
    bool has_ended = false;     // the caller sends nothing more
    bool timed_out = false;
    // Another reader may see another request behind this one, so it is the connection's last.
    bool is_ambiguous = false;
    size_t head_bytes = 0;  // with what came in one piece with the head
    // Of the first byte of these that a head may not have: 0xFF, which Poco takes for its end, a
    // bare LF, or the blank of a folded line.
    size_t first_suspicious = std::numeric_limits<size_t>::max();
    char last_byte = 0;

    // `unparsed` is what Poco has not taken for the head.
    bool HeadIsSuspicious(size_t unparsed) const {
      return first_suspicious < head_bytes - std::min(unparsed, head_bytes);
    }
  };

  CallerSocket(base::UniqueFd socket, Connections& connections);
  ~CallerSocket() override { CallerSocket::close(); }

  // The one under a socket that the listener has accepted, plain or with TLS.
  static CallerSocket& Of(const Poco::Net::StreamSocket& socket);

  // A phase begins, which may take so long.
  void EnterPhase(Connections::Phase phase, std::chrono::milliseconds time, size_t held_bytes = 0);
  void Hold(size_t bytes) { connections_.Hold(entry_, bytes); }
  void BeginHead();
  void EndHead() { in_head_ = false; }
  // Bytes that have been received, as plain text; none: the caller has ended the connection.
  // Throws Poco::IOException when the head is too large.
  void Inspect(std::string_view bytes);

  const Observed& observed() const { return observed_; }

  // SocketImpl's. False when the deadline has passed or the connection has been cut; the phase's
  // deadline counts, not the timeout.
  bool poll(const Poco::Timespan& timeout, int mode) override;
  int receiveBytes(void* buffer, int length, int flags) override;
  int sendBytes(const void* buffer, int length, int flags) override;
  void shutdown() override;  // of our direction: the caller's may still be read
  void close() override;     // once the caller has had a chance to take the answer

 private:
  bool Await(short events);

  Connections& connections_;
  const Connections::Handle entry_;
  Connections::Phase phase_ = Connections::Phase::kQueued;
  base::MonotonicTime deadline_;
  bool in_head_ = false;
  Observed observed_;
};

// The same with TLS on top, by Poco. The handshake goes with the first bytes that are read.
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
