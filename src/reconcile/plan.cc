#include "reconcile/plan.h"

namespace khs::reconcile {
namespace {

Action Decide(const Definition& wanted, const std::optional<config::ConnectorConfig>* running) {
  if (!wanted.config) {
    return running != nullptr && *running ? Action::kKeepLast : Action::kShowFailed;
  }
  if (running == nullptr) return Action::kStart;
  return *running == wanted.config ? Action::kKeep : Action::kRestart;
}

}  // namespace

std::vector<Step> MakePlan(const Desired& desired, const Actual& actual) {
  std::vector<Step> steps;
  for (const auto& [name, running] : actual) {
    if (!desired.contains(name)) steps.push_back({name, Action::kStop});
  }
  for (const auto& [name, definition] : desired) {
    const auto running = actual.find(name);
    steps.push_back(
        {name, Decide(definition, running == actual.end() ? nullptr : &running->second)});
  }
  return steps;
}

}  // namespace khs::reconcile
