// sidecar.toml, and after a line `---` variables of the environment, one a line. The
// environment can set everything that the file can.
#include <algorithm>
#include <string>

#include "config/definitions.h"
#include "config/environment.h"
#include "config/process_config.h"
#include "fuzz/fuzz.h"
#include "fuzz/places.h"

namespace khs::fuzz {
namespace {

const std::string kFile = "sidecar.toml";

config::Environment ReadVariables(std::string_view text) {
  config::Environment variables;
  while (!text.empty()) {
    const auto [line, rest] = SplitLine(text);
    const std::size_t equals = std::min(line.find('='), line.size());
    variables.emplace_back(line.substr(0, equals), line.substr(std::min(equals + 1, line.size())));
    text = rest;
  }
  return variables;
}

bool IsSame(const config::ProcessConfig& a, const config::ProcessConfig& b) {
  return a.kafka == b.kafka && a.connectors_dir == b.connectors_dir &&
         a.rescan_interval == b.rescan_interval && a.debounce == b.debounce &&
         a.state_dir == b.state_dir && a.rest_listen == b.rest_listen &&
         a.rest_auth_none == b.rest_auth_none &&
         a.rest_credentials.basic == b.rest_credentials.basic &&
         a.rest_credentials.bearer == b.rest_credentials.bearer &&
         a.rest_tls.certificate == b.rest_tls.certificate && a.rest_tls.key == b.rest_tls.key &&
         a.rest_tls.client_ca == b.rest_tls.client_ca && a.metrics_listen == b.metrics_listen &&
         a.secrets_dirs == b.secrets_dirs && a.log_level == b.log_level &&
         a.log_format == b.log_format && a.shutdown_grace == b.shutdown_grace;
}

void CheckSameFromEnvironment(const config::FlatConfig& entries) {
  config::FlatConfig known;
  config::Environment variables;
  for (const config::Entry& entry : entries) {
    const auto* definition = config::FindKey(config::ProcessKeys(), entry.key);
    if (definition == nullptr || definition->key != entry.key) continue;
    known.push_back(entry);
    variables.emplace_back(config::VariableName(entry.key), entry.text);
  }
  const config::ProcessOptions options{false};
  const auto from_file = config::ParseProcess(kFile, known, {}, options);
  if (!from_file.config) return;
  const auto from_environment = config::ParseProcess(kFile, {}, variables, options);
  FUZZ_CHECK(from_environment.config.has_value());
  FUZZ_CHECK(IsSame(*from_file.config, *from_environment.config));
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  constexpr std::string_view kDivider = "\n---\n";
  const std::string_view input = fuzz::TextOf(data, size);
  const std::size_t divider = input.find(kDivider);
  const std::string_view text = input.substr(0, divider);
  config::Environment variables;
  if (divider != std::string_view::npos) {
    variables = fuzz::ReadVariables(input.substr(divider + kDivider.size()));
  }
  const auto result = config::ParseProcessToml(fuzz::kFile, text, variables);
  for (const config::Problem& problem : result.problems) {
    FUZZ_CHECK(problem.file == fuzz::kFile || problem.file == config::kEnvironmentFile);
    fuzz::CheckProblem(problem, problem.file == fuzz::kFile ? text : std::string_view());
  }
  FUZZ_CHECK(result.config.has_value() != config::HasErrors(result.problems));
  const auto entries = config::ReadToml(fuzz::kFile, text, config::KeepsHeaderTable);
  if (entries) fuzz::CheckSameFromEnvironment(*entries);
  return 0;
}
