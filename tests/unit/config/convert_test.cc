#include "config/convert.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "config/flat.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

using Values = std::map<std::string, std::string>;

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> CommentsOf(const std::string& toml) {
  std::istringstream lines(toml);
  std::vector<std::string> comments;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) comments.push_back(line);
  }
  return comments;
}

Values ValuesOf(const std::string& toml) {
  const auto config = ReadToml("f", toml, KeepsHeaderTable);
  EXPECT_TRUE(config) << toml;
  Values values;
  for (const Entry& entry : config.value_or(FlatConfig())) values[entry.key] = entry.text;
  return values;
}

Conversion Convert(const std::string& json) {
  auto conversion = ConvertDefinition("f", json);
  EXPECT_TRUE(conversion) << json << Listing(conversion ? Problems() : conversion.error()).at(0);
  return conversion.value_or(Conversion());
}

// Returns the definition of a sink with what every one of its definitions has, and more members.
std::string Confluent(const std::string& members) {
  return R"({"connector.class":"io.confluent.connect.http.HttpSinkConnector","topics":"t",)"
         R"("value.converter":"StringConverter","http.api.url":"http://h/",)" +
         members + '}';
}
std::string Aiven(const std::string& members) {
  return R"({"connector.class":"io.aiven.kafka.connect.http.HttpSinkConnector","topics":"t",)"
         R"("value.converter":"StringConverter","http.url":"http://h/",)" +
         members + '}';
}
std::string Lenses(const std::string& members) {
  return R"({"connector.class":"io.lenses.streamreactor.connect.http.sink.HttpSinkConnector",)"
         R"("topics":"t","value.converter":"StringConverter","connect.http.endpoint":"http://h/",)" +
         members + '}';
}

// The order of keys is that of the reference, and not compared here.
TEST(Convert, ConvertsTenDefinitionsOfEachSink) {
  for (const char* sink : {"confluent", "aiven", "lenses"}) {
    int tried = 0;
    for (const auto& file : fs::directory_iterator(fs::path(KHS_FOREIGN_DIR) / sink)) {
      if (file.path().extension() != ".json") continue;
      ++tried;
      const Conversion conversion = Convert(ReadFile(file.path()));
      fs::path expected = file.path();
      expected.replace_extension(".toml");
      if (std::getenv("UPDATE_REFERENCE")) {
        std::ofstream(expected, std::ios::binary) << conversion.toml;
        continue;
      }
      const std::string toml = ReadFile(expected);
      EXPECT_EQ(CommentsOf(conversion.toml), CommentsOf(toml)) << file.path();
      EXPECT_EQ(ValuesOf(conversion.toml), ValuesOf(toml)) << file.path();
      EXPECT_EQ(HasErrors(conversion.problems), toml.find("# Lost:\n") != std::string::npos)
          << file.path();
    }
    EXPECT_EQ(tried, 10) << sink;
  }
}

TEST(Convert, AcceptsWhatKafkaConnectTakesAndAnswers) {
  const std::string config = Aiven(R"("http.timeout":5)");
  const Values expected = ValuesOf(Convert(config).toml);
  EXPECT_EQ(expected.at("callback.timeout.read.ms"), "5000");
  Values named = expected;
  named["name"] = "n";
  EXPECT_EQ(ValuesOf(Convert(R"({"name":"n","config":)" + config + '}').toml), named);
  EXPECT_EQ(ValuesOf(Convert(R"({"name":"n","config":)" + config +
                             R"(,"tasks":[{"connector":"n","task":0}],"type":"sink"})")
                         .toml),
            named);
}

