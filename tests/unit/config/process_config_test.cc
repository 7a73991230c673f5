#include "config/process_config.h"

#include <gmock/gmock.h>

#include <string>

#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kMinimum = "kafka.bootstrap.servers = 'b:9092'\n";

ProcessResult Parse(const std::string& text, const Environment& environment = {}) {
  return ParseProcessToml("sidecar.toml", text, environment);
}

TEST(ProcessConfig, HasTheDocumentedDefaults) {
  const ProcessResult result = Parse(kMinimum);
  EXPECT_THAT(result.problems, IsEmpty());
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->kafka.at("bootstrap.servers"), "b:9092");
  EXPECT_EQ(result.config->rest_listen, (ListenAddress{"127.0.0.1", 8083}));
  EXPECT_EQ(result.config->metrics_listen, (ListenAddress{"0.0.0.0", 9404}));
  EXPECT_EQ(result.config->connectors_dir, "/etc/kafka-http-sink/connectors");
  EXPECT_THAT(result.config->secrets_dirs, ElementsAre("/etc/kafka-http-sink/secrets"));
  EXPECT_EQ(result.config->log_level, base::LogLevel::kInfo);
  EXPECT_EQ(result.config->shutdown_grace, std::chrono::milliseconds(20'000));
}

TEST(ProcessConfig, RequiresBootstrapServersWithoutAnEmbeddedBroker) {
  EXPECT_THAT(Listing(Parse("").problems),
              ElementsAre("sidecar.toml:1:1: error: kafka.bootstrap.servers: Missing required "
                          "configuration \"kafka.bootstrap.servers\" which has no default value."));
  EXPECT_TRUE(ParseProcess("sidecar.toml", {}, {}, {.bootstrap_servers_required = false}).config);
}

TEST(ProcessConfig, KeepsKafkaPropertiesUnchanged) {
  const ProcessResult result = Parse(
      "[kafka]\nbootstrap.servers = ['a:1', 'b:2']\nsasl.password = "
      "'$${x}${env:Y}'\nsocket.timeout.ms = "
      "5\n");
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->kafka,
            (std::map<std::string, std::string>{{"bootstrap.servers", "a:1,b:2"},
                                                {"sasl.password", "$${x}${env:Y}"},
                                                {"socket.timeout.ms", "5"}}));
  ASSERT_EQ(result.config->entries.size(), 3u);
  EXPECT_EQ(result.config->entries[1].key, "kafka.sasl.password");
  EXPECT_EQ(result.config->entries[1].position, (Position{3, 1}));
}

TEST(ProcessConfig, ParsesDisallowedAddresses) {
  const auto ranges = [](const std::string& value) {
    return Parse(kMinimum + "endpoint.disallow.cidr.ranges = " + value)
        .config->disallowed_addresses;
  };
  const std::vector<base::AddressRange> both{*base::AddressRange::Parse("10.0.0.0/8"),
                                             *base::AddressRange::Parse("::1")};
  EXPECT_EQ(ranges("['10.0.0.0/8', '::1']"), both);
  EXPECT_EQ(ranges("'10.0.0.0/8, ::1'"), both);
  EXPECT_THAT(ranges("''"), IsEmpty());
  EXPECT_THAT(Listing(Parse(kMinimum + "endpoint.disallow.cidr.ranges = '10.0/8'").problems),
              ElementsAre(HasSubstr(
                  "\"10.0/8\" is not a range of addresses, such as 10.0.0.0/8 or fc00::/7")));
}

TEST(ProcessConfig, LimitsTheNumberOfBrokers) {
  std::string brokers = "b";
  for (int i = 1; i < 100; ++i) brokers += ",b";
  EXPECT_TRUE(Parse("kafka.bootstrap.servers = '" + brokers + "'\n").config);
  for (const std::string& line : {"kafka.bootstrap.servers = '" + brokers + ",b'\n",
                                  "kafka.metadata.broker.list = '" + brokers + ",b'\n"}) {
    EXPECT_THAT(Listing(Parse(line).problems), ElementsAre(HasSubstr("no more than 100 brokers")));
  }
}

