#include "reconcile/desired.h"

#include <utility>
#include <vector>

namespace khs::reconcile {
namespace {

Definition Judge(const watch::DefinitionFile& file, const config::FlatConfig& defaults,
                 const std::string& defaults_file) {
  if (!file.error.empty()) {
    return {file.path, std::nullopt, {{file.path, {}, {}, "cannot be read: " + file.error}}};
  }
  config::ConnectorResult result =
      config::ParseConnectorToml({file.path, file.stem}, file.content, defaults, defaults_file);
  if (!result.config && !result.references.empty()) {
    result.problems.push_back(
        {file.path, {}, {}, "not available yet: the secrets that the definition refers to"});
  }
  return {file.path, std::move(result.config), std::move(result.problems)};
}

std::string NameOf(const Definition& definition, const std::string& stem,
                   const NamesByFile& known) {
  if (definition.config) return definition.config->name;
  const auto last = known.find(definition.file);
  return last != known.end() ? last->second : stem;
}

// The second of two definitions of one name. It is shown under its file's name where that is free.
void AddRejected(Desired& desired, std::string name, Definition definition) {
  while (desired.contains(name)) name += " (" + definition.file + ")";
  definition.config.reset();
  desired.emplace(std::move(name), std::move(definition));
}

}  // namespace

Desired JudgeSnapshot(const watch::Snapshot& snapshot, const config::FlatConfig& defaults,
                      const std::string& defaults_file, const NamesByFile& known) {
  struct Candidate {
    std::string name;
    std::string stem;
    Definition definition;
    bool running;  // this file defines the connector already
  };
  std::vector<Candidate> candidates;
  for (const watch::DefinitionFile& file : snapshot.files) {
    Definition definition = Judge(file, defaults, defaults_file);
    std::string name = NameOf(definition, file.stem, known);
    const auto last = known.find(file.path);
    const bool running = last != known.end() && last->second == name;
    candidates.push_back({std::move(name), file.stem, std::move(definition), running});
  }

  Desired desired;
  for (const bool running : {true, false}) {
    for (Candidate& candidate : candidates) {
      if (candidate.running != running) continue;
      const auto taken = desired.find(candidate.name);
      if (taken == desired.end()) {
        desired.emplace(candidate.name, std::move(candidate.definition));
        continue;
      }
      candidate.definition.problems.push_back(
          {candidate.definition.file,
           {},
           "name",
           "connector " + candidate.name + " is defined by " + taken->second.file +
               " already; each name needs exactly one definition"});
      AddRejected(desired, candidate.stem, std::move(candidate.definition));
    }
  }
  return desired;
}

}  // namespace khs::reconcile
