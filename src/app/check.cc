#include "config/check.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "app/commands.h"
#include "app/environment.h"
#include "config/client_properties.h"
#include "config/flat.h"
#include "config/secrets.h"
#include "kafka/properties.h"
#include "watch/snapshot.h"

namespace khs::app {
namespace {

namespace fs = std::filesystem;

struct Input {
  std::vector<watch::DefinitionFile> files;
  config::Problems problems;  // of directories
};

// Reports the files of a directory that the process ignores, and a directory without definitions.
config::Problems CheckDirectory(const fs::path& path, const watch::Snapshot& snapshot) {
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
    add(path, "contains no *.toml file", config::Severity::kError);
  }
  return problems;
}

// Reads the files of the paths in their order, each once. A directory stands for its definitions.
Input ReadInput(const std::vector<std::string>& paths) {
  Input input;
  std::set<fs::path> seen;
  const auto add = [&](watch::DefinitionFile file) {
    if (!seen.insert(fs::absolute(file.path).lexically_normal()).second) return;
    input.files.push_back(std::move(file));
  };
  for (const std::string& path : paths) {
    std::error_code none;
    if (!fs::is_directory(path, none)) {
      add(watch::ReadDefinition(path));
      continue;
    }
    watch::Snapshot snapshot = watch::ReadDirectory(path);
    const config::Problems problems = CheckDirectory(path, snapshot);
    input.problems.insert(input.problems.end(), problems.begin(), problems.end());
    if (!snapshot.error.empty()) add({path, {}, {}, snapshot.error});
    for (watch::DefinitionFile& file : snapshot.files) add(std::move(file));
  }
  return input;
}

// Checks the librdkafka properties with one prefix.
config::Problems CheckPrefix(const std::string& file, const config::FlatConfig& entries,
                             std::string_view prefix, config::PropertySource source) {
  config::SecretResolver secrets(nullptr);
  kafka::Properties written;
  std::map<std::string, const config::Entry*> entry_of;
  for (const config::Entry& entry : entries) {
    if (!entry.key.starts_with(prefix)) continue;
    const std::string name(
        config::LibrdkafkaName(std::string_view(entry.key).substr(prefix.size())));
    auto value = secrets.Resolve(entry.text);
    if (!value || !value->is_complete) continue;
    written.emplace(name, std::move(value->text));
    entry_of[name] = &entry;
  }
  const auto translated = config::ToLibrdkafka(written, source, secrets.is_complete());
  config::Problems problems;
  for (const auto& [property, message] : kafka::CheckProperties(translated.values)) {
    const auto found = entry_of.find(property);
    const bool is_written = found != entry_of.end();  // or it was derived from others
    problems.push_back({file, is_written ? found->second->position : config::Position{},
                        is_written ? found->second->key : std::string(prefix) + property, message});
  }
  return problems;
}

config::Problems CheckClientProperties(const watch::DefinitionFile& file) {
  const auto entries = config::ReadToml(file.path, file.content, config::KeepsHeaderTable);
  if (!entries) return {};
  using enum config::PropertySource;
  config::Problems problems = CheckPrefix(file.path, *entries, "kafka.", kProcess);
  for (auto& problem : CheckPrefix(file.path, *entries, "consumer.override.", kConnector)) {
    problems.push_back(std::move(problem));
  }
  return problems;
}

config::CheckedFile CheckOneFile(const watch::DefinitionFile& file,
                                 const config::CheckContext& context) {
  if (!file.error.empty()) {
    config::CheckedFile unreadable;
    unreadable.problems.push_back({file.path, {}, {}, "cannot be read: " + file.error});
    return unreadable;
  }
  config::CheckedFile checked = config::CheckFile(file.path, file.content, context);
  if (!file.path.ends_with(".json") && !config::HasErrors(checked.problems)) {
    const config::Problems more = CheckClientProperties(file);
    checked.problems.insert(checked.problems.end(), more.begin(), more.end());
  }
  return checked;
}

}  // namespace

int Check(const std::vector<std::string>& paths) {
  const auto [files, directory_problems] = ReadInput(paths);
  config::CheckContext context;
  context.environment = ReadEnvironment();
  std::vector<config::CheckedFile> checked(files.size());
  // Apply sidecar.toml first, at any position: connectors use its defaults.
  for (size_t i = 0; i < files.size(); ++i) {
    checked[i] = CheckOneFile(files[i], context);
    if (checked[i].role != config::FileRole::kProcess || !checked[i].process) continue;
    context.defaults = checked[i].process->defaults;
    context.defaults_file = files[i].path;
  }
  std::vector<config::NamedDefinition> names;
  for (size_t i = 0; i < files.size(); ++i) {
    if (checked[i].role == config::FileRole::kProcess) continue;
    if (!context.defaults.empty()) checked[i] = CheckOneFile(files[i], context);
    if (checked[i].connector) names.push_back(*checked[i].connector);
  }

  config::Problems problems = directory_problems;
  for (const config::CheckedFile& file : checked) {
    problems.insert(problems.end(), file.problems.begin(), file.problems.end());
  }
  const config::Problems duplicates = config::FindDuplicateNames(names);
  problems.insert(problems.end(), duplicates.begin(), duplicates.end());

  for (const config::Problem& problem : problems) {
    std::printf("%s\n", config::Format(problem).c_str());
  }
  const bool errors = config::HasErrors(problems);
  if (!errors) std::fprintf(stderr, "%zu files valid\n", files.size());
  return errors ? kExitFailed : kExitOk;
}

}  // namespace khs::app