TEST(ProcessConfig, RejectsInvalidValuesWithAReason) {
  const struct {
    std::string line;
    std::string reason;
  } cases[] = {
      {"kafka.group.id = 'g'", "consumer.override.group.id"},
      {"kafka.enable.auto.commit = true", "leave it out"},
      {"kafka.enable.sasl.oauthbearer.unsecure.jwt = true", "ends the process"},
      {"defaults.consumer.override.enable.sasl.oauthbearer.unsecure.jwt = true",
       "ends the process"},
      {"kafka.internal.termination.signal = 9", "end the process"},
      {"kafka.fetch.max.wait.ms = 1000\nkafka.fetch.wait.max.ms = 1000",
       "kafka.fetch.wait.max.ms: Is already given as kafka.fetch.max.wait.ms at line 2"},
      {"kafka.ssl.truststore.location = '/ca.jks'", "ssl.ca.location"},
      {"kafka.auto.offset.reset = 'error'", "would never be read again"},
      {"kafka.x = []", "Expected value to be a string, a number or a boolean"},
      {"rest.listen = '8083'", "write host:port"},
      {"rest.listen = ':8083'", "write host:port"},
      {"rest.listen = '::1:8083'", "write host:port"},
      {"rest.listen = '[::1]:65536'", "write host:port"},
      {"rest.listen = 8083", "Expected value to be a string in quotes"},
      {"rest.listen = '0.0.0.0:8083'", "set rest.auth.none to true"},
      {"rest.auth.basic.file = ''\nrest.listen = '0.0.0.0:1'", "set rest.auth.none to true"},
      {"rest.tls.certificate.file = '/f'\nrest.listen = '0.0.0.0:1'", "set rest.auth.none to true"},
      {"rest.tls.key.file = '/f'", "rest.tls.key.file: Needs rest.tls.certificate.file as well"},
      {"rest.tls.client.ca.file = '/f'", "ca.file: Needs rest.tls.certificate.file as well"},
      {"rest.auth.bearer.file = \"/f\\n\"", "must not contain control characters"},
      {"log.level = 'verbose'", "String must be one of: trace, debug, info, warn, error, fatal"},
      {"shutdown.grace.ms = 0", "Value must be at least 1"},
      {"log.levl = 'info'", "did you mean log.level?"},
      {"topics = 'a'", "defaults.topics"},
      {"defaults.topics = 'a'", "defaults.topics: Makes no sense"},
      {"defaults.name = 'a'", "defaults.name: Makes no sense"},
      {"defaults.tasks.max = 0", "sidecar.toml:2:1: error: defaults.tasks.max: Invalid value 0"},
      {"defaults.retry.backof.sec = 5", "did you mean defaults.retry.backoff.sec?"},
      {"defaults.callback.request.url = 'a${vault:X}'",
       "sidecar.toml:2:1: error: defaults.callback.request.url: the reference at character 2 is "
       "unknown"},
      {"defaults.callback.request.headers = {X-A = '${env:}'}", "the header X-A: the reference"},
      {"kafka.sasl.password = 'x${env:A'", "character 2 has no closing brace"},
      {"kafka.ssl.ca.location = '${file:a}'", "needs an absolute path"},
      {"state.dir = '/${env:HOME}'", "a reference to a secret is not possible here"},
      {"defaults.callback.request.method = 'PUT'\ndefaults.callback.request.methods = 'PUT'",
       "Is already given as defaults.callback.request.method at line 2"},
  };
  for (const auto& one : cases) {
    const ProcessResult result = Parse(kMinimum + one.line + "\n");
    EXPECT_THAT(Listing(result.problems), ElementsAre(HasSubstr(one.reason))) << one.line;
    EXPECT_FALSE(result.config) << one.line;
  }
}

TEST(ProcessConfig, ParsesListenAddresses) {
  const ProcessResult result =
      Parse(kMinimum + "rest.listen = '[::]:0'\nrest.auth.none = true\nmetrics.listen = ''\n");
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->rest_listen, (ListenAddress{"::", 0}));
  EXPECT_EQ(result.config->metrics_listen, std::nullopt);
  for (const std::string loopback : {"[::1]:1", "127.9.9.9:1", "localhost:1"}) {
    EXPECT_TRUE(Parse(kMinimum + "rest.listen = '" + loopback + "'").config) << loopback;
  }
}

TEST(ProcessConfig, AllowsPublicListenersWithCredentials) {
  const std::string everywhere = kMinimum + "rest.listen = '0.0.0.0:8083'\n";
  for (const std::string credentials :
       {"rest.auth.basic.file = '/b'", "rest.auth.bearer.file = '/t'",
        "rest.tls.certificate.file = '/c'\nrest.tls.client.ca.file = '/a'"}) {
    const ProcessResult result = Parse(everywhere + credentials);
    EXPECT_THAT(Listing(result.problems), IsEmpty()) << credentials;
    EXPECT_TRUE(result.config) << credentials;
  }
}

TEST(ProcessConfig, ParsesTheFilesOfRestCredentials) {
  const ProcessResult result =
      Parse(kMinimum +
            "[rest.auth]\nbasic.file = '/b'\nbearer.file = '/t'\n[rest.tls]\n"
            "certificate.file = '/c'\nkey.file = '/k'\nclient.ca.file = '/a'\n");
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->rest_credentials.basic, "/b");
  EXPECT_EQ(result.config->rest_credentials.bearer, "/t");
  EXPECT_EQ(result.config->rest_tls.certificate, "/c");
  EXPECT_EQ(result.config->rest_tls.key, "/k");
  EXPECT_EQ(result.config->rest_tls.client_ca, "/a");
}

