#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"

namespace khs::auth {

// An access token.
struct Token {
  uint64_t number = 0;  // distinguishes it from the identity's other tokens; from 1 on
  std::string value = {};
  std::optional<base::MonotonicTime> expires = {};  // none: when it is refused
  // When it claims to expire, if the answer did not say so.
  std::optional<base::MonotonicTime> claimed_expiry = {};
};

// The token of one identity, and when to request the next one. Pure: its user reads the clock and
// sends the requests. The old token serves until a new one has come or it expires.
//
//   nobody wants it ──Use──► requested ──OnToken──► valid ──80 % of its life, or refused──┐
//                              ▲  │ OnFailure                                             │
//                              │  └─► wait 1 s, 2 s, ... 60 s ─┐                          │
//                              └───────────────────────────────┴──────────────────────────┘
class TokenState {
 public:
  // A request is under way or due: ask again when the state has changed.
  struct Pending {};
  // There is no valid token, and no request is due.
  struct Unavailable {
    std::string why;
  };
  using Answer = std::variant<Token, Pending, Unavailable>;

  // Returns the token. From the first call on, the state wants requests.
  Answer Use(base::MonotonicTime now);
  // Returns another token than the one that was refused. Returns that one again if it is too new
  // for another one to be of use.
  Answer Replace(uint64_t refused, base::MonotonicTime now);

  // Returns when the next request is due; nothing if none is.
  std::optional<base::MonotonicTime> NextRequest() const;
  void OnRequested(base::MonotonicTime now);
  // The request has ended. Without a lifetime the token is valid until it is refused; a claimed one
  // only tells when to renew it. Returns false, and changes nothing, if it has expired already.
  bool OnToken(std::string value, std::optional<std::chrono::milliseconds> lifetime,
               base::MonotonicTime now,
               std::optional<std::chrono::milliseconds> claimed_lifetime = {});
  void OnFailure(std::string why, base::MonotonicTime now);

  // Uses the token of the previous credentials until there is one of these, which is due at once.
  // Does nothing if there is a token already.
  void Adopt(const Token& token);
  // Until when a new state would repeat requests that this one need not: until the token expires,
  // at most an hour after it came, or until the back-off is over.
  base::MonotonicTime KeepUntil() const;

  // The delay from the last failure to the next request.
  std::chrono::milliseconds retry_delay() const;
  int failures() const { return failures_; }  // in a row
  const std::optional<Token>& token() const { return token_; }

 private:
  // What an answer without a token is.
  Answer WithoutToken(base::MonotonicTime now) const;

  std::optional<Token> token_;  // the last one, even if it has expired
  bool wanted_ = false;
  bool refused_ = false;  // the token
  bool under_way_ = false;
  base::MonotonicTime requested_;  // the last request
  base::MonotonicTime obtained_;   // the token
  std::optional<base::MonotonicTime> renew_at_;
  int failures_ = 0;
  std::string problem_;  // the last failure
  base::MonotonicTime retry_at_;
};

}  // namespace khs::auth
