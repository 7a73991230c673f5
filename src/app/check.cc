#include "config/check.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include "app/commands.h"
#include "app/environment.h"
#include "config/flat.h"
#include "config/secrets.h"
#include "kafka/properties.h"
#include "watch/snapshot.h"

namespace khs::app {
namespace {

namespace fs = std::filesystem;

struct Collected {
  std::vector<watch::DefinitionFile> files;
  config::Problems problems;  // of directories
};

// What the process would not read of a directory, and that it would find nothing there.
config::Problems JudgeDirectory(const fs::path& path, const watch::Snapshot& snapshot) {
  config::Problems problems;
  const auto add = [&](const fs::path& place, const std::string& message,
                       config::Severity severity) {
    problems.push_back({place.string(), {}, {}, message, severity});
  };
  for (const std::string& name : snapshot.ignored.names) {
    add(path / name, "ignored: only *.toml is read from a directory", config::Severity::kWarning);
  }
  if (const size_t named = snapshot.ignored.names.size(); snapshot.ignored.count > named) {
    add(path, "and " + std::to_string(snapshot.ignored.count - named) + " more are ignored",
        config::Severity::kWarning);
  }
  if (snapshot.error.empty() && snapshot.files.empty()) {
    add(path, "holds no definition: nothing in it is named *.toml", config::Severity::kError);
  }
  return problems;
}

// Everything that the paths name, in their order and each file once; a directory stands for its
// definitions.
Collected Collect(const std::vector<std::string>& paths) {
  Collected collected;
  std::set<fs::path> seen;
  const auto add = [&](watch::DefinitionFile file) {
    if (!seen.insert(fs::absolute(file.path).lexically_normal()).second) return;
    collected.files.push_back(std::move(file));
  };
  for (const std::string& path : paths) {
    std::error_code none;
    if (!fs::is_directory(path, none)) {
      add(watch::ReadDefinition(path));
      continue;
    }
    watch::Snapshot snapshot = watch::ReadDirectory(path);
    const config::Problems problems = JudgeDirectory(path, snapshot);
    collected.problems.insert(collected.problems.end(), problems.begin(), problems.end());
    if (!snapshot.error.empty()) add({path, {}, {}, snapshot.error});
    for (watch::DefinitionFile& file : snapshot.files) add(std::move(file));
  }
  return collected;
}

// What librdkafka says of the properties that are handed to it.
config::Problems CheckClientProperties(const watch::DefinitionFile& file) {
  config::Problems problems;
  const auto entries = config::ReadToml(file.path, file.content, config::KeepsHeaderTable);
  if (!entries) return problems;
  for (const config::Entry& entry : *entries) {
    for (const std::string_view prefix : {"kafka.", "consumer.override."}) {
      if (!entry.key.starts_with(prefix)) continue;
      const std::string property = entry.key.substr(prefix.size());
      const auto value = config::SecretResolver(nullptr).Resolve(entry.text);
      if (!value || !value->is_complete) continue;
      for (const auto& problem : kafka::CheckProperties({{property, value->text}})) {
        problems.push_back({file.path, entry.position, entry.key, problem.message});
      }
    }
  }
  return problems;
}

bool HasErrors(const config::Problems& problems) {
  return std::any_of(problems.begin(), problems.end(), [](const config::Problem& problem) {
    return problem.severity == config::Severity::kError;
  });
}

config::CheckedFile CheckOne(const watch::DefinitionFile& file,
                             const config::CheckContext& context) {
  if (!file.error.empty()) {
    config::CheckedFile unreadable;
    unreadable.problems.push_back({file.path, {}, {}, "cannot be read: " + file.error});
    return unreadable;
  }
  config::CheckedFile checked = config::CheckFile(file.path, file.content, context);
  if (!file.path.ends_with(".json") && !HasErrors(checked.problems)) {
    const config::Problems more = CheckClientProperties(file);
    checked.problems.insert(checked.problems.end(), more.begin(), more.end());
  }
  return checked;
}

}  // namespace

int Check(const std::vector<std::string>& paths) {
  const auto [files, of_directories] = Collect(paths);
  config::CheckContext context;
  context.environment = ReadEnvironment();
  std::vector<config::CheckedFile> checked(files.size());
  // sidecar.toml first, wherever it stands: its defaults belong to the connectors.
  for (size_t i = 0; i < files.size(); ++i) {
    checked[i] = CheckOne(files[i], context);
    if (checked[i].role != config::FileRole::kProcess || !checked[i].process) continue;
    context.defaults = checked[i].process->defaults;
    context.defaults_file = files[i].path;
  }
  std::vector<config::NamedDefinition> names;
  for (size_t i = 0; i < files.size(); ++i) {
    if (checked[i].role == config::FileRole::kProcess) continue;
    if (!context.defaults.empty()) checked[i] = CheckOne(files[i], context);
    if (checked[i].connector) names.push_back(*checked[i].connector);
  }

  config::Problems problems = of_directories;
  for (const config::CheckedFile& file : checked) {
    problems.insert(problems.end(), file.problems.begin(), file.problems.end());
  }
  const config::Problems duplicates = config::FindDuplicateNames(names);
  problems.insert(problems.end(), duplicates.begin(), duplicates.end());

  for (const config::Problem& problem : problems) {
    std::printf("%s\n", config::Format(problem).c_str());
  }
  const bool errors = HasErrors(problems);
  if (!errors) std::fprintf(stderr, "%zu files valid\n", files.size());
  return errors ? kExitFailed : kExitOk;
}

}  // namespace khs::app
