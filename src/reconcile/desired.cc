#include "reconcile/desired.h"

#include <utility>
#include <vector>

namespace khs::reconcile {
namespace {

std::string NameOf(const Definition& definition, const std::string& stem,
                   const NamesByFile& known) {
  if (definition.config) return definition.config->name;
  const auto last = known.find(definition.file);
  return last != known.end() ? last->second : stem;
}

// The second of two definitions of one name. It is shown under its file's name where that is free.
void AddRejected(Definitions& definitions, std::string name, Definition definition) {
  while (definitions.contains(name)) name += " (" + definition.file + ")";
  definition.config.reset();
  definitions.emplace(std::move(name), std::move(definition));
}

}  // namespace

Definitions JudgeSnapshot(const watch::Snapshot& snapshot, const JudgeFile& judge,
                          const NamesByFile& known) {
  struct Candidate {
    std::string name;
    std::string stem;
    Definition definition;
    bool running;  // this file defines the connector already
  };
  std::vector<Candidate> candidates;
  for (const watch::DefinitionFile& file : snapshot.files) {
    Definition definition = judge(file);
    std::string name = NameOf(definition, file.stem, known);
    const auto last = known.find(file.path);
    const bool running = last != known.end() && last->second == name;
    candidates.push_back({std::move(name), file.stem, std::move(definition), running});
  }

  Definitions definitions;
  for (const bool running : {true, false}) {
    for (Candidate& candidate : candidates) {
      if (candidate.running != running) continue;
      const auto taken = definitions.find(candidate.name);
      if (taken == definitions.end()) {
        definitions.emplace(candidate.name, std::move(candidate.definition));
        continue;
      }
      candidate.definition.problems.push_back(
          {candidate.definition.file,
           {},
           "name",
           "connector " + candidate.name + " is defined by " + taken->second.file +
               " already; each name needs exactly one definition"});
      AddRejected(definitions, candidate.stem, std::move(candidate.definition));
    }
  }
  return definitions;
}

Desired Advance(Desired before, Definitions now) {
  Desired desired;
  for (auto& [name, definition] : now) {
    Wanted wanted;
    if (const auto known = before.find(name); known != before.end()) {
      wanted = std::move(known->second);
      if (wanted.newest == definition) {
        desired.emplace(name, std::move(wanted));
        continue;
      }
      ++wanted.generation;
    }
    if (definition.config) {
      wanted.target = definition.config;
      wanted.target_text = definition.text;
      wanted.target_file = definition.file;
      wanted.target_generation = wanted.generation;
    }
    wanted.newest = std::move(definition);
    desired.emplace(name, std::move(wanted));
  }
  return desired;
}

NamesByFile NamesIn(const Desired& desired) {
  NamesByFile names;
  for (const auto& [name, wanted] : desired) {
    if (wanted.target) names[wanted.target_file] = name;
  }
  return names;
}

}  // namespace khs::reconcile
