#include "kafka/properties.h"

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/descriptors.h"
#include "kafka/configuration.h"
#include "kafka/oauth.h"
#include "kafka/start_offsets.h"
#include "kafka/workarounds/thread_shortage.h"
#include "watch/read_file.h"

namespace khs::kafka {
namespace {

// Properties of newer versions of librdkafka. An older version accepts the value that it behaves
// like anyway, and any value when no delivery depends on the property.
struct NewerProperty {
  std::string_view name;
  std::string_view value;  // empty accepts any
};

constexpr NewerProperty kNewerProperties[] = {{"client.dns.lookup", "use_all_dns_ips"},
                                              {"enable.metrics.push", ""},
                                              {"fetch.queue.backoff.ms", ""},
                                              {"retry.backoff.max.ms", ""}};

std::optional<std::string> CheckUnknownProperty(std::string_view name, std::string_view value) {
  const std::string version = std::string("librdkafka ") + rd_kafka_version_str();
  for (const NewerProperty& newer : kNewerProperties) {
    if (newer.name != name) continue;
    if (newer.value.empty() || newer.value == value) return std::nullopt;
    return std::string(name) + " can only be " + std::string(newer.value) + " with " + version;
  }
  return "No such configuration property: neither " + version +
         " nor Kafka's Java consumer has \"" + std::string(name) + '"';
}

std::optional<std::string> Set(rd_kafka_conf_t* conf, const std::string& name,
                               const base::Secret& value) {
  if (IsOAuthProperty(name)) return std::nullopt;
  std::array<char, 512> error{};
  const char* given = value.Reveal().c_str();
  if (name == kResetProperty) {
    if (!ParseResetPolicy(value.Reveal())) {
      return "Invalid value for configuration property \"" + name + "\": " + kResetPolicies;
    }
    given = "error";  // start_offsets.h applies the policy
  }
  const auto result = rd_kafka_conf_set(conf, name.c_str(), given, error.data(), error.size());
  if (result == RD_KAFKA_CONF_OK) return std::nullopt;
  if (result == RD_KAFKA_CONF_UNKNOWN) return CheckUnknownProperty(name, value.Reveal());
  // librdkafka's message would quote the value.
  if (result == RD_KAFKA_CONF_INVALID && value.is_from_reference()) {
    return "Invalid value [hidden] for configuration property \"" + name + '"';
  }
  return std::string(error.data());
}

ConfHandle NewConfiguration() {
  ConfHandle conf(rd_kafka_conf_new());
  // Otherwise librdkafka writes to stderr while properties are set.
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);
  return conf;
}

// Whether the property's value is a file that librdkafka, or the kinit that it runs, opens.
bool NamesFile(std::string_view property) {
  return property.ends_with(".location") || property.ends_with(".file") ||
         property == "sasl.kerberos.keytab";
}

// Returns why librdkafka must not open the file, or an empty text.
std::string CheckFile(const std::string& property, const std::string& path) {
  std::error_code none;
  const auto kind = std::filesystem::status(path, none).type();
  const bool missing =
      kind == std::filesystem::file_type::none || kind == std::filesystem::file_type::not_found;
  const bool is_ca_directory =
      kind == std::filesystem::file_type::directory && property.ends_with("ca.location");
  // librdkafka reports a missing file, if it gets the property.
  if (missing && !path.empty() && IsOAuthProperty(property)) return "no such file";
  if (missing || is_ca_directory) return {};
  const auto content = watch::ReadRegularFile(path, watch::kMaxLibraryFileBytes);
  return content ? std::string() : content.error();
}

std::vector<PropertyProblem> CheckFiles(const Properties& properties) {
  constexpr std::string_view kKeytabScheme = "FILE:";
  std::vector<PropertyProblem> problems;
  for (const auto& [name, value] : properties) {
    if (!NamesFile(name)) continue;
    std::string path = value.Reveal();
    if (path.starts_with(kKeytabScheme)) path.erase(0, kKeytabScheme.size());
    const std::string problem = CheckFile(name, path);
    if (problem.empty()) continue;
    const std::string shown = value.is_from_reference() ? "[hidden]" : path;
    problems.push_back({name, "cannot use " + shown + ": " + problem});
  }
  return problems;
}

// Opens the socket of a broker connection. When it fails, librdkafka tries again by itself.
int OpenBrokerSocket(int domain, int type, int protocol, void*) noexcept {
  return base::OpenSocket(domain, type, protocol, base::Claim::kNeeded);
}

}  // namespace

ConfHandle MakeConfiguration(const Properties& properties) {
  ConfHandle conf = NewConfiguration();
  rd_kafka_conf_set_socket_cb(conf.get(), &OpenBrokerSocket);
  for (const auto& [name, value] : properties) {
    if (const auto error = Set(conf.get(), name, value)) throw std::runtime_error(*error);
  }
  InstallOAuth(conf.get(), properties);
  const auto problems = CheckFiles(properties);
  if (!problems.empty()) {
    throw std::runtime_error("Kafka client's property " + problems[0].property + ": " +
                             problems[0].message);
  }
  return conf;
}

rd_kafka_t* NewClient(rd_kafka_type_t type, ConfHandle conf, const Redactor& redactor) {
  std::array<char, 512> error{};
  rd_kafka_t* client = NewClientWithThreads(type, conf.get(), error.data(), error.size());
  if (client == nullptr) throw std::runtime_error(redactor.Redact(error.data()));
  conf.release();  // the client owns it now
  return client;
}

ClientHandle NewGrouplessClient(const ClientLogContext& log_context, Properties properties) {
  properties.erase("group.id");
  properties.erase("group.instance.id");
  properties.erase("topic.blacklist");  // it is for subscriptions by regular expression
  ConfHandle conf = MakeConfiguration(properties);
  SetLogCallback(conf.get(), &log_context);
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_ERROR);
  ClientHandle client(NewClient(RD_KAFKA_CONSUMER, std::move(conf), log_context.redactor));
  StartTokens(client.get(), properties);
  return client;
}

std::vector<PropertyProblem> CheckProperties(const Properties& properties) {
  std::vector<PropertyProblem> problems;
  const ConfHandle conf = NewConfiguration();
  for (const auto& [name, value] : properties) {
    if (const auto error = Set(conf.get(), name, value)) problems.push_back({name, *error});
  }
  for (PropertyProblem& problem : CheckFiles(properties)) problems.push_back(std::move(problem));
  return problems;
}

std::optional<std::string> TryClient(const Properties& properties, const ClientOwner& owner) {
  const ClientLogContext log_context(owner, properties);
  try {
    ConfHandle conf = MakeConfiguration(properties);
    SetLogCallback(conf.get(), &log_context);
    rd_kafka_destroy(NewClient(RD_KAFKA_CONSUMER, std::move(conf), log_context.redactor));
    return std::nullopt;
  } catch (const std::system_error&) {
    return std::nullopt;  // the process lacks threads, which is not the properties' fault
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string LibraryVersion() { return rd_kafka_version_str(); }

}  // namespace khs::kafka
