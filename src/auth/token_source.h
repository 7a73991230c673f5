#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "auth/token_flow.h"
#include "auth/token_state.h"
#include "base/clock.h"

namespace khs::auth {

// Is told that the state of a token has changed.
class TokenListener {
 public:
  virtual ~TokenListener() = default;
  // Called by the service's thread with the source locked: must neither block nor call the source.
  // The token may have expired.
  virtual void OnTokenChange(const std::optional<Token>& token) noexcept = 0;
};

// The token of one identity, shared by all that use it: routes of connectors and Kafka clients. It
// is renewed as long as one of them holds it. TokenService makes it, and requests its tokens.
class TokenSource {
 public:
  // `label` names it in logs. `wake` has the service look for requests that are due; any thread
  // calls it.
  TokenSource(std::string label, std::unique_ptr<TokenFlow> flow, const base::Clock& clock,
              std::function<void()> wake);

  // See TokenState. Any thread.
  TokenState::Answer Use();
  TokenState::Answer Replace(uint64_t refused);
  const std::string& label() const { return label_; }

  // Calls the listener at every change while this exists. Any thread; a thread may have several.
  class Registration {
   public:
    Registration(std::shared_ptr<TokenSource> source, TokenListener& listener);
    ~Registration();
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    const std::shared_ptr<TokenSource> source_;
    TokenListener& listener_;
  };

  // The following are for the service's thread.
  TokenFlow& flow() { return *flow_; }
  std::optional<base::MonotonicTime> NextRequest() const;
  void OnRequested();
  // Returns false if the token has expired already.
  bool OnToken(TokenFlow::Obtained obtained);
  // Returns the delay until the next request.
  std::chrono::milliseconds OnFailure(std::string why);
  // Of the token; nothing if there is none, or if it is unknown.
  std::optional<base::MonotonicTime> Expiry() const;
  int failures() const;

  // The following are for the service; any thread. See TokenState.
  void Adopt(const Token& token);
  std::optional<Token> ValidToken() const;
  base::MonotonicTime KeepUntil() const;

 private:
  void WakeIfDue();

  const std::string label_;
  const std::unique_ptr<TokenFlow> flow_;
  const base::Clock& clock_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;  // guards what follows
  TokenState state_;
  std::vector<TokenListener*> listeners_;
};

}  // namespace khs::auth
