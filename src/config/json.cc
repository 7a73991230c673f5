#include "config/json.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "config/json_object.h"
#include "config/problem_list.h"
#include "config/text.h"

namespace khs::config {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file), problems_(file) {}

  std::vector<JsonMember> Read(std::string_view text) {
    auto members = ReadJsonMembers(text);
    if (members) return std::move(*members);
    Report(members.error().position, {}, members.error().message);
    return {};
  }

  void Report(Position position, std::string key, std::string message) {
    problems_.Add({file_, position, std::move(key), std::move(message)});
  }

  // False when the key was given before, which is told once.
  bool IsFirst(const JsonMember& member) {
    const auto [key, is_first] = seen_.try_emplace({member.parent, member.key}, member.position);
    if (is_first) return true;
    auto& [first, is_told] = key->second;
    if (!std::exchange(is_told, true)) {
      Report(member.position, member.key,
             "Is already given at line " + std::to_string(first.line) + ", column " +
                 std::to_string(first.column) + ": keep one of them");
    }
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
    if (!failed()) return value;
    return base::Unexpected<Problems>(problems_.Take());
  }

  bool failed() const { return problems_.HasErrors(); }

 private:
  std::string file_;
  ProblemList problems_;
  struct Seen {
    explicit Seen(Position position) : first(position) {}
    Position first;
    bool is_told = false;
  };
  std::map<std::pair<std::string, std::string>, Seen> seen_;  // by parent and key
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
