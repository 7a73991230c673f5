#include "config/retry_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "config/row_setters.h"
#include "config/text.h"
#include "delivery/decision.h"

namespace khs::config {
namespace {

using delivery::Backoff;
using delivery::StatusCodes;

constexpr std::string_view kSuccess = "success.on.status.codes";
constexpr std::string_view kRequestError = "request.error.on.status.codes";
constexpr std::string_view kDrop = "drop.on.status.codes";
constexpr std::string_view kStop = "stop.on.status.codes";
constexpr std::string_view kRetry = "retry.on.status.codes";
constexpr std::string_view kList = "retry.backoff.sec";
constexpr std::string_view kRequestList = "request.retry.backoff.sec";
constexpr std::string_view kPolicy = "retry.backoff.policy";
constexpr std::string_view kDelay = "retry.backoff.ms";
constexpr std::string_view kMaxDelay = "retry.backoff.max.ms";
constexpr std::string_view kMaxRetries = "max.retries";
constexpr std::string_view kTimeout = "delivery.timeout.ms";

constexpr std::int64_t kMaxDelayMs = 604'800'000;  // a week
constexpr std::int64_t kMostRetries = 1'000'000;

std::optional<int> ParseCode(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 3 || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
  const int code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  const bool valid = code >= StatusCodes::kMin && code <= StatusCodes::kMax;
  return valid ? std::optional(code) : std::nullopt;
}

// Parses N, N-M or N-.
std::optional<StatusCodes::Range> ParseRange(std::string_view text) {
  const size_t dash = text.find('-');
  const auto first = ParseCode(Trim(text.substr(0, dash)));
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) return StatusCodes::Range{*first, *first};
  const std::string_view end = Trim(text.substr(dash + 1));
  if (end.empty()) return StatusCodes::Range{*first, StatusCodes::kOpenEnd};
  const auto last = ParseCode(end);
  if (!last || *last < *first) return std::nullopt;
  return StatusCodes::Range{*first, *last};
}

bool IsOwn(const Setting* setting, const std::string& file) {
  return setting != nullptr && setting->written.file == file;
}

// Reports a list under a delivery timeout that would be retried without a pause, at the connector's
// own key if the list is a default.
void ValidateRepeatedDelay(const Settings& settings, const std::string& file, std::string_view key,
                           const Backoff& backoff, ProblemList& problems) {
  const Setting* list = FindSetting(settings, key);
  if (list == nullptr || backoff.delays.empty()) return;
  if (backoff.delays.back() > delivery::Milliseconds(0)) return;
  const Setting* timeout = FindSet(settings, kTimeout);
  if (IsOwn(timeout, file) && !IsOwn(list, file)) {
    problems.Add(ProblemWith(
        *timeout,
        fmt::format("The last delay of {} repeats until then: it must be more than 0", key)));
    return;
  }
  problems.Add(ProblemWith(
      *list, fmt::format("The last delay repeats until {}: it must be more than 0", kTimeout)));
}

}  // namespace

Outcome SetStatusCodes(const Value& value, StatusCodes& target) {
  target = {};
  StatusCodes codes;
  for (const std::string& element : value.list) {
    if (element.empty()) return Invalid("a status code is missing between two commas");
    const auto range = ParseRange(element);
    if (!range) {
      return Invalid(
          (value.is_hidden() ? "an element" : Abbreviate(element)) +
          " is neither a status code nor a range of them: N, N-M or N-, from 100 to 599");
    }
    codes.Add(*range);
  }
  target = codes;
  return Accepted();
}

Outcome SetBackoffPolicy(const Value& value, ConnectorDraft& draft) {
  using Kind = Backoff::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kKinds = {
      {{"LIST", Kind::kList},
       {"CONSTANT_VALUE", Kind::kConstant},
       {"EXPONENTIAL_WITH_JITTER", Kind::kExponential}}};
  Kind kind = Kind::kList;
  Outcome outcome = SetChoice(value, kKinds, kind);
  if (outcome.kind == Outcome::Kind::kAccepted) draft.backoff_kind = kind;
  return outcome;
}

Outcome SetBackoffDelay(const Value& value, ConnectorDraft& draft) {
  return SetNumber<1, kMaxDelayMs>(value, draft.backoff_delay);
}

Outcome SetBackoffMax(const Value& value, ConnectorDraft& draft) {
  return SetNumber<1, kMaxDelayMs>(value, draft.backoff_max);
}

Outcome SetMaxRetries(const Value& value, ConnectorDraft& draft) {
  return SetNumber<0, kMostRetries>(value, draft.max_retries);
}

