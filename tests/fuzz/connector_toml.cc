// A connector's file. Its problems are within the file. Written as TOML, or as the JSON that REST
// shows, it has the same meaning.
#include <algorithm>
#include <map>
#include <string>

#include "config/connector_config.h"
#include "config/json.h"
#include "config/json_value.h"
#include "config/text.h"
#include "config/validation.h"
#include "fuzz/fuzz.h"
#include "fuzz/places.h"

namespace khs::fuzz {
namespace {

using config::Entry;
using config::FlatConfig;

const std::string kFile = "orders.toml";
const config::ConnectorSource kSource{kFile, "orders"};

std::string ToJson(const FlatConfig& entries) {
  std::string json = "{";
  for (const Entry& entry : entries) {
    json += (json.size() > 1 ? ",\n" : "") + config::QuoteJson(entry.key) + ": " +
            config::QuoteJson(entry.text);
  }
  return json + '}';
}

// Returns keys and texts, ordered by key.
std::map<std::string, std::string> ToMap(const FlatConfig& entries) {
  std::map<std::string, std::string> map;
  for (const Entry& entry : entries) map.emplace(entry.key, entry.text);
  return map;
}

// Keys with \u0000 are not allowed in JSON.
bool HasNulInKey(const FlatConfig& entries) {
  return std::any_of(entries.begin(), entries.end(),
                     [](const Entry& entry) { return entry.key.find('\0') != std::string::npos; });
}

void CheckEntries(const FlatConfig& entries, std::string_view text) {
  const auto values = ToMap(entries);
  FUZZ_CHECK(values.size() == entries.size());
  for (const Entry& entry : entries) FUZZ_CHECK(IsWithin(text, entry.position));

  const auto written =
      config::ReadToml(kFile, config::WriteToml(values, "", {}), config::KeepsHeaderTable);
  FUZZ_CHECK(written.has_value());
  FUZZ_CHECK(ToMap(*written) == values);

  const auto json = config::ReadJsonConfig(kFile, ToJson(entries));
  FUZZ_CHECK(HasNulInKey(entries) || json);
  FUZZ_CHECK(HasNulInKey(entries) || ToMap(*json) == values);
}

// A valid file is also valid as strings of REST, with the same meaning.
void CheckSameAsJson(const config::ConnectorResult& result, FlatConfig entries) {
  if (!result.config || HasNulInKey(entries)) return;
  // Empty tables are ignored.
  std::erase_if(entries, [](const Entry& entry) {
    return entry.kind == config::ValueKind::kTable && entry.text == "{}";
  });
  const auto json = config::ReadJsonConfig(kFile, ToJson(entries));
  const auto same = config::ParseConnector(kSource, *json);
  FUZZ_CHECK(same.config == result.config);
  FUZZ_CHECK(same.references == result.references);
}

// Kafka Connect's `validate` and the problems of the file agree.
void CheckSameAsValidate(const config::ConnectorResult& result, FlatConfig entries) {
  const auto is_name = [](const Entry& entry) { return entry.key == "name"; };
  if (std::none_of(entries.begin(), entries.end(), is_name)) {
    entries.push_back({"name", "orders", config::ValueKind::kString, {}});
  }
  bool has_errors = false;
  for (const auto& verdict : config::ValidateConnector(entries)) {
    has_errors = has_errors || !verdict.errors.empty();
    if (verdict.value && config::HoldsCredentials(verdict.name)) {
      FUZZ_CHECK(verdict.value->empty() || *verdict.value == config::kHiddenValue);
    }
  }
  FUZZ_CHECK(has_errors == config::HasErrors(result.problems));
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const std::string_view text = fuzz::TextOf(data, size);
  const auto result = config::ParseConnectorToml(fuzz::kSource, text);
  for (const config::Problem& problem : result.problems) {
    FUZZ_CHECK(problem.file == fuzz::kFile);
    fuzz::CheckProblem(problem, text);
  }
  const auto is_before = [](const config::Problem& a, const config::Problem& b) {
    return std::pair(a.position.line, a.position.column) <
           std::pair(b.position.line, b.position.column);
  };
  FUZZ_CHECK(std::is_sorted(result.problems.begin(), result.problems.end(), is_before));

  const auto entries = config::ReadToml(fuzz::kFile, text, config::KeepsHeaderTable);
  if (!entries) {
    FUZZ_CHECK(!result.config && config::HasErrors(result.problems));
    return 0;
  }
  FUZZ_CHECK(!result.config || !config::HasErrors(result.problems));
  // Secrets are not read here, so a definition with references has no configuration.
  FUZZ_CHECK(result.config || config::HasErrors(result.problems) || !result.references.empty());
  fuzz::CheckEntries(*entries, text);
  fuzz::CheckSameAsJson(result, *entries);
  fuzz::CheckSameAsValidate(result, *entries);
  return 0;
}
