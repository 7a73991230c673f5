#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/clock.h"
#include "delivery/response.h"
#include "request/request.h"
#include "task/endpoint.h"

namespace khs::auth {

// How a token of one identity is obtained: by one HTTP request after the other, or by none. Decides
// the steps, which TokenService takes. Owned by a TokenSource; used by the service's thread.
class TokenFlow {
 public:
  struct Send {
    std::shared_ptr<const task::Destination> destination;
    request::Request request;
  };
  struct Obtained {
    std::string token;
    std::optional<std::chrono::milliseconds> lifetime = {};  // none: unknown
    // By the token's own text, if there is no `lifetime`.
    std::optional<std::chrono::milliseconds> claimed_lifetime = {};
  };
  struct Failed {
    std::string why;  // contains no credentials
  };
  using Step = std::variant<Send, Obtained, Failed>;

  virtual ~TokenFlow() = default;
  // The first step of a new token.
  virtual Step Begin(base::WallTime now) = 0;
  // The step after the answer to the last request.
  virtual Step OnResponse(const delivery::Response& response, base::WallTime now) = 0;
};

}  // namespace khs::auth
