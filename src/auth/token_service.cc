#include "auth/token_service.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/log.h"
#include "request/target.h"

namespace khs::auth {
namespace {

using base::MonotonicTime;

const base::Logger& Log() {
  static const base::Logger logger("auth");
  return logger;
}

}  // namespace

TokenService::~TokenService() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  endpoint_->Abort();
  thread_.join();
}

std::shared_ptr<TokenSource> TokenService::Get(
    const Identity& identity, const std::string& label,
    const std::function<std::unique_ptr<TokenFlow>()>& make) {
  const std::lock_guard lock(mutex_);
  for (const auto& [known, source] : sources_) {
    if (known != identity) continue;
    endpoint_->Wake();  // its renewal may be due, if nobody held it
    return source;
  }
  if (!endpoint_) endpoint_ = make_endpoint_();
  if (!thread_.joinable()) {
    thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
  }
  auto source = std::make_shared<TokenSource>(label, make(), clock_, [this] { endpoint_->Wake(); });
  sources_.emplace_back(identity, source);
  endpoint_->Wake();  // others may have become unused
  return source;
}

std::shared_ptr<TokenSource> TokenService::Get(const OAuth2Identity& identity,
                                               const TokenSource* before) {
  const config::OAuth2Config& client = identity.client;
  const std::string label =
      request::ParseTarget(client.token_url.Reveal(), client.host_is_secret).label;
  auto source = Get(Identity(identity), label, [&identity] { return MakeOAuth2Flow(identity); });
  if (before == nullptr || before == source.get()) return source;
  const auto known = IdentityOf(before);
  const auto* const client_before = known ? std::get_if<OAuth2Identity>(&*known) : nullptr;
  if (client_before == nullptr || !IsSameClient(*client_before, identity)) return source;
  if (const auto token = before->ValidToken()) {
    source->Adopt(*token);
    endpoint_->Wake();
  }
  return source;
}

std::optional<Identity> TokenService::IdentityOf(const TokenSource* source) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(sources_.begin(), sources_.end(),
                                  [&](const auto& each) { return each.second.get() == source; });
  return found == sources_.end() ? std::nullopt : std::optional(found->first);
}

std::shared_ptr<TokenSource> TokenService::Get(const MskIdentity& identity) {
  return Get(Identity(identity), "kafka." + identity.region + ".amazonaws.com",
             [&identity] { return MakeMskFlow(identity); });
}

// Returns the sources that somebody holds, and forgets those that are not worth keeping. `next` is
// when another one will not be.
std::vector<TokenService::SourcePtr> TokenService::TakeSources(std::optional<MonotonicTime>& next) {
  std::vector<SourcePtr> held;
  std::vector<SourcePtr> unused;  // destroyed after the lock is released
  const MonotonicTime now = clock_.Monotonic();
  const std::lock_guard lock(mutex_);
  for (auto& [identity, source] : sources_) {
    const MonotonicTime until = source->KeepUntil();
    if (source.use_count() > 1) {
      held.push_back(source);
    } else if (until > now) {
      next = std::min(next.value_or(until), until);
    } else {
      unused.push_back(std::move(source));
    }
  }
  std::erase_if(sources_, [](const auto& each) { return each.second == nullptr; });
  return held;
}

void TokenService::Run(const std::stop_token& stop) {
  std::vector<task::Endpoint::Ended> ended;
  while (!stop.stop_requested()) {
    std::optional<MonotonicTime> next;
    {
      const std::vector<SourcePtr> sources = TakeSources(next);
      for (const SourcePtr& source : sources) {
        const auto due = source->NextRequest();
        if (due && *due <= clock_.Monotonic()) {
          source->OnRequested();
          Take(source, source->flow().Begin(clock_.Read().wall));
        }
        const auto later = source->NextRequest();
        if (later) next = std::min(next.value_or(*later), *later);
      }
      PublishExpiry(sources);
    }
    endpoint_->Wait(next, ended);
    for (task::Endpoint::Ended& each : ended) OnEnded(std::move(each));
  }
}

// Takes a step of a source's flow.
void TokenService::Take(SourcePtr source, TokenFlow::Step step) {
  if (auto* obtained = std::get_if<TokenFlow::Obtained>(&step)) {
    return Obtained(source, std::move(*obtained));
  }
  if (const auto* failed = std::get_if<TokenFlow::Failed>(&step))
    return Failed(source, failed->why);
  auto& send = std::get<TokenFlow::Send>(step);
  Slot slot = 0;
  while (under_way_.contains(slot)) ++slot;
  under_way_.emplace(slot, std::move(source));
  endpoint_->Use(std::move(send.destination));
  endpoint_->Begin(slot, std::move(send.request));
}

void TokenService::OnEnded(task::Endpoint::Ended ended) {
  const SourcePtr source = std::move(under_way_.extract(ended.slot).mapped());
  if (const auto* response = std::get_if<delivery::Response>(&ended.outcome)) {
    Take(source, source->flow().OnResponse(*response, clock_.Read().wall));
  } else if (const auto* fault = std::get_if<delivery::RequestFault>(&ended.outcome)) {
    Failed(source, fault->detail);
  } else {
    (void)source->OnFailure("the request was aborted");  // the process ends
  }
}

void TokenService::Obtained(const SourcePtr& source, TokenFlow::Obtained obtained) {
  const bool recovered = source->failures() > 0;
  const auto lifetime = obtained.lifetime;
  if (!source->OnToken(std::move(obtained))) {
    return Failed(source, "the token had expired when it came");
  }
  metrics_.TokenRequested(true);
  Log().Log(recovered ? base::LogLevel::kInfo : base::LogLevel::kDebug, "token obtained",
            {{"from", source->label()},
             {"expires_in_ms", lifetime ? std::optional(lifetime->count()) : std::nullopt}});
}

void TokenService::Failed(const SourcePtr& source, const std::string& why) {
  const auto delay = source->OnFailure(why);
  metrics_.TokenRequested(false);
  Log().Warn("token request failed, will retry",
             {{"from", source->label()}, {"error", why}, {"retry_in_ms", delay.count()}});
}

// Publishes when the first token expires.
void TokenService::PublishExpiry(const std::vector<SourcePtr>& sources) {
  std::optional<MonotonicTime> first;
  for (const SourcePtr& source : sources) {
    const auto expiry = source->Expiry();
    if (expiry) first = std::min(first.value_or(*expiry), *expiry);
  }
  const base::Now now = clock_.Read();
  metrics_.SetTokenExpiry(
      first ? std::optional(now.wall + std::chrono::duration_cast<base::WallTime::duration>(
                                           *first - now.monotonic))
            : std::nullopt);
}

}  // namespace khs::auth
