#include "config/connector_config.h"

#include <gmock/gmock.h>

#include <string>

#include "unit/config/listing.h"

namespace khs::config {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kMinimum = "topics = \"a\"\ncallback.request.url = \"http://h/\"\n";

ConnectorResult Parse(const std::string& text) { return ParseConnectorToml({"f", "stem"}, text); }

// Returns the problems of a definition to which the required keys are added.
std::vector<std::string> ProblemsOf(const std::string& line) {
  return Listing(Parse(kMinimum + line + "\n").problems);
}

ConnectorConfig Valid(const std::string& line) {
  const ConnectorResult result = Parse(kMinimum + line + "\n");
  EXPECT_TRUE(result.config) << line << '\n' << Listing(result.problems).at(0);
  return result.config.value_or(ConnectorConfig{});
}

TEST(ConnectorConfig, HasTheDocumentedDefaults) {
  const ConnectorConfig config = Valid("");
  EXPECT_EQ(config.name, "stem");
  EXPECT_EQ(config.tasks_max, 1);
  EXPECT_THAT(config.subscription.topics, ElementsAre("a"));
  EXPECT_EQ(config.subscription.group, "connect-stem");
  EXPECT_EQ(config.endpoint.method, "POST");
  EXPECT_EQ(config.endpoint.default_content_type, "text/plain; charset=utf-8");
  EXPECT_EQ(config.endpoint.connect_timeout, milliseconds(60'000));
  EXPECT_TRUE(config.endpoint.tls.verify);
  EXPECT_THAT(config.policy.retry_backoff.delays,
              ElementsAre(milliseconds(5'000), milliseconds(30'000), milliseconds(60'000),
                          milliseconds(300'000), milliseconds(600'000)));
  EXPECT_EQ(config.policy.request_retry_backoff, config.policy.retry_backoff);
  EXPECT_EQ(config.policy.retry_after_max, milliseconds(600'000));
  EXPECT_EQ(config.policy.max_in_flight, 16);
  EXPECT_EQ(config.policy.queue_max_bytes, 8u << 20);
  EXPECT_EQ(config.offset_flush_interval, milliseconds(1000));
}

TEST(ConnectorConfig, ParsesAProxyWithCredentials) {
  const ConnectorConfig config = Valid(
      "http.proxy.host = 'proxy.example'\nhttp.proxy.port = 3128\n"
      "http.proxy.user = 'sink'\nhttp.proxy.password = 'hidden'");
  EXPECT_EQ(config.endpoint.proxy.host, "proxy.example");
  EXPECT_EQ(config.endpoint.proxy.port, 3128);
  EXPECT_EQ(config.endpoint.proxy.user.Reveal(), "sink");
  EXPECT_EQ(config.endpoint.proxy.password.Reveal(), "hidden");
  EXPECT_EQ(Valid("").endpoint.proxy.host, "");
  EXPECT_EQ(Valid("http.proxy.host = '::1'\nhttp.proxy.port = 1").endpoint.proxy.host, "::1");
}

TEST(ConnectorConfig, ParsesConnectionMaxAgeAndKeyPassword) {
  EXPECT_EQ(Valid("").endpoint.connection_max_age, std::chrono::seconds(300));
  EXPECT_EQ(Valid("callback.connection.max.age.sec = 0").endpoint.connection_max_age,
            std::chrono::seconds(0));
  EXPECT_EQ(Valid("ssl.key.password = 'hidden'").endpoint.tls.key_password.Reveal(), "hidden");
}

TEST(ConnectorConfig, ShowsNothingOfResponsesByDefault) {
  EXPECT_EQ(Valid("").policy.response_log_bytes, 0u);
  EXPECT_EQ(Valid("response.body.log.bytes = 1024").policy.response_log_bytes, 1024u);
  EXPECT_THAT(ProblemsOf("response.body.log.bytes = 1025"),
              ElementsAre(HasSubstr("Value must be no more than 1024")));
}

// DNS and certificates have the name in ASCII.
TEST(ConnectorConfig, SuggestsTheAsciiFormOfAnInternationalHost) {
  const auto listing = Listing(
      Parse("topics = 'a'\ncallback.request.url = 'http://bücher.example:80/x'\n").problems);
  EXPECT_THAT(listing, ElementsAre(HasSubstr("in ASCII: xn--bcher-kva.example")));
}

TEST(ConnectorConfig, ReportsEveryProblemAtOnce) {
  EXPECT_THAT(
      Listing(Parse("tasks.max = \"abc\"\n"
                    "[callback]\n"
                    "request.ulr = \"http://h/\"\n"
                    "timeout.read.ms = 0\n"
                    "[retry]\n"
                    "  backoff.sec = [5, -1]\n")
                  .problems),
      ElementsAre(
          "f:1:1: error: tasks.max: Invalid value abc for configuration tasks.max: Not a number of "
          "type INT",
          "f:1:1: error: callback.request.url: Missing required configuration "
          "\"callback.request.url\" which has no default value.",
          "f:1:1: error: topics: Must configure one of topics or topics.regex",
          "f:3:1: error: callback.request.ulr: Unknown key: did you mean callback.request.url?",
          "f:4:1: error: callback.timeout.read.ms: Invalid value 0 for configuration "
          "callback.timeout.read.ms: Value must be at least 1",
          "f:6:3: error: retry.backoff.sec: Invalid value 5,-1 for configuration "
          "retry.backoff.sec: Value must be at least 0"));
}

TEST(ConnectorConfig, RejectsTopicsTogetherWithTopicsRegex) {
  const std::string url = "callback.request.url = \"http://h/\"\n";
  const std::string reason =
      ": error: topics.regex: topics and topics.regex are mutually exclusive options, but both are "
      "set.";
  EXPECT_THAT(Listing(Parse(url + "topics = [\"a\"]\ntopics.regex = \"b\"\n").problems),
              ElementsAre("f:3:1" + reason));
  EXPECT_THAT(Listing(Parse(url + "topics = \"a\"\n\"topics.regex\" = \"b\"\n").problems),
              ElementsAre("f:3:1" + reason));
  EXPECT_THAT(Listing(Parse(url + "topics.regex = \"b\"\ntopics = \"a\"\n").problems),
              ElementsAre("f:2:1" + reason));
}

TEST(ConnectorConfig, RejectsInvalidValuesWithAReason) {
  const struct {
    std::string line;
    std::string reason;
  } cases[] = {
      {"name = 5", "Expected value to be a string in quotes, but it was an integer"},
      {"name = ''", "String may not be empty"},
      {"name = \"a\\u0085\"", "must not contain control characters"},
      {"tasks.max = true", "Not a number of type INT"},
      {"tasks.max = 1.5", "Not a number of type INT"},
      {"tasks.max = [1]", "Not a number of type INT"},
      {"tasks.max = {}", "Not a number of type INT"},
      {"tasks.max = 2024-01-01", "Not a number of type INT"},
      {"tasks.max = 3000000000", "Not a number of type INT"},
      {"tasks.max = 0", "Value must be at least 1"},
      {"callback.connection.max.age.sec = -1", "Value must be at least 0"},
      {"http.proxy.host = 'proxy'", "set http.proxy.port as well"},
      {"http.proxy.port = 3128", "set http.proxy.host as well"},
      {"http.proxy.password = 'x'", "set http.proxy.host as well"},
      {"http.proxy.host = 'http://proxy'\nhttp.proxy.port = 3128", "without a scheme or a port"},
      {"http.proxy.host = 'proxy:1'\nhttp.proxy.port = 3128", "without a scheme or a port"},
      {"http.proxy.host = 'p'\nhttp.proxy.port = 65536", "Value must be no more than 65535"},
      {"http.proxy.host = 'p'\nhttp.proxy.port = 1\nhttp.proxy.user = 'a:b'",
       "must not contain a colon"},
      {"delivery.max.in.flight = 1025", "Value must be no more than 1024"},
      {"forward.kafka.headers = 1", "Expected value to be either true or false"},
      {"forward.kafka.headers = \"yes\"", "Expected value to be either true or false"},
      {"callback.request.method = \"GET\"", "String must be one of: POST, PUT, DELETE, PATCH"},
      {"connector.class = \"FileStreamSink\"", "String must be one of: HttpSink"},
      {"value.converter = \"org.apache.kafka.connect.json.JsonConverter\"",
       "String must be one of"},
      {"exception.strategy = \"RETRY\"", "String must be one of: PROGRESS_BACK_OFF_DROP_MESSAGE"},
      {"delivery.ordering = \"total\"", "String must be one of: partition, key, none"},
      {"retry.backoff.sec = \"5,,6\"", "missing between two commas"},
      {"retry.backoff.sec = \"5,x\"", "x is not a number of seconds"},
      {"retry.backoff.sec = [nan]", "nan is not a number"},
      {"retry.backoff.sec = [inf]", "inf is not a number"},
      {"retry.backoff.sec = [604801]", "no more than 604800"},
      {"retry.backoff.sec = [0.0001]", "three decimals"},
      {"retry.backoff.sec = [[5]]", "Expected value to be a list"},
      {"retry.backoff.sec = true", "Expected value to be a list"},
      {"request.delay.sec = -1", "Value must be at least 0"},
      {"request.delay.sec = \"soon\"", "Not a number of type DOUBLE"},
      {"callback.header.separator = ''", "String may not be empty"},
      {"callback.request.headers = 'X'", "no ':'"},
      {"callback.request.headers = ['X:a']", "Expected value to be a table or a string"},
      {"[callback.request.headers]\nX-A.b = 'c'", "header X-A must be"},
      {"consumer.override.enable.auto.commit = true", "leave it out"},
      {"consumer.override.enable.sasl.oauthbearer.unsecure.jwt = true", "ends the process"},
      {"consumer.override.fetch.wait.max.ms = 100\nconsumer.override.fetch.max.wait.ms = 100",
       "consumer.override.fetch.max.wait.ms: Is already given as "
       "consumer.override.fetch.wait.max.ms "
       "at line 3, column 1"},
      {"consumer.override.fetch.max.wait.ms = 'soon'",
       "consumer.override.fetch.max.wait.ms: Not a number"},
      {"consumer.override.auto.offset.reset = 'Error'", "would never be read again"},
      {"consumer.override.group.id = ''", "String may not be empty"},
      {"consumer.override.x = [1]", "Expected value to be a string, a number or a boolean"},
      {"consumer.override.x = \"a\\u0000b\"", "NUL"},
      {"ssl.key.location = '/k'", "set ssl.certificate.location as well"},
      {"ssl.certificate.location = '/c'", "set ssl.key.location as well"},
      {"errors.tolerance = 'some'", "String must be one of: none, all"},
      {"transforms = 'a'", "transforms and predicates are not supported"},
      {"predicates.x.type = 'a'", "transforms and predicates are not supported"},
      {"rest.listen = ''", "belongs to sidecar.toml"},
      {"kafka.debug = 'all'", "belongs to sidecar.toml"},
      {"[foo]", "Unknown key"},
      {"Tasks.Max = 1", "did you mean tasks.max?"},
      {"callback.request.methods = 'PUT'\ncallback.request.method = 'PUT'",
       "Is already given as callback.request.methods at line 3, column 1"},
      {"errors.deadletterqueue.topic.name = 'd/e'", "not a legal topic name"},
      {"errors.deadletterqueue.topic.name = 'a'",
       "The DLQ topic 'a' may not be included in the topics"},
      {"delivery.ordering = 'total'", "String must be one of: partition, key, none"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(ProblemsOf(one.line), ElementsAre(HasSubstr(one.reason))) << one.line;
    EXPECT_FALSE(Parse(kMinimum + one.line).config) << one.line;
  }
}

TEST(ConnectorConfig, ExcludesInternalTopicsAndItsDeadLetterTopicFromARegex) {
  const std::string start = "callback.request.url = 'http://h'\ntopics.regex = '.*'\n";
  const auto result = Parse(start +
                            "errors.deadletterqueue.topic.name = 'dead'\n"
                            "errors.deadletterqueue.context.headers.enable = false");
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->dead_letters, (DeadLetterConfig{"dead", false}));
  EXPECT_THAT(result.config->subscription.excluded_topics,
              ElementsAre("__consumer_offsets", "__transaction_state", "__share_group_state",
                          "__cluster_metadata", "__remote_log_metadata", "dead"));
  EXPECT_THAT(Listing(result.problems),
              ElementsAre("f:3:1: warning: errors.deadletterqueue.topic.name: topics.regex matches "
                          "this topic too: it is left out"));
  EXPECT_THAT(Valid("").subscription.excluded_topics, IsEmpty());
}

TEST(ConnectorConfig, RejectsInternalTopics) {
  for (const std::string topic : {"__consumer_offsets", "__transaction_state"}) {
    const std::string reason = "an internal topic of Kafka cannot be used";
    EXPECT_THAT(
        Listing(
            Parse("callback.request.url = 'http://h'\ntopics = ['a', '" + topic + "']").problems),
        ElementsAre(HasSubstr(reason)));
    EXPECT_THAT(ProblemsOf("errors.deadletterqueue.topic.name = '" + topic + "'"),
                ElementsAre(HasSubstr(reason)));
  }
}

TEST(ConnectorConfig, ValidatesTheUrl) {
  for (const std::string url : {"",
                                "h",
                                "ftp://h/",
                                "http:/h",
                                "http://",
                                "http:///p",
                                "http://:80/",
                                "http://h:/",
                                "http://h:0/",
                                "http://h:65536/",
                                "http://h:x/",
                                "http://h:-1/",
                                "http://a b/",
                                "http://h/a b",
                                "http://h/\xC3\xA9",
                                "http://h/#f",
                                "http://u@h/",
                                "http://u:geheim@h/",
                                "http://[::1/",
                                "http://[zz]/",
                                "http://h/%zz",
                                "http://a,b/",
                                "http://h\\\\x/"}) {
    const auto result = Parse("topics = 'a'\ncallback.request.url = \"" + url + "\"\n");
    EXPECT_THAT(Listing(result.problems),
                ElementsAre(HasSubstr("f:2:1: error: callback.request.url")))
        << url;
    EXPECT_THAT(Listing(result.problems), ElementsAre(::testing::Not(HasSubstr("geheim"))));
  }
  for (const std::string url : {"http://h", "HTTPS://h:8443/a?b=c", "http://[::1]:80/",
                                "http://1.2.3.4/", "http://my_service.ns.svc:80/x%2Fy"}) {
    EXPECT_THAT(Parse("topics = 'a'\ncallback.request.url = \"" + url + "\"\n").problems, IsEmpty())
        << url;
  }
}

// Callers of the REST API must not run code in the process.
TEST(ConnectorConfig, RejectsPropertiesThatRunACommandOrLoadALibrary) {
  for (const std::string property : {"plugin.library.paths", "sasl.kerberos.kinit.cmd",
                                     "ssl.engine.location", "ssl.engine.id", "ssl.providers"}) {
    const auto result =
        Parse("topics = 'a'\ncallback.request.url = 'http://h'\nconsumer.override." + property +
              " = 'x'\n");
    EXPECT_FALSE(result.config);
    EXPECT_THAT(Listing(result.problems), ElementsAre(HasSubstr("only sidecar.toml may set it")));
  }
}

TEST(ConnectorConfig, ValidatesTopics) {
  const std::string url = "callback.request.url = 'http://h/'\n";
  for (const std::string topics :
       {"'a b'", "'.'", "'..'", "'a,,b'", "['a', '']", "'^a'", "[1.5, '/']"}) {
    EXPECT_FALSE(Parse(url + "topics = " + topics).config) << topics;
  }
  EXPECT_FALSE(Parse(url + "topics = '" + std::string(250, 'a') + "'").config);
  EXPECT_TRUE(Parse(url + "topics = '" + std::string(249, 'a') + "'").config);
  EXPECT_THAT(Listing(Parse(url + "topics = ['a', 'a']").problems),
              ElementsAre("f:2:1: warning: topics: The topic a is listed twice"));
  EXPECT_THAT(Listing(Parse(url + "topics.regex = 'a('").problems),
              ElementsAre(HasSubstr("not a POSIX extended regular expression")));
  EXPECT_EQ(Parse(url + "topics = ''\n\"topics.regex\" = 'a.*'").config->subscription.topics_regex,
            "a.*");
  EXPECT_THAT(Listing(Parse(url + "topics.regex = 'a\\d+'").problems),
              ElementsAre(HasSubstr("warning: topics.regex: In a POSIX")));
}

TEST(ConnectorConfig, AcceptsNumbersAsStringsLikeKafkaConnect) {
  const ConnectorConfig config = Valid(
      "tasks.max = ' 2 '\nforward.kafka.headers = 'TRUE'\nretry.backoff.sec = '0.5, 30'\n"
      "request.retry.backoff.sec = []\nrequest.delay.sec = 1.5\nretry.after.max.sec = '7'\n"
      "behavior.on.null.values = 'Delete'\nexception.strategy = 'stop_task'\n"
      "callback.request.methods = 'patch'\nresponse.retry.indicator = 'OPTIONAL'\n"
      "value.converter = 'org.apache.kafka.connect.converters.ByteArrayConverter'\n"
      "\"value.converter.schemas.enable\" = false\nerrors.tolerance = 'all'\n");
  EXPECT_EQ(config.tasks_max, 2);
  EXPECT_TRUE(config.endpoint.forward_kafka_headers);
  EXPECT_THAT(config.policy.retry_backoff.delays,
              ElementsAre(milliseconds(500), milliseconds(30'000)));
  EXPECT_THAT(config.policy.request_retry_backoff.delays, IsEmpty());
  EXPECT_EQ(config.policy.request_delay, milliseconds(1500));
  EXPECT_EQ(config.policy.retry_after_max, milliseconds(7000));
  EXPECT_EQ(config.policy.null_values, delivery::NullValues::kDelete);
  EXPECT_EQ(config.policy.strategy, delivery::Strategy::kStopTask);
  EXPECT_EQ(config.policy.indicator, delivery::IndicatorRule::kOptional);
  EXPECT_EQ(config.endpoint.method, "PATCH");
  EXPECT_EQ(config.endpoint.default_content_type, "application/octet-stream");
}

TEST(ConnectorConfig, SplitsLegacyHeadersInAnyOrderOfKeys) {
  const ConnectorConfig config =
      Valid("callback.request.headers = 'X-A:b;X-C:d'\ncallback.header.separator = ';'");
  EXPECT_EQ(config.endpoint.headers.size(), 2u);
}

TEST(ConnectorConfig, UnescapesADollarBrace) {
  const ConnectorConfig config = Valid(
      "callback.request.headers = {X-A = '$${b}', X-C = '$$$${d'}\nconsumer.override.x = '$1'");
  EXPECT_EQ(config.endpoint.headers.at(0).second, "${b}");
  EXPECT_EQ(config.endpoint.headers.at(1).second, "$$${d");
  EXPECT_EQ(config.subscription.consumer_properties.at("x"), "$1");
}

TEST(ConnectorConfig, SetsTheGroupByConsumerOverride) {
  const ConnectorConfig config = Valid(
      "name = 'n'\n[consumer.override]\ngroup.id = 'g'\nbootstrap.servers = 'b:1'\n"
      "fetch.min.bytes = 5\ncheck.crcs = true");
  EXPECT_EQ(config.name, "n");
  EXPECT_EQ(config.subscription.group, "g");
  EXPECT_EQ(config.subscription.consumer_properties,
            (std::map<std::string, base::Secret>{
                {"bootstrap.servers", "b:1"}, {"fetch.min.bytes", "5"}, {"check.crcs", "true"}}));
}

TEST(ConnectorConfig, AcceptsPropertiesOfTheJavaConsumer) {
  const ConnectorConfig config = Valid(
      "[consumer.override]\nfetch.max.wait.ms = 100\nmax.poll.records = 500\n"
      "partition.assignment.strategy = 'org.apache.kafka.clients.consumer.RangeAssignor'");
  EXPECT_EQ(config.subscription.consumer_properties,
            (std::map<std::string, base::Secret>{{"fetch.wait.max.ms", "100"},
                                                 {"partition.assignment.strategy", "range"}}));
}

TEST(ConnectorConfig, OverridesADefaultInAnotherSpelling) {
  const FlatConfig defaults = {
      {"consumer.override.fetch.max.wait.ms", "100", ValueKind::kString, {4, 1}}};
  const auto result = ParseConnectorToml(
      {"f", "stem"}, kMinimum + "consumer.override.fetch.wait.max.ms = 200\n", defaults, "s");
  ASSERT_TRUE(result.config);
  EXPECT_EQ(result.config->subscription.consumer_properties.at("fetch.wait.max.ms"), "200");
}

TEST(ConnectorConfig, LimitsTheNumberOfBrokers) {
  std::string brokers = "b";
  for (int i = 1; i < 100; ++i) brokers += ",b";
  for (const std::string key : {"bootstrap.servers", "metadata.broker.list"}) {
    const std::string line = "consumer.override." + key + " = '" + brokers;
    EXPECT_EQ(Valid(line + "'").subscription.consumer_properties.at("bootstrap.servers"), brokers);
    EXPECT_THAT(Listing(Parse(kMinimum + line + ",b'").problems),
                ElementsAre(HasSubstr("no more than 100 brokers")));
  }
}

TEST(ConnectorConfig, WarnsOfDisabledVerification) {
  const ConnectorResult result = Parse(kMinimum + "ssl.verification = 'none'");
  ASSERT_TRUE(result.config);
  EXPECT_FALSE(result.config->endpoint.tls.verify);
  EXPECT_THAT(Listing(result.problems), ElementsAre(HasSubstr("f:3:1: warning: ssl.verification")));
}

TEST(ConnectorConfig, AppliesDefaultsAndReportsTheirPositions) {
  const FlatConfig defaults = {
      {"callback.request.url", "http://d/", ValueKind::kString, {4, 1}},
      {"callback.request.methods", "PUT", ValueKind::kString, {5, 1}},
      {"tasks.max", "x", ValueKind::kString, {6, 3}},
  };
  const auto result = ParseConnectorToml(
      {"f", "stem"}, "topics = 'a'\ncallback.request.method = 'PATCH'\n", defaults, "sidecar.toml");
  EXPECT_THAT(Listing(result.problems),
              ElementsAre(HasSubstr("sidecar.toml:6:3: error: "
                                    "defaults.tasks.max: Invalid value x")));
  const auto fixed = ParseConnectorToml(
      {"f", "stem"}, "topics = 'a'\ncallback.request.method = 'PATCH'\ntasks.max = 3\n", defaults,
      "sidecar.toml");
  ASSERT_TRUE(fixed.config);
  EXPECT_EQ(fixed.config->endpoint.url, "http://d/");
  EXPECT_EQ(fixed.config->endpoint.method, "PATCH");
  EXPECT_EQ(fixed.config->tasks_max, 3);
}

TEST(ConnectorConfig, ReportsAFileNameThatIsNoConnectorName) {
  EXPECT_THAT(Listing(ParseConnectorToml({"f", "a\xFF"}, kMinimum).problems),
              ElementsAre(HasSubstr("f:1:1: error: name: Invalid value a\\xff")));
}

TEST(ConnectorConfig, RejectsNullAndReportsNoLinesForRest) {
  const FlatConfig definition = {{"topics", "", ValueKind::kNull, {}}};
  EXPECT_THAT(
      Listing(ParseConnector({"REST", "n"}, definition).problems),
      ElementsAre("REST: error: topics: Null value can not be supplied as the configuration "
                  "value.",
                  "REST: error: callback.request.url: Missing required configuration "
                  "\"callback.request.url\" which has no default value.",
                  "REST: error: topics: Must configure one of topics or topics.regex"));
}

TEST(ConnectorConfig, KeepsAProblemOnOneLine) {
  EXPECT_THAT(ProblemsOf("\"a\\nb\" = 1"), ElementsAre("f:3:1: error: a\\x0ab: Unknown key"));
}

TEST(ConnectorConfig, WarnsOfProbablyUnintendedSettings) {
  const struct {
    std::string lines;
    std::string warning;
  } cases[] = {
      {"retry.backoff.sec = []",
       "f:3:1: warning: retry.backoff.sec: Without delays nothing is "
       "retried: the first response error drops its record"},
      {"exception.strategy = 'PROGRESS_BACK_OFF_STOP_TASK'\nretry.backoff.sec = ''",
       "f:4:1: warning: retry.backoff.sec: Without delays nothing is retried: the first response "
       "error stops the connector"},
      {"exception.strategy = 'STOP_TASK'\nerrors.deadletterqueue.topic.name = 'd'",
       "f:4:1: warning: errors.deadletterqueue.topic.name: Nothing is ever produced to it: "
       "exception.strategy stops instead of dropping"},
      {"ssl.ca.location = '/ca'",
       "f:3:1: warning: ssl.ca.location: Has no effect: "
       "callback.request.url is not https://"},
  };
  for (const auto& one : cases) {
    EXPECT_THAT(ProblemsOf(one.lines), ElementsAre(one.warning));
    EXPECT_TRUE(Parse(kMinimum + one.lines).config) << one.lines;
  }
  for (const std::string good :
       {"exception.strategy = 'DROP_MESSAGE'\nretry.backoff.sec = []",
        "errors.deadletterqueue.topic.name = 'd'", "request.retry.backoff.sec = []"}) {
    EXPECT_THAT(ProblemsOf(good), IsEmpty()) << good;
  }
}

TEST(ConnectorConfig, WarnsOfHeadersThatEveryRequestSetsItself) {
  for (const char* name : {"X-Kafka-Offset", "x-b3-traceid", "TraceParent", "tracestate",
                           "idempotency_key", "X-Kafka-Key"}) {
    EXPECT_THAT(ProblemsOf(std::string("callback.request.headers = {A = 'b', ") + name + " = 'c'}"),
                ElementsAre(HasSubstr("warning: callback.request.headers: Some of these headers "
                                      "have no effect: every request sets X-Kafka-*, ")))
        << name;
  }
  EXPECT_THAT(ProblemsOf("callback.request.headers = {X-Kafka = 'b', Trace = 'c'}"), IsEmpty());
}

TEST(ConnectorConfig, DoesNotWarnOfDefaults) {
  const FlatConfig defaults = {
      {"errors.deadletterqueue.topic.name", "d", ValueKind::kString, {1, 1}},
      {"ssl.ca.location", "/ca", ValueKind::kString, {2, 1}}};
  EXPECT_THAT(ParseConnectorToml({"f", "stem"}, kMinimum + "exception.strategy = 'STOP_TASK'",
                                 defaults, "sidecar.toml")
                  .problems,
              IsEmpty());
}

TEST(ConnectorConfig, IgnoresAnEmptySection) {
  EXPECT_THAT(ProblemsOf("[retry]\n[consumer.override]\n[callback.request.headers]"), IsEmpty());
}

TEST(ConnectorConfig, LimitsTheLengthOfNames) {
  const std::string most(1024, 'n');
  for (const char* key : {"name", "consumer.override.group.id", "consumer.override.client.id",
                          "consumer.override.client.rack", "consumer.override.group.instance.id"}) {
    const std::string line = std::string(key) + " = \"" + most;
    EXPECT_THAT(ProblemsOf(line + '"'), IsEmpty()) << key;
    EXPECT_THAT(ProblemsOf(line + "n\""), ElementsAre(HasSubstr("at most 1024 bytes"))) << key;
  }
  EXPECT_EQ(Valid("name = \"" + most + '"').subscription.group, "connect-" + most);
}

TEST(ConnectorConfig, AcceptsAtMostTenThousandTopics) {
  const auto problems = [](int count) {
    std::string text = "callback.request.url = \"http://h/\"\ntopics = \"t0";
    for (int i = 1; i < count; ++i) text += ",t" + std::to_string(i);
    return Listing(Parse(text + "\"\n").problems);
  };
  EXPECT_THAT(problems(10'000), IsEmpty());
  EXPECT_THAT(problems(10'001), ElementsAre(HasSubstr("at most 10000 topics")));
}

TEST(ConnectorConfig, ReportsAHundredProblemsAndTheNumberOfOthers) {
  std::string lines;
  for (int i = 0; i < 150; ++i) lines += "unknown" + std::to_string(i) + " = 1\n";
  const std::vector<std::string> problems = ProblemsOf(lines);
  ASSERT_EQ(problems.size(), 101u);
  EXPECT_THAT(problems[99], HasSubstr("unknown99: Unknown key"));
  EXPECT_EQ(problems[100], "f:103:1: error: and 50 more");
}

}  // namespace
}  // namespace khs::config
