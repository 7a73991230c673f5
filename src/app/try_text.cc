#include "app/try_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "base/header_syntax.h"
#include "base/secret.h"
#include "base/utf8.h"

namespace khs::app {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

double Seconds(delivery::Milliseconds delay) { return static_cast<double>(delay.count()) / 1000; }

// A delay, or the bounds of a random one.
std::string Range(delivery::Milliseconds least, delivery::Milliseconds most) {
  return least == most ? fmt::format("{:g} s", Seconds(least))
                       : fmt::format("{:g} to {:g} s", Seconds(least), Seconds(most));
}

std::string WhereDropped(const config::ConnectorConfig& config) {
  const std::string& topic = config.dead_letters.topic;
  return topic.empty() ? "drop" : "drop, after it was written to the dead letter topic " + topic;
}

}  // namespace

std::string HideInHead(std::string_view head, const base::SecretFilter& secrets) {
  std::string shown;
  for (bool is_first = true; !head.empty(); is_first = false) {
    const size_t end = std::min(head.find(kLineEnd), head.size());
    const std::string_view line = head.substr(0, end);
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, std::min(colon, line.size()));
    if (!is_first && base::MayHoldCredentials(name)) {
      shown.append(name).append(": ").append(base::kHidden);
    } else {
      shown += secrets.Hide(line);
    }
    const size_t next = std::min(end + kLineEnd.size(), head.size());
    shown += head.substr(end, next - end);
    head.remove_prefix(next);
  }
  return shown;
}

std::string ForTerminal(std::string_view text) {
  std::string shown;
  while (true) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
    shown += base::Printable(line);
    if (end == std::string_view::npos) return shown;
    shown += '\n';
    text.remove_prefix(end + 1);
  }
}

Prediction PredictAfter(const config::ConnectorConfig& config, const delivery::Reply& reply) {
  const delivery::Policy& policy = config.policy;
  delivery::Progress progress;
  delivery::Progress other_progress;
  const auto decision = delivery::DecideAfterAttempt(policy, reply, progress, {}, 0);
  const auto* retry = std::get_if<delivery::Retry>(&decision);
  if (retry == nullptr) return PredictWithout(config, decision, delivery::Describe(reply));
  // The other end of a random delay.
  const auto other = delivery::DecideAfterAttempt(policy, reply, other_progress, {}, 1);
  const bool is_request_error =
      delivery::Interpret(reply, policy).kind == delivery::Verdict::Kind::kRequestError;
  std::string text = fmt::format(
      "retry in {}: {} error ({})", Range(retry->delay, std::get<delivery::Retry>(other).delay),
      is_request_error ? "request" : "response", delivery::Describe(reply));
  if (delivery::LacksIndicator(reply, policy)) {
    text += "; " + delivery::OutcomeWithoutIndicator(policy, !config.dead_letters.topic.empty());
  }
  return {false, std::move(text)};
}

Prediction PredictWithout(const config::ConnectorConfig& config, const delivery::Decision& decision,
                          const std::string& why) {
  if (const auto* drop = std::get_if<delivery::Drop>(&decision)) {
    const bool is_ignored = drop->reason == delivery::DropReason::kTombstone;
    return {false, is_ignored ? "drop: it has no value, and behavior.on.null.values is ignore"
                              : WhereDropped(config) + ": " + why};
  }
  if (const auto* stop = std::get_if<delivery::Stop>(&decision)) {
    return {false, "stop: " + stop->why};
  }
  if (std::holds_alternative<delivery::Abandon>(decision)) {
    return {false, "not delivered: the attempt was aborted"};
  }
  return {true, "delivered"};
}

}  // namespace khs::app
