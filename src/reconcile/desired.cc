#include "reconcile/desired.h"

#include <utility>

namespace khs::reconcile {
namespace {

std::string NameOf(const Definition& definition, const NamesByPlace& known) {
  if (definition.config) return definition.config->name;
  const auto last = known.find(definition.Place());
  return last != known.end() ? last->second : definition.stem;
}

// Adds the second of two definitions of one name: under the name that its place defined last, whose
// connector keeps running, or else under its default name.
void AddRejected(Definitions& definitions, Definition definition, const NamesByPlace& known) {
  const auto last = known.find(definition.Place());
  std::string name =
      last != known.end() && !definitions.contains(last->second) ? last->second : definition.stem;
  while (definitions.contains(name)) name += " (" + definition.file + ")";
  definition.config.reset();
  definitions.emplace(std::move(name), std::move(definition));
}

}  // namespace

Definitions SortByName(std::vector<Definition> candidates, const NamesByPlace& known) {
  struct Claim {
    std::string name;
    int rank;  // 0: its place defined the connector before; 1: it is new; 2: it is invalid
  };
  std::vector<Claim> claims;
  for (const Definition& candidate : candidates) {
    std::string name = NameOf(candidate, known);
    const auto last = known.find(candidate.Place());
    // A definition from REST is older than a file of the same name: REST rejects existing names.
    const bool is_old =
        candidate.origin == Origin::kRest || (last != known.end() && last->second == name);
    claims.push_back({std::move(name), is_old ? 0 : candidate.config ? 1 : 2});
  }

  Definitions definitions;
  std::vector<Definition> rejected;
  for (const int rank : {0, 1, 2}) {
    for (size_t i = 0; i < candidates.size(); ++i) {
      if (claims[i].rank != rank) continue;
      const std::string& name = claims[i].name;
      Definition& candidate = candidates[i];
      const auto taken = definitions.find(name);
      if (taken == definitions.end()) {
        definitions.emplace(name, std::move(candidate));
        continue;
      }
      candidate.problems.push_back({candidate.file,
                                    {},
                                    "name",
                                    "connector " + name + " is defined by " + taken->second.file +
                                        " already; each name needs exactly one definition"});
      rejected.push_back(std::move(candidate));
    }
  }
  for (Definition& definition : rejected) {
    AddRejected(definitions, std::move(definition), known);
  }
  return definitions;
}

Desired Advance(Desired before, Definitions now) {
  Desired desired;
  for (auto& [name, definition] : now) {
    DesiredConnector connector;
    if (const auto known = before.find(name); known != before.end()) {
      connector = std::move(known->second);
      if (connector.newest == definition) {
        desired.emplace(name, std::move(connector));
        continue;
      }
      ++connector.generation;
    }
    if (definition.config) {
      connector.config = definition.config;
      connector.config_written = definition.written;
      connector.config_place = definition.Place();
      connector.config_generation = connector.generation;
    }
    connector.newest = std::move(definition);
    desired.emplace(name, std::move(connector));
  }
  return desired;
}

NamesByPlace NamesIn(const Desired& desired) {
  NamesByPlace names;
  for (const auto& [name, connector] : desired) {
    if (connector.config) names[connector.config_place] = name;
  }
  return names;
}

}  // namespace khs::reconcile