TEST(Convert, ConvertsValues) {
  const std::string client =
      R"("oauth2.token.url":"http://t/","oauth2.client.id":"i","oauth2.client.secret":"s")";
  const struct {
    std::string definition;
    std::string key;
    std::string value;
  } cases[] = {
      {Confluent(R"("request.method":"patch")"), "callback.request.method", "patch"},
      {Confluent(R"("behavior.on.null.values":"LOG")"), "behavior.on.null.values", "ignore"},
      {Confluent(R"("behavior.on.error":"IGNORE")"), "exception.strategy",
       "PROGRESS_BACK_OFF_DROP_MESSAGE"},
      {Confluent(R"("behavior.on.error":"fail")"), "exception.strategy",
       "PROGRESS_BACK_OFF_STOP_TASK"},
      {Confluent(R"("behavior.on.error":" ")"), "exception.strategy",
       "PROGRESS_BACK_OFF_STOP_TASK"},
      {Confluent(R"("retry.on.status.codes":"404 , 500 - 700,429")"), "retry.on.status.codes",
       "404,500 -,429"},
      {Confluent(R"("retry.backoff.ms":"0")"), "retry.backoff.ms", "1"},
      {Confluent(R"("retry.backoff.policy":"EXPONENTIAL_WITH_JITTER")"), "retry.backoff.policy",
       "EXPONENTIAL_WITH_JITTER"},
      {Confluent(R"("headers":"A:b:c|| D : e ")"), "callback.request.headers",
       R"({"A":"b:c","D":"e"})"},
      {Confluent(R"("headers":"A:${field.x}","sensitive.headers":"B:${env:SECRET}")"),
       "callback.request.headers", R"({"A":"{{value.field.x}}","B":"${env:SECRET}"})"},
      {Confluent(R"("headers":"content-type:text/x","request.body.format":"JSON")"),
       "callback.request.headers", R"({"content-type":"text/x"})"},
      {Confluent(R"("auth.type":"api_key","api.key.name":"k","api.key.value":"v")"), "auth.type",
       "API_KEY"},
      {Confluent(R"("auth.type":"OAUTH2",)" + client), "oauth2.client.scope", "any"},
      {Confluent(R"("auth.type":"OAUTH2",)" + client), "oauth2.client.auth.mode", "header_raw"},
      {Confluent(R"("consumer.override.fetch.min.bytes":10)"), "consumer.override.fetch.min.bytes",
       "10"},
      {Aiven(R"("http.headers.additional":"A: b , C:${x}")"), "callback.request.headers",
       R"({"A":"b","C":"$${x}"})"},
      // Without anywhere to report a record to, the task fails there.
      {Aiven(R"("errors.tolerance":"ALL")"), "exception.strategy", "PROGRESS_BACK_OFF_STOP_TASK"},
      {Aiven(R"("errors.tolerance":"ALL","errors.log.enable":"TRUE")"), "exception.strategy",
       "PROGRESS_BACK_OFF_DROP_MESSAGE"},
      {Aiven(R"("errors.tolerance":"all","errors.deadletterqueue.topic.name":"d")"),
       "exception.strategy", "PROGRESS_BACK_OFF_DROP_MESSAGE"},
      {Aiven(R"("errors.deadletterqueue.topic.name":"d")"), "exception.strategy",
       "PROGRESS_BACK_OFF_STOP_TASK"},
      {Aiven(R"("http.authorization.type":"oauth2","oauth2.access.token.url":"http://t/",)"
             R"("oauth2.client.id":"i","oauth2.client.secret":"s",)"
             R"("oauth2.token.renew.on.status.codes":"401,403")"),
       "oauth2.token.renew.on.status.codes", "401,403"},
      {Lenses(R"("connect.http.copy.message.headers":"true")"), "forward.kafka.headers", "true"},
      // A blank value is one, and no default.
      {Confluent(R"("auth.type":"OAUTH2","oauth2.client.scope":"",)" + client),
       "oauth2.client.scope", ""},
      {Lenses(R"("connect.http.retries.on.status.codes":"")"), "retry.on.status.codes", ""},
      {Confluent(R"("behavior.on.error":"log","behavior.on.null.values":"fail")"),
       "behavior.on.null.values", "ignore"},
      {Confluent(R"("behavior.on.null.values":"fail")"), "behavior.on.null.values", "fail"},
      {R"({"http.url":"http://h/","value.converter":"StringConverter",)"
       R"("topics.regex":"a\\d+\\.[\\w-]*"})",
       "topics.regex", R"(a[0-9]+\.[a-zA-Z0-9_-]*)"},
      {Aiven(R"("http.ssl.trust.all.certs":"True")"), "ssl.verification", "none"},
      {Aiven(R"("value.converter.x":"","topics.regex":"")"), "topics", "t"},
      {Lenses(R"("connect.http.request.content":"a {{topic}} {{ value.a b }}",)"
              R"("connect.http.request.headers":"Content-Type:text/plain")"),
       "callback.request.body", "a {{topic}} {{value.\"a b\"}}"},
      {Lenses(R"("connect.http.request.content":"{{value}}",)"
              R"("connect.http.null.payload.handler":"null")"),
       "callback.request.body", "{{value:-null}}"},
      {Lenses(R"("connect.http.request.content":"[{{#message}}{{value}} , {{/message}}]",)"
              R"("connect.http.json.tidy":"true")"),
       "callback.request.body", "[{{value}} ]"},
      {Lenses(R"("connect.http.request.content":"<a>","connect.http.request.headers":)"
              R"("Content-Type:text/xml")"),
       "callback.request.headers", R"({"Content-Type":"text/xml"})"},
      {Lenses(R"("connect.http.retry.mode":"Fixed")"), "retry.backoff.ms", "10000"},
      {Lenses(R"("connect.http.retries.max.timeout.ms":"9000")"), "retry.backoff.max.ms", "9000"},
      {R"({"connector.class":"HttpSinkV2","input.data.format":"JSON","api1.topics":"a",)"
       R"("topics":"a,b","http.api.base.url":"https://h/base/","api1.http.api.path":"/x?y=${z}",)"
       R"("api1.http.request.parameters":"q=1"})",
       "callback.request.url", "https://h/base/x?y={{value.z}}&q=1"},
      {R"({"connector.class":"HttpSinkV2","input.data.format":"JSON","api1.topics":"a",)"
       R"("http.api.base.url":"https://h","api1.http.api.path":"/x",)"
       R"("api1.http.request.parameters":"q=a b&c|k=${key.id}%20{{|| e = =",)"
       R"("api1.http.request.parameters.separator":"|"})",
       "callback.request.url", "https://h/x?q=a%20b%26c&k={{value.key.id}}%20%7B%7B&e=%3D"},
      {R"({"connector.class":"HttpSinkV2","input.data.format":"JSON","api1.topics":"a",)"
       R"("topics":"a,b","http.api.base.url":"https://h"})",
       "topics", "a"},
  };
  for (const auto& one : cases) {
    const Conversion conversion = Convert(one.definition);
    EXPECT_FALSE(HasErrors(conversion.problems))
        << one.definition << Listing(conversion.problems).at(0);
    EXPECT_EQ(ValuesOf(conversion.toml)[one.key], one.value) << one.definition;
  }
}

TEST(Convert, ReportsWhatIsLostAtItsPlace) {
  const struct {
    std::string definition;
    std::string problem;
  } cases[] = {
      {Confluent("\n\"batch.max.size\":\"20\""),
       "f:2:1: error: batch.max.size: each request has one record"},
      {Confluent(R"("request.method":"GET")"),
       "callback.request.method: Invalid value [hidden] for configuration callback.request.method: "
       "String must be one of: POST"},
      {Confluent(R"("request.body.format":"xml")"), "request.body.format: nothing is converted"},
      {Confluent(R"("behavior.on.error":"panic")"), "fail, ignore and log are known"},
      {Confluent(R"("retry.on.status.codes":"4xx")"),
       "retry.on.status.codes: Invalid value [hidden]"},
      {Confluent(R"("https.ssl.endpoint.identification.algorithm":"")"),
       "https.ssl.endpoint.identification.algorithm: blank turns the verification of host names "
       "off there; use ssl.verification instead"},
      {Lenses(R"("ssl.endpoint.identification.algorithm":" ")"),
       "blank turns the verification of host names off there"},
      {Aiven(R"("http.ssl.truststore.location":"/t.jks")"), "use ssl.ca.location instead"},
      {R"({"http.url":"http://h/","value.converter":"StringConverter","topics.regex":"(?!a).*"})",
       "topics.regex: not all of Java's regular expressions have an equivalent here: look-around"},
      {Confluent(R"("headers":"a b:c")"), "an entry has no name that HTTP allows before its ':'"},
      {Confluent(R"("headers":"a")"), "headers: an entry has no ':' between name and value"},
      {Confluent(R"("headers":"A:1|a:2")"), "headers: the header a is given twice"},
      {Confluent(R"("headers":"x-kafka-topic:t")"), "x-kafka-topic is set by the program itself"},
      {Confluent(R"("headers":"Content-Length:3")"), "Content-Length is set by the HTTP client"},
      {Confluent(R"("auth.type":"DIGEST")"), "auth.type: NONE, BASIC, OAUTH2, BEARER and API_KEY"},
      {Confluent(R"("auth.type":"BASIC","connection.password":"${file:/f:k}")"),
       "connection.password: ${file:...} names a key in a file there"},
      {Confluent(R"("https.ssl.truststore.location":"/t.jks")"), "use ssl.ca.location instead"},
      {Confluent(R"("https.host.verifier.enabled":"false")"), "use ssl.verification instead"},
      {Confluent(R"("value.converter.x":"y","key.converter":"x.AvroConverter")"),
       "key.converter: nothing is converted here"},
      {Confluent(R"("key.converter":"org.apache.kafka.connect.json.JsonConverter")"),
       "key.converter: the record would be sent with its schema"},
      {Confluent(R"("transforms":"a")"), "transforms: transforms are not supported"},
      {Confluent(R"("topics.regex":"b")"), "topics.regex: topics and topics.regex are mutually"},
      {Confluent(R"("what":"ever")"), "what: it is not a known key of Confluent's HTTP sink"},
      {Aiven(R"("callback.request.headers":"A:b")"),
       "callback.request.headers: it is not a known key of Aiven's HTTP sink"},
      {Aiven(R"("http.timeout":"soon")"), "http.timeout: it is not a number of seconds"},
      {Aiven(R"("http.authorization.type":"apikey")"), "http.authorization.type: NONE, BASIC"},
      {Aiven(R"("http.headers.additional":"A:${vault:x:y}")"),
       "by ${vault:...}: write ${env:NAME}"},
      {Lenses(R"("connect.http.request.content":"{{#other}}x{{/other}}")"),
       "connect.http.request.content: the template {{#other}} is for several records"},
      {Lenses(R"("connect.http.request.content":"{{valeu}}")"), "did you mean {{value}}?"},
      {Lenses(R"("connect.http.request.content":"not JSON")"),
       "callback.request.body: Must be JSON around its templates"},
      {Lenses(R"("connect.http.retry.mode":"never")"), "it is neither fixed nor exponential"},
      {Lenses(R"("connect.http.batch.count":"0","connect.http.batch.size":"9")"),
       "connect.http.batch.size: each request has one record"},
      {R"({"connector.class":"HttpSinkV2","input.data.format":"JSON","topics":"a",)"
       R"("http.api.base.url":"https://h","apis.num":"2","api2.topics":"b"})",
       "api2.topics: each API is a connector of its own"},
  };
  for (const auto& one : cases) {
    const Conversion conversion = Convert(one.definition);
    EXPECT_TRUE(HasErrors(conversion.problems)) << one.definition;
    const auto lines = Listing(conversion.problems);
    EXPECT_THAT(lines, ::testing::Contains(HasSubstr(one.problem))) << one.definition;
    EXPECT_THAT(conversion.toml, HasSubstr("# Lost:\n")) << one.definition;
  }
}

TEST(Convert, SaysNothingOfWhatItUnderstood) {
  EXPECT_THAT(Listing(Convert(Confluent(R"("batch.max.size":"1")")).problems), IsEmpty());
  EXPECT_THAT(Listing(Convert(Aiven(R"("http.authorization.type":"none")")).problems), IsEmpty());
  EXPECT_THAT(Listing(Convert(Lenses(R"("connect.http.error.threshold":0)")).problems), IsEmpty());
}

TEST(Convert, WarnsOfWhatIsDifferent) {
  const struct {
    std::string definition;
    std::string problem;
  } cases[] = {
      {Confluent(R"("https.ssl.truststore.location":"/ca.pem","https.ssl.truststore.type":"PEM")"),
       "f: warning: ssl.ca.location: Has no effect: callback.request.url is not https://"},
      {Aiven(R"("http.ssl.trust.all.certs":"true")"),
       "f: warning: ssl.verification: The endpoint's certificate is not verified"},
      {Confluent(R"("behavior.on.error":"log","behavior.on.null.values":"fail")"),
       "behavior.on.null.values: fail follows behavior.on.error there"},
      {Lenses(R"("connect.http.method":"POST")"),
       "f: warning: connect.http.error.threshold: it is 5 by default; the connector stops"},
      {Confluent(R"("reporter.bootstrap.servers":"b:1")"),
       "reporter.bootstrap.servers: without reporter.result.topic.name or"},
  };
  for (const auto& one : cases) {
    const Conversion conversion = Convert(one.definition);
    EXPECT_FALSE(HasErrors(conversion.problems)) << one.definition;
    EXPECT_THAT(Listing(conversion.problems), ::testing::Contains(HasSubstr(one.problem)))
        << one.definition;
    EXPECT_THAT(conversion.toml, HasSubstr("# Different:\n")) << one.definition;
  }
}

TEST(Convert, SaysWhatTheKeysOfTlsAreHere) {
  const std::string toml =
      Convert(Confluent(R"("https.ssl.endpoint.identification.algorithm":"https",)"
                        R"("https.ssl.enabled.protocols":"TLSv1.3",)"
                        R"("https.ssl.cipher.suites":"x","https.ssl.provider":"y")"))
          .toml;
  EXPECT_THAT(toml, HasSubstr("identification.algorithm: host names are verified\n"));
  EXPECT_THAT(toml, HasSubstr("https.ssl.enabled.protocols: TLS 1.2 and 1.3 are offered\n"));
  EXPECT_THAT(toml, HasSubstr("https.ssl.cipher.suites: the cipher suites of OpenSSL's"));
  EXPECT_THAT(toml, HasSubstr("https.ssl.provider: it is about Java's TLS"));
}

TEST(Convert, NeverShowsAValueInCommentsAndProblems) {
  for (const char* members :
       {R"("http.proxy.host":"http://hush","http.connect.timeout.ms":"hush","topics":"hush hush",)",
        R"("retry.on.status.codes":"hush","tasks.max":"hush","exception.strategy":"hush",)",
        R"("headers":"hush hush:x|Content-Length:hush","max.retries":"hush","topics":"hush,hush",)",
        R"("consumer.override.fetch.min.bytes":"hush","consumer.override.group.id":"",)"}) {
    const Conversion conversion =
        Convert(R"({"http.api.url":"ftp://hush:hush@h/?t=hush",)" + std::string(members) +
                R"("value.converter":"StringConverter","callback.request.url":"hush"})");
    for (const std::string& line : Listing(conversion.problems)) {
      EXPECT_THAT(line, Not(HasSubstr("hush")));
    }
    EXPECT_THAT(::testing::PrintToString(CommentsOf(conversion.toml)), Not(HasSubstr("hush")));
  }
  const std::string definition = Confluent(
      R"("auth.type":"BASIC","connection.password":"hush ${file:/f:hush}","bearer.token":"hush",)"
      R"("kafka.api.secret":"hush","headers":"hush|A:hush|A:hush","transforms":"hush",)"
      R"("what":"hush","https.ssl.keystore.password":"hush","name":"a\nb")");
  const Conversion conversion = Convert(definition);
  for (const std::string& line : Listing(conversion.problems)) {
    EXPECT_THAT(line, Not(HasSubstr("hush")));
  }
  for (const std::string& comment : CommentsOf(conversion.toml)) {
    EXPECT_THAT(comment, Not(HasSubstr("hush")));
  }
  EXPECT_EQ(ValuesOf(conversion.toml).at("name"), "a\nb");
}

TEST(Convert, WritesKeysAndValuesThatTomlRefusesBare) {
  const Values values = ValuesOf(
      Convert(Aiven(R"("consumer.override.a b":"1","consumer.override.x":"'\"\\",)"
                    R"("consumer.override.x.y":"\u0001\u007f","http.headers.additional":"A.b:c")"))
          .toml);
  EXPECT_EQ(values.at("consumer.override.a b"), "1");
  EXPECT_EQ(values.at("consumer.override.x"), "'\"\\");
  EXPECT_EQ(values.at("consumer.override.x.y"), "\x01\x7f");
  EXPECT_EQ(values.at("callback.request.headers"), R"({"A.b":"c"})");
}

TEST(Convert, RefusesWhatIsNoDefinitionOfTheseSinks) {
  const auto refuse = [](const std::string& text) {
    const auto conversion = ConvertDefinition("f", text);
    EXPECT_FALSE(conversion) << text;
    return Listing(conversion ? Problems() : conversion.error());
  };
  EXPECT_THAT(refuse("topics = 'a'"), ElementsAre(HasSubstr("error: Not valid JSON")));
  EXPECT_THAT(refuse(R"({"http.url":{}})"), ElementsAre(HasSubstr("A value must be a string")));
  EXPECT_THAT(refuse(R"({"connector.class":"FileStreamSink","topics":"a"})"),
              ElementsAre(HasSubstr("Only definitions of Confluent's, Aiven's and Lenses'")));
  EXPECT_THAT(refuse(R"({"name":"n","config":{"callback.request.url":"http://h/"}})"),
              ElementsAre(HasSubstr("Nothing to convert")));
}

}  // namespace
}  // namespace khs::config
