#include "config/client_properties.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Written = std::map<std::string, base::Secret>;
using Texts = std::map<std::string, std::string>;

// Translates a connector's properties under the names that Resolve gives them.
ClientProperties Translate(const Texts& written,
                           PropertySource source = PropertySource::kConnector) {
  Written properties;
  for (const auto& [name, value] : written) {
    properties.emplace(LibrdkafkaName(name), value);
  }
  return ToLibrdkafka(properties, source);
}

Texts Values(const Texts& written) {
  const ClientProperties properties = Translate(written);
  for (const auto& error : properties.errors) {
    ADD_FAILURE() << error.property << ": " << error.message;
  }
  Texts values;
  for (const auto& [name, value] : properties.values) values[name] = value.Reveal();
  return values;
}

// Returns the message of the only error.
std::string Error(const Texts& written, PropertySource source = PropertySource::kConnector) {
  const ClientProperties properties = Translate(written, source);
  EXPECT_EQ(properties.errors.size(), 1u) << written.begin()->first;
  return properties.errors.empty()
             ? std::string()
             : properties.errors[0].property + ": " + properties.errors[0].message;
}

TEST(ClientProperties, TranslateJavaNames) {
  EXPECT_THAT(Values({{"fetch.max.wait.ms", "100"},
                      {"receive.buffer.bytes", "65536"},
                      {"send.buffer.bytes", "131072"},
                      {"request.timeout.ms", "30000"},
                      {"metadata.max.age.ms", "60000"},
                      {"max.partition.fetch.bytes", "1000"}}),
              UnorderedElementsAre(
                  Pair("fetch.wait.max.ms", "100"), Pair("socket.receive.buffer.bytes", "65536"),
                  Pair("socket.send.buffer.bytes", "131072"), Pair("socket.timeout.ms", "30000"),
                  Pair("topic.metadata.refresh.interval.ms", "60000"),
                  Pair("fetch.message.max.bytes", "1000")));
}

TEST(ClientProperties, DropPropertiesWithoutEffect) {
  EXPECT_THAT(
      Values({{"max.poll.records", "500"},
              {"default.api.timeout.ms", "60000"},
              {"key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer"},
              {"interceptor.classes", ""},
              {"metric.reporters", "com.example.Reporter"},
              {"metrics.context.x", "y"},
              {"enable.auto.commit", "false"},
              {"auto.commit.interval.ms", "5000"},
              {"exclude.internal.topics", "true"},
              {"group.protocol", "CLASSIC"},
              {"ssl.protocol", "TLSv1.3"},
              {"ssl.enabled.protocols", "TLSv1.2, TLSv1.3"},
              {"ssl.truststore.password", "x"},
              {"statistics.interval.ms", "1"}}),
      IsEmpty());
}

TEST(ClientProperties, KeepPropertiesOfBothClients) {
  const Texts same = {{"client.id", "x"},
                      {"isolation.level", "read_committed"},
                      {"check.crcs", "true"},
                      {"group.instance.id", "a"},
                      {"client.rack", "r"},
                      {"auto.offset.reset", "latest"},
                      {"session.timeout.ms", "45000"},
                      {"log_level", "7"},
                      {"ssl.key.password", "x"},
                      {"allow.auto.create.topics", "false"}};
  EXPECT_EQ(Values(same), same);
}

TEST(ClientProperties, TranslateJavaAssignors) {
  const std::string package = "org.apache.kafka.clients.consumer.";
  const auto assignors = [](const std::string& value) {
    return Values({{"partition.assignment.strategy", value}})["partition.assignment.strategy"];
  };
  EXPECT_EQ(assignors(package + "CooperativeStickyAssignor"), "cooperative-sticky");
  EXPECT_EQ(assignors(package + "RoundRobinAssignor," + package + "RangeAssignor"),
            "roundrobin,range");
  // Java's default. librdkafka accepts no list with both kinds.
  EXPECT_EQ(assignors(package + "RangeAssignor, " + package + "CooperativeStickyAssignor"),
            "range");
  EXPECT_EQ(assignors("cooperative-sticky"), "cooperative-sticky");
  EXPECT_THAT(Error({{"partition.assignment.strategy", package + "StickyAssignor"}}),
              HasSubstr("Supported assignors: RangeAssignor"));
}

