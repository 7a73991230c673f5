#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/token_source.h"
#include "delivery/response.h"
#include "delivery/status_codes.h"
#include "task/endpoint.h"

namespace khs::auth {

// Where requests go, and whose token they carry. Immutable.
struct Destination final : task::Destination {
  std::shared_ptr<const task::Destination> endpoint;
  std::shared_ptr<TokenSource> tokens;  // null: requests carry none
  delivery::StatusCodes renew_on;       // of answers without a retry indicator
};

// Adds the header that carries a token.
void AddToken(request::Request& request, std::string_view token);

// Adds access tokens to the requests that another endpoint sends, and hides them in the answers. An
// attempt waits while its token is being requested. Without a valid token nothing is sent: the
// attempt ends with a fault. When the endpoint refuses the token, the request is sent once more
// with another one. Owned by the task; used by its delivery thread, except that any thread may call
// Wake and Abort.
//
//   Begin ──► wait for a token ──► sent ──► end
//                     ▲              │
//                     └── refused, ──┘
//                         once
class AuthorizedEndpoint final : public task::Endpoint, private TokenListener {
 public:
  explicit AuthorizedEndpoint(std::unique_ptr<task::Endpoint> endpoint)
      : endpoint_(std::move(endpoint)) {}

  // `destination` must be an auth::Destination.
  void Use(std::shared_ptr<const task::Destination> destination) override;
  void Begin(Slot slot, request::Request request) override;
  void Cancel(Slot slot) override;
  void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) override;
  void Wake() noexcept override { endpoint_->Wake(); }
  void Abort() noexcept override;

 private:
  struct Attempt {
    std::shared_ptr<const Destination> destination;
    request::Request request;  // without a token
    uint64_t token = 0;        // the number of the one that was sent last
    std::string sent_token;    // that one
    // The answer that refused it; its request is sent again once there is another token.
    std::optional<delivery::Response> refusal;
    bool renewed = false;
    Connections connections;
    std::optional<TokenSource::Registration> waiting;  // for a token
  };

  void OnTokenChange(const std::optional<Token>&) noexcept override { endpoint_->Wake(); }
  static TokenState::Answer AskForToken(const Attempt& attempt);
  void SendWithToken(Slot slot);
  void Send(Slot slot, const Token& token);
  void OnSentDone(Ended ended);
  void End(Slot slot, delivery::Outcome outcome);
  void EndWaiting();
  void StopWaiting(Attempt& attempt);

  const std::unique_ptr<task::Endpoint> endpoint_;
  std::shared_ptr<const Destination> destination_;  // of new attempts
  std::deque<Attempt> attempts_;                    // by slot
  size_t waiting_ = 0;                              // number of attempts that wait for a token
  std::vector<Ended> ended_;                        // since the last Wait
  std::atomic<bool> aborted_{false};
};

}  // namespace khs::auth