TEST(ProcessConfig, IsOverriddenByTheEnvironment) {
  const ProcessResult result = Parse(
      kMinimum +
          "log.level = 'info'\ndefaults.callback.request.methods = 'PUT'\ndefaults.tasks.max = 2\n",
      {{"PATH", "/bin"},
       {"KAFKA_HTTP_SINK_KAFKA_BOOTSTRAP_SERVERS", "e:1"},
       {"KAFKA_HTTP_SINK_KAFKA_SASL_USERNAME", "u"},
       {"KAFKA_HTTP_SINK_LOG_LEVEL", "DEBUG"},
       {"KAFKA_HTTP_SINK_REST_LISTEN", ""},
       {"KAFKA_HTTP_SINK_DEFAULTS_CALLBACK_REQUEST_METHOD", "patch"},
       {"KAFKA_HTTP_SINK_DEFAULTS_RETRY_BACKOFF_SEC", "1,2"}});
  EXPECT_THAT(Listing(result.problems), IsEmpty());
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->kafka.at("bootstrap.servers"), "e:1");
  EXPECT_EQ(result.config->kafka.at("sasl.username"), "u");
  EXPECT_EQ(result.config->log_level, base::LogLevel::kDebug);
  EXPECT_EQ(result.config->rest_listen, std::nullopt);
  std::string defaults;
  for (const Entry& entry : result.config->defaults) defaults += entry.key + '=' + entry.text + ' ';
  EXPECT_EQ(defaults, "tasks.max=2 callback.request.method=patch retry.backoff.sec=1,2 ");
}

TEST(ProcessConfig, ReportsProblemsOfTheEnvironmentByVariable) {
  const ProcessResult result = Parse(kMinimum, {{"KAFKA_HTTP_SINK_LOG_LEVL", "info"},
                                                {"KAFKA_HTTP_SINK_TASKS_MAX", "2"},
                                                {"KAFKA_HTTP_SINK_QUUX", ""},
                                                {"KAFKA_HTTP_SINK_SHUTDOWN_GRACE_MS", "x"},
                                                {"KAFKA_HTTP_SINK_DEFAULTS_TASKS_MAX", "x"}});
  EXPECT_THAT(
      Listing(result.problems),
      ElementsAre(
          "environment: error: KAFKA_HTTP_SINK_LOG_LEVL: Unknown variable: did you mean "
          "KAFKA_HTTP_SINK_LOG_LEVEL?",
          "environment: error: KAFKA_HTTP_SINK_TASKS_MAX: Unknown variable: did you mean "
          "KAFKA_HTTP_SINK_DEFAULTS_TASKS_MAX?",
          "environment: error: KAFKA_HTTP_SINK_QUUX: Unknown variable: sidecar.toml has no such "
          "key",
          "environment: error: KAFKA_HTTP_SINK_DEFAULTS_TASKS_MAX: Invalid value x for "
          "configuration "
          "tasks.max: Not a number of type INT",
          "environment: error: KAFKA_HTTP_SINK_SHUTDOWN_GRACE_MS: Invalid value x for "
          "configuration "
          "shutdown.grace.ms: Not a number of type INT"));
}

TEST(ProcessConfig, IgnoresTheVariablesOfAKubernetesService) {
  Environment environment;
  for (const std::string name :
       {"SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_REST", "PORT", "PORT_8083_TCP",
        "PORT_8083_TCP_PROTO", "PORT_8083_TCP_PORT", "PORT_8083_TCP_ADDR", "PORT_53_UDP",
        "PORT_9_SCTP_ADDR", "METRICS_SERVICE_HOST", "METRICS_PORT_9404_TCP", "KAFKA_SERVICE_HOST",
        "KAFKA_PORT_9092_TCP_ADDR", "METRICS_SERVICE_PORT_HTTP"}) {
    environment.emplace_back("KAFKA_HTTP_SINK_" + name, "tcp://10.0.0.1:1");
  }
  const ProcessResult result = Parse(kMinimum, environment);
  EXPECT_THAT(Listing(result.problems), IsEmpty());
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->kafka.size(), 1u);
  EXPECT_FALSE(Parse(kMinimum, {{"KAFKA_HTTP_SINK_PORT_X_TCP", ""}}).config);
}

TEST(ProcessConfig, WarnsOfAGroupSharedByAllConnectors) {
  const ProcessResult result = Parse(kMinimum + "defaults.consumer.override.group.id = 'g'\n");
  EXPECT_TRUE(result.config);
  EXPECT_THAT(Listing(result.problems), ElementsAre(HasSubstr("2:1: warning: defaults.consumer")));
}

TEST(ProcessConfig, NeverQuotesACredential) {
  EXPECT_THAT(Listing(Parse(kMinimum + "kafka.sasl.password = ['geheim']").problems),
              ElementsAre(::testing::Not(HasSubstr("geheim"))));
}

TEST(ProcessConfig, IgnoresAnEmptySection) {
  EXPECT_THAT(Listing(Parse(kMinimum + "[rest]\n[defaults]\n[connectors]\n").problems), IsEmpty());
  EXPECT_THAT(Listing(Parse(kMinimum + "[foo]\n").problems),
              ElementsAre(HasSubstr("foo: Unknown key")));
}

}  // namespace
}  // namespace khs::config
