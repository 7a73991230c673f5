#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "auth/msk_flow.h"
#include "auth/oauth2_flow.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "metrics/registry.h"
#include "task/endpoint.h"

namespace khs::auth {

// Tokens are shared by all that have an equal identity.
using Identity = std::variant<OAuth2Identity, MskIdentity>;

// Requests the tokens of the process, one request at a time for each identity, before the old
// tokens expire. Its thread does all of that over one HTTP client, which it alone uses. Owned by
// the command `run`; outlives every source.
class TokenService {
 public:
  using MakeEndpoint = std::function<std::unique_ptr<task::Endpoint>()>;

  // The client is made for the first identity, since most processes have none. What is passed by
  // reference outlives the service.
  TokenService(MakeEndpoint make_endpoint, const base::Clock& clock, metrics::Registry& metrics)
      : make_endpoint_(std::move(make_endpoint)), clock_(clock), metrics_(metrics) {}
  ~TokenService();
  TokenService(const TokenService&) = delete;
  TokenService& operator=(const TokenService&) = delete;

  // Returns the source of an identity. `make` is called if there is none, and may throw. Requests
  // nothing before the token is used. Any thread.
  std::shared_ptr<TokenSource> Get(const Identity& identity, const std::string& label,
                                   const std::function<std::unique_ptr<TokenFlow>()>& make);
  // If only the secret or assertion of the source `before` was another one, its token serves until
  // there is one of the new identity. `before` may be null.
  std::shared_ptr<TokenSource> Get(const OAuth2Identity& identity,
                                   const TokenSource* before = nullptr);
  std::shared_ptr<TokenSource> Get(const MskIdentity& identity);

 private:
  using SourcePtr = std::shared_ptr<TokenSource>;
  using Slot = task::Endpoint::Slot;

  void Run(const std::stop_token& stop);
  std::vector<SourcePtr> TakeSources(std::optional<base::MonotonicTime>& next);
  std::optional<Identity> IdentityOf(const TokenSource* source);
  void Take(SourcePtr source, TokenFlow::Step step);
  void OnEnded(task::Endpoint::Ended ended);
  void Obtained(const SourcePtr& source, TokenFlow::Obtained obtained);
  void Failed(const SourcePtr& source, const std::string& why);
  void PublishExpiry(const std::vector<SourcePtr>& sources);

  const MakeEndpoint make_endpoint_;
  const base::Clock& clock_;
  metrics::Registry& metrics_;
  std::mutex mutex_;  // guards the next member, and the start of the thread
  // Those that nobody else holds are kept as long as they spare the next user a request.
  std::vector<std::pair<Identity, SourcePtr>> sources_;
  std::unique_ptr<task::Endpoint> endpoint_;  // not null once the thread has started
  std::map<Slot, SourcePtr> under_way_;       // of the thread
  std::jthread thread_;                       // last: it uses all of the above
};

}  // namespace khs::auth
