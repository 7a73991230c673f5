#include "reconcile/plan.h"

namespace khs::reconcile {
namespace {

using connect::TargetState;
using State = Standing::State;

Action WithoutDefinition(const Standing& standing) {
  if (standing.state == State::kNothing) return Action::kForget;
  return standing.state == State::kEnding ? Action::kKeep : Action::kStop;
}

Step WithDefinition(const std::string& name, const Wanted& wanted, const Standing& standing,
                    base::MonotonicTime now) {
  if (standing.state == State::kEnding) return {name, Action::kKeep};
  const bool is_there = standing.state != State::kNothing;
  if (wanted.state == TargetState::kStopped)
    return {name, is_there ? Action::kStop : Action::kShow};
  // Kafka Connect makes no tasks for a stopped connector that is paused.
  const bool stays = standing.was_stopped && wanted.state == TargetState::kPaused;
  if (!is_there) return {name, wanted.target && !stays ? Action::kStart : Action::kShow};
  if (!wanted.target) return {name, Action::kKeep};
  const Difference difference = Compare(*standing.config, *wanted.target);
  const bool retry = standing.state == State::kCannotStart && now >= standing.retry_at;
  // A new definition is a new chance for one that stopped.
  const bool dead = standing.state != State::kWorking;
  if (difference.restart || retry || (dead && difference.any())) {
    return {name, Action::kRestart, difference};
  }
  return {name, difference.any() ? Action::kApply : Action::kKeep, difference};
}

}  // namespace

std::vector<Step> MakePlan(const Desired& desired, const Actual& actual, base::MonotonicTime now) {
  std::vector<Step> steps;
  for (const auto& [name, standing] : actual) {
    if (!desired.contains(name)) steps.push_back({name, WithoutDefinition(standing)});
  }
  for (const auto& [name, wanted] : desired) {
    const auto there = actual.find(name);
    steps.push_back(
        WithDefinition(name, wanted, there == actual.end() ? Standing{} : there->second, now));
  }
  return steps;
}

}  // namespace khs::reconcile
