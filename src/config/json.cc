#include "config/json.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "config/json_value.h"
#include "config/problem_list.h"
#include "config/text.h"

namespace khs::config {
namespace {

// Converts a JSON body to a configuration and collects the problems.
class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file), problems_(file) {}

  // Returns the members of the object; none if it is invalid.
  std::vector<JsonMember> Read(std::string_view text) {
    auto object = ParseJsonObject(text);
    if (object) return std::move(object->members);
    Report(object.error().position, {}, object.error().message);
    return {};
  }

  void Report(Position position, std::string key, std::string message) {
    problems_.Add({file_, position, std::move(key), std::move(message)});
  }

  // For each key of an object: its first position, and whether its repetition was reported.
  using Seen = std::map<std::string, std::pair<Position, bool>>;

  // Returns false for a repeated key and reports it once.
  bool IsFirst(Seen& seen, const JsonMember& member) {
    const auto [known, is_first] = seen.try_emplace(member.key, member.position, false);
    if (is_first) return true;
    auto& [first, is_reported] = known->second;
    if (!std::exchange(is_reported, true)) {
      Report(member.position, member.key,
             "Is already given at line " + std::to_string(first.line) + ", column " +
                 std::to_string(first.column) + ": keep one of them");
    }
    return false;
  }

  FlatConfig ToConfig(const std::vector<JsonMember>& members) {
    FlatConfig config;
    Seen seen;
    for (const JsonMember& member : members) {
      if (!IsFirst(seen, member)) continue;
      const bool is_null = member.value.kind == JsonKind::kNull;
      if (!is_null && !member.value.IsScalar()) {
        Report(member.position, member.key,
               "A value must be a string, a number or a boolean: write lists and objects as a "
               "string");
        continue;
      }
      config.push_back({member.key, member.value.text,
                        is_null ? ValueKind::kNull : ValueKind::kString, member.position});
    }
    return config;
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
};

// Accepts a number or a boolean as text, like Kafka Connect.
void ReadField(Reader& reader, const JsonMember& member, std::optional<std::string>& field) {
  if (member.value.IsScalar()) {
    field = member.value.text;
  } else if (member.value.kind != JsonKind::kNull) {
    reader.Report(member.position, member.key, "Must be a string");
  }
}

}  // namespace

base::Expected<JsonDefinition, Problems> ReadJsonDefinition(const std::string& file,
                                                            std::string_view text) {
  Reader reader(file);
  JsonDefinition definition;
  bool has_config = false;
  Reader::Seen seen;
  for (const JsonMember& member : reader.Read(text)) {
    if (!reader.IsFirst(seen, member)) continue;
    if (member.key == "name") {
      ReadField(reader, member, definition.name);
    } else if (member.key == "initial_state") {
      ReadField(reader, member, definition.initial_state);
    } else if (member.key == "config") {
      has_config = true;
      if (member.value.kind == JsonKind::kObject) {
        definition.config = reader.ToConfig(member.value.members);
      } else {
        reader.Report(member.position, member.key, "Must be an object of the connector's keys");
      }
    } else {
      reader.Report(member.position, member.key,
                    "Unrecognized field: name, config and initial_state are known, and the "
                    "connector's keys belong in config");
    }
  }
  if (!has_config && !reader.failed()) {
    reader.Report({1, 1}, "config", "Missing: the connector's keys belong in this object");
  }
  return reader.Finish(std::move(definition));
}

base::Expected<FlatConfig, Problems> ReadJson(const std::string& file, std::string_view text) {
  auto definition = ReadJsonDefinition(file, text);
  if (!definition) return base::Unexpected<Problems>(std::move(definition.error()));
  FlatConfig config = std::move(definition->config);
  if (!definition->name) return config;
  const Entry* name = FindEntry(config, "name");
  if (name == nullptr) {
    config.insert(config.begin(), {"name", *definition->name, ValueKind::kString, {1, 1}});
  } else if (name->text != *definition->name) {
    return base::Unexpected<Problems>(
        {{file, name->position, "name",
          "Connector name configuration (" + Abbreviate(name->text) +
              ") doesn't match the connector's name (" + Abbreviate(*definition->name) + ")"}});
  }
  return config;
}

base::Expected<FlatConfig, Problems> ReadJsonConfig(const std::string& file,
                                                    std::string_view text) {
  Reader reader(file);
  FlatConfig config = reader.ToConfig(reader.Read(text));
  return reader.Finish(std::move(config));
}

base::Expected<FlatConfig, Problems> ReadAnyJson(const std::string& file, std::string_view text) {
  Reader reader(file);
  const std::vector<JsonMember> members = reader.Read(text);
  const auto find = [&members](std::string_view key) {
    return std::find_if(members.begin(), members.end(),
                        [key](const JsonMember& member) { return member.key == key; });
  };
  const auto inner = find("config");
  if (inner == members.end() || inner->value.kind != JsonKind::kObject) {
    return reader.Finish(reader.ToConfig(members));
  }
  FlatConfig config = reader.ToConfig(inner->value.members);
  const auto name = find("name");
  if (name != members.end() && name->value.IsScalar() && FindEntry(config, "name") == nullptr) {
    config.insert(config.begin(), {"name", name->value.text, ValueKind::kString, name->position});
  }
  return reader.Finish(std::move(config));
}

}  // namespace khs::config
