#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "app/commands.h"

namespace {

using namespace khs;

std::string DefaultDrainUrl() {
  const char* listen = std::getenv("KAFKA_HTTP_SINK_REST_LISTEN");
  return std::string("http://") +
         (listen != nullptr && *listen != '\0' ? listen : "127.0.0.1:8083");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli(
      "Delivers every record of Kafka topics to an HTTP endpoint, in order, at least once.\n"
      "Without a command it runs, as `run` does.",
      "kafka-http-sink");
  cli.require_subcommand(0, 1);
  cli.set_version_flag("--version", app::VersionText());

  app::RunOptions run;
  const auto add_run_options = [&run](CLI::App& command) {
    command.add_option("--config", run.config_file,
                       "sidecar.toml (default: in /etc/kafka-http-sink)");
    command.add_flag("--embedded-broker", run.embedded_broker,
                     "start a broker in this process, for trying out; its data is lost at exit");
  };
  add_run_options(cli);
  add_run_options(*cli.add_subcommand("run", "deliver until SIGTERM or SIGINT (the default)"));

  std::vector<std::string> paths;
  CLI::App* check = cli.add_subcommand("check", "validate files and directories, without a broker");
  check->add_option("PATH", paths, "sidecar.toml, connector files or directories")->required();

  std::string foreign;
  CLI::App* convert = cli.add_subcommand(
      "convert", "print a definition of Confluent's, Aiven's or Lenses' HTTP sink as one of ours");
  convert->add_option("FILE", foreign, "its JSON, as in Kafka Connect's REST API")->required();

  CLI::App* demo =
      cli.add_subcommand("demo", "see it work: broker, records and receiver in one process");

  app::TryOptions trial;
  CLI::App* attempt = cli.add_subcommand(
      "try", "show the request that a definition makes of a record, or send it once");
  attempt->add_option("DEFINITION", trial.definition, "a connector's .toml or .json")->required();
  attempt->add_option("--config", trial.config_file,
                      "sidecar.toml (default: in /etc/kafka-http-sink, if it exists)");
  CLI::Option* record = attempt->add_option("--record", trial.record_file, "the record, as JSON");
  CLI::Option* topic =
      attempt->add_option("--topic", trial.topic, "read the record from Kafka: from this topic,");
  CLI::Option* partition = attempt->add_option("--partition", trial.partition, "this partition")
                               ->check(CLI::NonNegativeNumber);
  CLI::Option* offset = attempt->add_option("--offset", trial.offset, "and this offset")
                            ->check(CLI::NonNegativeNumber);
  topic->needs(partition)->needs(offset)->excludes(record);
  partition->needs(topic);
  offset->needs(topic);
  attempt->add_flag("--send", trial.send,
                    "send the request, and say what the connector would do after the response");

  std::string url = DefaultDrainUrl();
  CLI::App* drain =
      cli.add_subcommand("drain", "ask the running process to finish what is in flight and commit");
  drain->add_option("--url", url, "its REST listener")->capture_default_str();

  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return cli.exit(error) == 0 ? app::kExitOk : app::kExitUsage;
  }
  if (*check) return app::Check(paths);
  if (*attempt) return app::Try(trial);
  if (*convert) return app::Convert(foreign);
  if (*demo) return app::Demo();
  if (*drain) return app::Drain(url);
  return app::Run(run);
}
