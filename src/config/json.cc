#include "config/json.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "config/json_object.h"
#include "config/text.h"

namespace khs::config {
namespace {

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  std::vector<JsonMember> Read(std::string_view text) {
    auto members = ReadJsonMembers(text);
    if (members) return std::move(*members);
    Report(members.error().position, {}, members.error().message);
    return {};
  }

  void Report(Position position, std::string key, std::string message) {
    problems_.push_back({file_, position, std::move(key), std::move(message)});
  }

  // False when the key was given before.
  bool IsFirst(const JsonMember& member) {
    const auto [place, first] = seen_.try_emplace({member.parent, member.key}, member.position);
    if (first) return true;
    Report(member.position, member.key,
           "Is already given at line " + std::to_string(place->second.line) + ", column " +
               std::to_string(place->second.column) + ": keep one of them");
    return false;
  }

  void AddTo(FlatConfig& config, const JsonMember& member) {
    if (!IsFirst(member)) return;
    if (member.kind == JsonKind::kObject || member.kind == JsonKind::kArray) {
      Report(
          member.position, member.key,
          "A value must be a string, a number or a boolean: write lists and objects as a string");
      return;
    }
    config.push_back({member.key, member.text,
                      member.kind == JsonKind::kNull ? ValueKind::kNull : ValueKind::kString,
                      member.position});
  }

  template <class T>
  base::Expected<T, Problems> Finish(T value) {
    if (problems_.empty()) return value;
    std::stable_sort(problems_.begin(), problems_.end(), [](const Problem& a, const Problem& b) {
      return std::pair(a.position.line, a.position.column) <
             std::pair(b.position.line, b.position.column);
    });
    return base::Unexpected<Problems>(std::move(problems_));
  }

  bool failed() const { return !problems_.empty(); }

 private:
  std::string file_;
  Problems problems_;
  std::map<std::pair<std::string, std::string>, Position> seen_;
};

void ReadField(Reader& reader, const JsonMember& member, std::optional<std::string>& field) {
  if (!reader.IsFirst(member)) return;
  if (member.kind == JsonKind::kString) {
    field = member.text;
  } else if (member.kind != JsonKind::kNull) {
    reader.Report(member.position, member.key, "Must be a string");
  }
}

}  // namespace

base::Expected<JsonDefinition, Problems> ReadJsonDefinition(const std::string& file,
                                                            std::string_view text) {
  Reader reader(file);
  JsonDefinition definition;
  bool has_config = false;
  for (const JsonMember& member : reader.Read(text)) {
    if (member.depth == 2) {
      if (member.parent == "config") reader.AddTo(definition.config, member);
    } else if (member.key == "name") {
      ReadField(reader, member, definition.name);
    } else if (member.key == "initial_state") {
      ReadField(reader, member, definition.initial_state);
    } else if (member.key == "config") {
      has_config = true;
      if (reader.IsFirst(member) && member.kind != JsonKind::kObject) {
        reader.Report(member.position, member.key, "Must be an object of the connector's keys");
      }
    } else {
      reader.Report(member.position, member.key,
                    "Unrecognized field: name, config and initial_state are known, and the "
                    "connector's keys belong into config");
    }
  }
  if (!has_config && !reader.failed()) {
    reader.Report({1, 1}, "config", "Missing: the connector's keys belong into this object");
  }
  return reader.Finish(std::move(definition));
}

base::Expected<FlatConfig, Problems> ReadJson(const std::string& file, std::string_view text) {
  auto definition = ReadJsonDefinition(file, text);
  if (!definition) return base::Unexpected<Problems>(std::move(definition.error()));
  FlatConfig config = std::move(definition->config);
  if (!definition->name) return config;
  const auto name = std::find_if(config.begin(), config.end(),
                                 [](const Entry& entry) { return entry.key == "name"; });
  if (name == config.end()) {
    config.insert(config.begin(), {"name", *definition->name, ValueKind::kString, {1, 1}});
  } else if (name->text != *definition->name) {
    return base::Unexpected<Problems>(
        {{file, name->position, "name",
          "Connector name configuration (" + Shown(name->text) +
              ") doesn't match the connector's name (" + Shown(*definition->name) + ")"}});
  }
  return config;
}

base::Expected<FlatConfig, Problems> ReadJsonConfig(const std::string& file,
                                                    std::string_view text) {
  Reader reader(file);
  FlatConfig config;
  for (const JsonMember& member : reader.Read(text)) {
    if (member.depth == 1) reader.AddTo(config, member);
  }
  return reader.Finish(std::move(config));
}

}  // namespace khs::config
