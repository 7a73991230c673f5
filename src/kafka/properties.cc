#include "kafka/properties.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/descriptors.h"
#include "base/threads.h"
#include "kafka/configuration.h"
#include "kafka/start_offsets.h"
#include "watch/read_file.h"

namespace khs::kafka {
namespace {

// Properties that came with newer versions of librdkafka. An older one does as with the given
// value, or what any of them asks for is nothing that a delivery depends on.
struct Newer {
  std::string_view name;
  std::string_view value;  // empty: any
};

constexpr Newer kNewer[] = {{"client.dns.lookup", "use_all_dns_ips"},
                            {"enable.metrics.push", ""},
                            {"fetch.queue.backoff.ms", ""},
                            {"retry.backoff.max.ms", ""}};

std::optional<std::string> JudgeUnknown(std::string_view name, std::string_view value) {
  const std::string version = std::string("librdkafka ") + rd_kafka_version_str();
  for (const Newer& newer : kNewer) {
    if (newer.name != name) continue;
    if (newer.value.empty() || newer.value == value) return std::nullopt;
    return std::string(name) + " can only be " + std::string(newer.value) + " with " + version;
  }
  return "No such configuration property: neither " + version +
         " nor Kafka's Java consumer has \"" + std::string(name) + '"';
}

std::optional<std::string> Set(rd_kafka_conf_t* conf, const std::string& name,
                               const base::Secret& value) {
  std::array<char, 512> error{};
  const char* given = value.Reveal().c_str();
  if (name == kResetProperty) {
    if (!ParseResetPolicy(value.Reveal())) {
      return "Invalid value for configuration property \"" + name + "\": " + kResetPolicies;
    }
    given = "error";  // the program itself follows the policy (start_offsets.h)
  }
  const auto result = rd_kafka_conf_set(conf, name.c_str(), given, error.data(), error.size());
  if (result == RD_KAFKA_CONF_OK) return std::nullopt;
  if (result == RD_KAFKA_CONF_UNKNOWN) return JudgeUnknown(name, value.Reveal());
  // librdkafka quotes a value that it does not take.
  if (result == RD_KAFKA_CONF_INVALID && value.is_from_reference()) {
    return "Invalid value [hidden] for configuration property \"" + name + '"';
  }
  return std::string(error.data());
}

ConfHandle NewConfiguration() {
  ConfHandle conf(rd_kafka_conf_new());
  // Otherwise librdkafka itself writes to stderr what it says while properties are set.
  rd_kafka_conf_set_log_cb(conf.get(), nullptr);
  return conf;
}

// Whether librdkafka, or the kinit that it calls, opens a file of that name.
bool NamesFile(std::string_view property) {
  return property.ends_with(".location") || property.ends_with(".file") ||
         property == "sasl.kerberos.keytab";
}

// Why the file is not to be opened by its name; empty: librdkafka may, and says what it misses.
std::string JudgeFile(const std::string& property, const std::string& path) {
  std::error_code none;
  const auto kind = std::filesystem::status(path, none).type();
  const bool missing =
      kind == std::filesystem::file_type::none || kind == std::filesystem::file_type::not_found;
  const bool authorities =
      kind == std::filesystem::file_type::directory && property == "ssl.ca.location";
  if (missing || authorities) return {};
  const auto content = watch::ReadRegularFile(path, watch::kMaxLibraryFileBytes);
  return content ? std::string() : content.error();
}

std::vector<PropertyProblem> CheckFiles(const Properties& properties) {
  constexpr std::string_view kOfAKeytab = "FILE:";
  std::vector<PropertyProblem> problems;
  for (const auto& [name, value] : properties) {
    if (!NamesFile(name)) continue;
    std::string path = value.Reveal();
    if (path.starts_with(kOfAKeytab)) path.erase(0, kOfAKeytab.size());
    const std::string problem = JudgeFile(name, path);
    if (problem.empty()) continue;
    const std::string shown = value.is_from_reference() ? "[hidden]" : path;
    problems.push_back({name, "cannot use " + shown + ": " + problem});
  }
  return problems;
}

// The socket of a connection to a broker. A client whose attempt fails tries again by itself.
int OpenBrokerSocket(int domain, int type, int protocol, void*) noexcept {
  return base::OpenSocket(domain, type, protocol, base::Claim::kNeeded);
}

// How many threads a client of this configuration starts at once, and some of the brokers that it
// learns of afterwards.
size_t ThreadsOf(rd_kafka_conf_t* conf) {
  constexpr size_t kOwn = 3;  // its main thread, and those of two brokers that are none
  constexpr size_t kToLearn = 8;
  size_t size = 0;
  if (rd_kafka_conf_get(conf, "bootstrap.servers", nullptr, &size) != RD_KAFKA_CONF_OK) size = 1;
  std::string brokers(size, ',');
  (void)rd_kafka_conf_get(conf, "bootstrap.servers", brokers.data(), &size);
  const auto commas = std::count(brokers.begin(), brokers.end(), ',');
  return kOwn + kToLearn + static_cast<size_t>(commas) + 1;
}

}  // namespace

ConfHandle MakeConfiguration(const Properties& properties) {
  ConfHandle conf = NewConfiguration();
  rd_kafka_conf_set_socket_cb(conf.get(), &OpenBrokerSocket);
  for (const auto& [name, value] : properties) {
    if (const auto error = Set(conf.get(), name, value)) throw std::runtime_error(*error);
  }
  const auto unfit = CheckFiles(properties);
  if (!unfit.empty()) {
    throw std::runtime_error("Kafka client's property " + unfit[0].property + ": " +
                             unfit[0].message);
  }
  return conf;
}

rd_kafka_t* NewClient(rd_kafka_type_t type, ConfHandle conf, const Redactor& redactor) {
  // librdkafka aborts the process, or goes on without one of its brokers, when it can't start a
  // thread. So that is tried before, by one client at a time.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  if (const std::error_code failed = base::TryThreads(ThreadsOf(conf.get()))) {
    throw std::system_error(failed);
  }
  std::array<char, 512> error{};
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), error.data(), error.size());
  if (client == nullptr) throw std::runtime_error(redactor.Redact(error.data()));
  conf.release();  // the client's, now that there is one
  return client;
}

ClientHandle NewOutsider(const ClientVoice& voice, Properties properties) {
  properties.erase("group.id");
  properties.erase("group.instance.id");
  properties.erase("topic.blacklist");  // it is about what a regular expression finds
  ConfHandle conf = MakeConfiguration(properties);
  LogToOurs(conf.get(), &voice);
  rd_kafka_conf_set_events(conf.get(), RD_KAFKA_EVENT_ERROR);
  return ClientHandle(NewClient(RD_KAFKA_CONSUMER, std::move(conf), voice.redactor));
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
  const ClientVoice voice(owner, properties);
  try {
    ConfHandle conf = MakeConfiguration(properties);
    LogToOurs(conf.get(), &voice);
    rd_kafka_destroy(NewClient(RD_KAFKA_CONSUMER, std::move(conf), voice.redactor));
    return std::nullopt;
  } catch (const std::system_error&) {
    return std::nullopt;  // this process's own trouble, which says nothing about the properties
  } catch (const std::runtime_error& error) {
    return error.what();
  }
}

std::string LibraryVersion() { return rd_kafka_version_str(); }

}  // namespace khs::kafka