void ValidateStatusRules(const Settings& settings, const std::string& file,
                         const RowApplier<ConnectorDraft>& applier, const ConnectorDraft& draft,
                         ProblemList& problems) {
  const delivery::StatusRules& rules = draft.config.policy.statuses;
  const std::pair<std::string_view, const StatusCodes&> lists[] = {
      {kSuccess, delivery::SuccessCodes(draft.config.policy)},
      {kRequestError, rules.request_error},
      {kDrop, rules.drop},
      {kStop, rules.stop}};
  const auto report = [&](std::string_view key, std::string_view other, int code) {
    const Setting* at = FindSet(settings, key);
    const Setting* other_setting = FindSet(settings, other);
    if (at == nullptr || (IsOwn(other_setting, file) && !IsOwn(at, file))) {
      std::swap(at, other_setting);
      std::swap(key, other);
    }
    if (at == nullptr) return;
    const char* const by_default = other_setting != nullptr ? ""
                                   : other == kSuccess
                                       ? " (200-299 with response.retry.indicator=optional)"
                                       : " (by default)";
    problems.Add(ProblemWith(
        *at, fmt::format("{} is in {}{} too: a status has one meaning", code, other, by_default)));
  };
  for (const auto& [other, other_codes] : lists) {
    for (const auto& [key, codes] : lists) {
      if (key == other) break;
      const auto code = codes.FirstCommon(other_codes);
      const bool known =
          applier.IsResolved(std::string(key)) && applier.IsResolved(std::string(other));
      if (code && known) report(other, key, *code);
    }
  }
}

void ResolveBackoff(const Settings& settings, const std::string& file, ConnectorDraft& draft,
                    ProblemList& problems) {
  if (!draft.backoff_kind) return;  // its value is invalid, or a secret that was not read
  using Kind = Backoff::Kind;
  const Setting* list = FindSetting(settings, kList);
  const Setting* policy = FindSet(settings, kPolicy);
  const Setting* delay = FindSet(settings, kDelay);
  const Setting* retries = FindSet(settings, kMaxRetries);
  const bool own_list = IsOwn(list, file);
  const bool own_policy = IsOwn(policy, file) || IsOwn(delay, file) || IsOwn(retries, file);
  if (own_list && !own_policy) policy = delay = retries = nullptr;
  if (own_policy && !own_list) list = nullptr;

  Kind kind = Kind::kList;
  if (policy != nullptr) {
    kind = *draft.backoff_kind;
  } else if (delay != nullptr || retries != nullptr) {
    kind = Kind::kConstant;
  }
  if (kind == Kind::kList) {
    for (const Setting* setting : {delay, retries}) {
      if (setting == nullptr || (IsOwn(policy, file) && !IsOwn(setting, file))) continue;
      problems.Add(ProblemWith(*setting, fmt::format("It is not for the {} LIST", kPolicy)));
    }
  } else {
    if (list != nullptr) {
      const Setting* const other = delay != nullptr ? delay : retries != nullptr ? retries : policy;
      problems.Add(ProblemWith(
          *other, fmt::format("{} gives a list of delays already: keep one of them", kList)));
    }
    Backoff& backoff = draft.config.policy.retry_backoff;
    backoff = Backoff{draft.backoff_delay};
    backoff.kind = kind;
    if (kind == Kind::kExponential) backoff.max = draft.backoff_max;
    if (retries != nullptr) backoff.max_retries = draft.max_retries;
  }
  delivery::Policy& all = draft.config.policy;
  if (!draft.has_request_retry) all.request_retry_backoff = all.retry_backoff;
  if (all.delivery_timeout == delivery::Milliseconds(0)) return;
  if (kind == Kind::kList) {
    ValidateRepeatedDelay(settings, file, kList, all.retry_backoff, problems);
  }
  ValidateRepeatedDelay(settings, file, kRequestList, all.request_retry_backoff, problems);
}

void WarnOfRetrySettings(const Settings& settings, const std::string& file,
                         const ConnectorDraft& draft, ProblemList& problems) {
  const auto warn = [&](std::string_view key, std::string message) {
    const Setting* const setting = FindSet(settings, key);
    if (!IsOwn(setting, file)) return;
    problems.Add(ProblemWith(*setting, std::move(message), Severity::kWarning));
  };
  const delivery::Policy& policy = draft.config.policy;
  const bool knows_200 =
      policy.statuses.retry.Contains(200) || delivery::SuccessCodes(policy).Contains(200);
  if (policy.strategy.backs_off && !knows_200) {
    warn(kRetry,
         "A 2xx without the retry indicator is not retried: add 200-299 here, or to "
         "success.on.status.codes if it means delivered");
  }
  if (!policy.strategy.backs_off) {
    warn(kRetry, "Has no effect: exception.strategy retries no response error");
  }
  if (policy.retry_backoff.kind != Backoff::Kind::kExponential) {
    warn(kMaxDelay, fmt::format("Has no effect: {} is not EXPONENTIAL_WITH_JITTER", kPolicy));
  } else if (draft.backoff_max < draft.backoff_delay) {
    warn(kDelay, fmt::format("{} is less: no delay is longer", kMaxDelay));
  }
}

}  // namespace khs::config