TEST(ClientProperties, ExtractCredentialsFromJaas) {
  EXPECT_THAT(Values({{"sasl.jaas.config",
                       "org.apache.kafka.common.security.scram.ScramLoginModule required\n"
                       "  username=\"u\" password=\"p;=\\\"x\" ;"}}),
              UnorderedElementsAre(Pair("sasl.username", "u"), Pair("sasl.password", "p;=\"x")));
  EXPECT_THAT(Values({{"sasl.jaas.config",
                       "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true "
                       "keyTab='/etc/a.keytab' principal=\"a@B\" serviceName=kafka;"}}),
              UnorderedElementsAre(Pair("sasl.kerberos.keytab", "/etc/a.keytab"),
                                   Pair("sasl.kerberos.principal", "a@B"),
                                   Pair("sasl.kerberos.service.name", "kafka")));
}

TEST(ClientProperties, ExtractOAuthClientsFromJaas) {
  EXPECT_THAT(
      Values(
          {{"sasl.mechanism", "OAUTHBEARER"},
           {"sasl.oauthbearer.token.endpoint.url", "https://id.example/token"},
           {"sasl.login.callback.handler.class",
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler"},
           {"sasl.jaas.config",
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
            "clientId=\"sink\" clientSecret=\"p\" scope=\"a b\" extension_logicalCluster=\"lkc-1\" "
            "extension_identityPoolId=\"pool-1\";"}}),
      UnorderedElementsAre(
          Pair("sasl.mechanism", "OAUTHBEARER"),
          Pair("sasl.oauthbearer.token.endpoint.url", "https://id.example/token"),
          Pair("sasl.oauthbearer.client.id", "sink"), Pair("sasl.oauthbearer.client.secret", "p"),
          Pair("sasl.oauthbearer.scope", "a b"),
          Pair("sasl.oauthbearer.extensions", "identityPoolId=pool-1,logicalCluster=lkc-1")));
  EXPECT_EQ(LibrdkafkaName("sasl.oauthbearer.client.credentials.client.secret"),
            "sasl.oauthbearer.client.secret");
}

TEST(ClientProperties, ExplainUnsupportedLoginModules) {
  for (const std::string jaas :
       {"a.OAuthBearerLoginModule required;", "software.amazon.IAMLoginModule required;",
        "com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true;"}) {
    EXPECT_THAT(Error({{"sasl.jaas.config", jaas}}), HasSubstr("write librdkafka's sasl.username"));
  }
  for (const std::string jaas : {"", ";", "a.PlainLoginModule", "a.PlainLoginModule required",
                                 "a.PlainLoginModule required username=\"u;",
                                 "a.P required; a.Q required;", "a.P required x= ;"}) {
    EXPECT_THAT(Error({{"sasl.jaas.config", jaas}}), HasSubstr("exactly one login module")) << jaas;
  }
  EXPECT_THAT(Error({{"sasl.jaas.config", "a.PlainLoginModule required username=\"u\";"}}),
              HasSubstr("Needs username and password"));
  EXPECT_THAT(Error({{"sasl.login.callback.handler.class", "x.Y"}}), HasSubstr("sasl.username"));
}

TEST(ClientProperties, KeepDerivedValuesSecret) {
  const auto properties = ToLibrdkafka(
      {{"sasl.jaas.config",
        base::Secret::FromReference("a.PlainLoginModule required username=\"u\" password=\"p\";")}},
      PropertySource::kConnector);
  EXPECT_TRUE(properties.values.at("sasl.password").is_from_reference());
}

TEST(ClientProperties, TranslatePemStores) {
  EXPECT_THAT(Values({{"ssl.truststore.type", "PEM"},
                      {"ssl.truststore.location", "/ca.pem"},
                      {"ssl.keystore.type", "pem"},
                      {"ssl.keystore.location", "/client.pem"}}),
              UnorderedElementsAre(Pair("ssl.ca.location", "/ca.pem"),
                                   Pair("ssl.certificate.location", "/client.pem"),
                                   Pair("ssl.key.location", "/client.pem")));
  EXPECT_THAT(Values({{"ssl.keystore.type", "PKCS12"},
                      {"ssl.keystore.location", "/client.p12"},
                      {"ssl.keystore.password", "x"}}),
              UnorderedElementsAre(Pair("ssl.keystore.location", "/client.p12"),
                                   Pair("ssl.keystore.password", "x")));
  EXPECT_THAT(Values({{"ssl.truststore.type", "PEM"},
                      {"ssl.truststore.certificates",
                       "-----BEGIN CERTIFICATE----- QUJD REVG -----END CERTIFICATE-----"}}),
              ElementsAre(Pair("ssl.ca.pem",
                               "-----BEGIN CERTIFICATE-----\nQUJDREVG\n-----END CERTIFICATE-----"
                               "\n")));
}

TEST(ClientProperties, RejectStoresThatOnlyJavaReads) {
  EXPECT_THAT(Error({{"ssl.truststore.location", "/ca.jks"}}), HasSubstr("ssl.ca.location"));
  EXPECT_THAT(Error({{"ssl.truststore.location", "/ca.p12"}, {"ssl.truststore.type", "PKCS12"}}),
              HasSubstr("ssl.ca.location"));
  EXPECT_THAT(Error({{"ssl.keystore.type", "JKS"}}), HasSubstr("PKCS12 or PEM"));
  EXPECT_THAT(Error({{"ssl.engine.factory.class", "x.Y"}}), HasSubstr("ssl.*"));
  EXPECT_THAT(Error({{"ssl.cipher.suites", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"}}),
              HasSubstr("OpenSSL's names"));
  EXPECT_THAT(Error({{"ssl.enabled.protocols", "TLSv1.3"}}), HasSubstr("TLS 1.2 and 1.3"));
  EXPECT_EQ(Values({{"ssl.endpoint.identification.algorithm",
                     ""}})["ssl.endpoint.identification.algorithm"],
            "none");
}

// The store's type may be in a secret that was not read.
TEST(ClientProperties, ReportNoMissingPropertyWhileSecretsAreUnread) {
  const Written written = {{"ssl.truststore.location", "/ca"}};
  EXPECT_THAT(ToLibrdkafka(written, PropertySource::kConnector, false).errors, IsEmpty());
}

TEST(ClientProperties, RejectTwoSpellingsOfOneProperty) {
  EXPECT_THAT(Error({{"sasl.username", "u"},
                     {"sasl.jaas.config", "a.PlainLoginModule required username=u password=p;"}}),
              HasSubstr("sasl.jaas.config: Means the same as sasl.username, which is also set"));
  EXPECT_THAT(Error({{"ssl.ca.location", "/a"},
                     {"ssl.truststore.type", "PEM"},
                     {"ssl.truststore.location", "/b"}}),
              HasSubstr("Means the same as ssl.ca.location, which is also set"));
}

TEST(ClientProperties, ClampNumbersThatJavaAccepts) {
  const std::map<std::string, std::pair<std::string, std::string>> cases = {
      {"max.poll.interval.ms", {"2147483647", "86400000"}},
      {"fetch.max.bytes", {"2147483647", "2147483135"}},
      {"fetch.min.bytes", {"0", "1"}},
      {"max.in.flight", {"1000000", "5"}},
      {"fetch.wait.max.ms", {"0", "10"}},
      {"socket.receive.buffer.bytes", {"-1", "0"}},
      {"connections.max.idle.ms", {"-1", "0"}},
      {"retry.backoff.ms", {"0", "1"}},
      {"topic.metadata.refresh.interval.ms", {"1", "100"}},
      {"reconnect.backoff.max.ms", {"99999999999999999999", "3600000"}},
  };
  for (const auto& [name, values] : cases) {
    const ClientProperties properties = Translate({{name, values.first}});
    EXPECT_THAT(properties.errors, IsEmpty()) << name;
    EXPECT_EQ(properties.values.at(name), values.second) << name;
    ASSERT_EQ(properties.warnings.size(), 1u) << name;
    EXPECT_EQ(properties.warnings[0].message, "Counts as " + values.second);
  }
  EXPECT_EQ(Translate({{"fetch.max.bytes", "500000"}}).values.at("fetch.max.bytes"), "1000000");
  EXPECT_EQ(Values({{"connections.max.idle.ms", "0"}}).at("connections.max.idle.ms"), "0");
  EXPECT_THAT(Error({{"fetch.min.bytes", "many"}}), HasSubstr("Not a number"));
  EXPECT_THAT(Error({{"metadata.max.age.ms", "-1"}}), HasSubstr("at least 100"));
}

// Each was tested with librdkafka 2.0.2 and 2.8: it ends the process, runs a command, or stops
// reading or producing without an error.
TEST(ClientProperties, RejectValuesThatEndOrBlockTheProcess) {
  const Texts cases = {
      {"enable.sasl.oauthbearer.unsecure.jwt", "true"},
      {"internal.termination.signal", "9"},
      {"ut_handle_ProduceResponse", "x"},
      {"enable_sasl_queue", "true"},
      {"dr_msg_cb", "x"},
      {"opaque", "x"},
      {"interceptors", "x"},
      {"test.mock.num.brokers", "3"},
      {"log.queue", "true"},
      {"enabled_events", "1"},
      {"delivery.report.only.error", "true"},
      {"transactional.id", "x"},
      {"group.protocol", "consumer"},
      {"group.protocol.type", "connect"},
      {"api.version.request", "false"},
      {"api.version.fallback.ms", "1000"},
      {"offset.store.method", "file"},
      {"enable.auto.commit", "true"},
      {"auto.commit.enable", "true"},
      {"topic.auto.offset.reset", "latest"},
      {"topic.enable.auto.commit", "true"},
      {"sasl.oauthbearer.method", "other"},
      {"sasl.oauthbearer.aws.region", "evil.example/x"},
      {"sasl.oauthbearer.token.endpoint.url", "ftp://h/token"},
      {"sasl.oauthbearer.token.endpoint.url", "http://user:password@h/token"},
      {"exclude.internal.topics", "false"},
      {"session.timeout.ms", "4294977296"},
      {"topic.blacklist", "a,,b"},
      {"topic.blacklist", "a("},
  };
  for (const auto& property : cases) {
    for (const auto source : {PropertySource::kConnector, PropertySource::kProcess}) {
      EXPECT_THAT(Error({property}, source), Not(IsEmpty())) << property.first;
    }
  }
}

TEST(ClientProperties, RejectBlacklistsThatExhaustTheStack) {
  EXPECT_THAT(Error({{"topic.blacklist", std::string(8000, '(')}}), HasSubstr("parentheses"));
  std::string many = "a";
  while (many.size() < 70'000) many += ",a";
  EXPECT_THAT(Error({{"topic.blacklist", many}}), HasSubstr("65536"));
}

// librdkafka inserts these into a command line without quoting.
TEST(ClientProperties, RejectShellCharactersInKinitArgumentsOfConnectors) {
  const Texts cases = {{"sasl.kerberos.keytab", "a\"; touch /tmp/x; \""},
                       {"sasl.kerberos.principal", "$(touch /tmp/x)"},
                       {"sasl.kerberos.service.name", "a b"}};
  for (const auto& property : cases) {
    EXPECT_THAT(Error({property}), HasSubstr("part of a command")) << property.first;
  }
  EXPECT_THAT(Error({{"sasl.jaas.config",
                      "a.Krb5LoginModule required keyTab=\"/x\" principal=\"`reboot`\";"}}),
              HasSubstr("part of a command"));
  const Texts good = {{"sasl.kerberos.keytab", "FILE:/etc/krb5/sink.keytab"},
                      {"sasl.kerberos.principal", "sink/host.example.com@EXAMPLE.COM"}};
  EXPECT_EQ(Values(good), good);
}

}  // namespace
}  // namespace khs::config
