#include "config/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "config/connector_config.h"
#include "config/definitions.h"
#include "config/json.h"

namespace khs::config {
namespace {

std::string Place(const NamedDefinition& definition) {
  if (definition.position.line == 0) return definition.file;
  return fmt::format("{}:{}:{}", definition.file, definition.position.line,
                     definition.position.column);
}

NamedDefinition NameOf(const ConnectorSource& source, const FlatConfig& config) {
  const Entry* name = FindEntry(config, "name");
  if (name == nullptr) return {source.default_name, source.file, {1, 1}};
  return {name->text, source.file, name->position};
}

}  // namespace

FileRole GuessRole(std::string_view file, const FlatConfig& config) {
  const std::filesystem::path path(file);
  if (path.filename() == "sidecar.toml") return FileRole::kProcess;
  if (path.extension() == ".json") return FileRole::kConnector;
  const auto known = [&](std::span<const KeyDefinition> keys) {
    return std::count_if(config.begin(), config.end(),
                         [&](const Entry& entry) { return FindKey(keys, entry.key) != nullptr; });
  };
  return known(ProcessKeys()) > known(ConnectorKeys()) ? FileRole::kProcess : FileRole::kConnector;
}

Problems FindDuplicateNames(const std::vector<NamedDefinition>& definitions) {
  Problems problems;
  std::map<std::string_view, const NamedDefinition*> first_of;
  for (const NamedDefinition& definition : definitions) {
    const auto [first, is_new] = first_of.try_emplace(definition.name, &definition);
    if (is_new) continue;
    problems.push_back({definition.file, definition.position, "name",
                        fmt::format("The connector {} is already defined at {}", definition.name,
                                    Place(*first->second))});
  }
  return problems;
}

CheckedFile CheckFile(const std::string& file, std::string_view text, const CheckContext& context) {
  const std::filesystem::path path(file);
  auto config =
      path.extension() == ".json" ? ReadJson(file, text) : ReadToml(file, text, KeepsHeaderTable);
  CheckedFile checked;
  checked.role = GuessRole(file, config ? *config : FlatConfig{});
  if (!config) {
    checked.problems = std::move(config.error());
  } else if (checked.role == FileRole::kProcess) {
    ProcessResult result = ParseProcess(file, *config, context.environment);
    checked.problems = std::move(result.problems);
    checked.process = std::move(result.config);
  } else {
    const ConnectorSource source{file, path.stem().string()};
    checked.problems =
        ParseConnector(source, *config, context.defaults, context.defaults_file).problems;
    checked.connector = NameOf(source, *config);
  }
  return checked;
}

}  // namespace khs::config
