#include "request/builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <strings.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/header_lines.h"

namespace khs::request {
namespace {

using delivery::NullValues;
using delivery::Record;
using delivery::RecordHeader;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class BuilderTest : public ::testing::Test {
 protected:
  BuilderTest() {
    endpoint_.url = "http://endpoint/";
    endpoint_.default_content_type = "text/plain; charset=utf-8";
    record_.topic_partition = {"orders", 3};
    record_.offset = 42;
    record_.value = "body";
  }

  Request Build() const {
    return *Builder(endpoint_, {"sink", "connect-sink"}, null_values_).Build(record_, {});
  }

  // Returns all values of a header, in order.
  std::vector<std::string> Values(const char* name) const {
    std::vector<std::string> values;
    for (const auto& [known, value] : khs::testing::HeaderLines(Build().headers)) {
      if (::strcasecmp(known.c_str(), name) == 0) values.push_back(value);
    }
    return values;
  }

  config::EndpointConfig endpoint_;
  NullValues null_values_ = NullValues::kSend;
  Record record_;
};

TEST_F(BuilderTest, NamesWhereTheRecordComesFrom) {
  record_.timestamp = std::chrono::milliseconds(1'700'000'000'123);
  record_.key = "k1";
  EXPECT_THAT(Values("X-Kafka-Topic"), ElementsAre("orders"));
  EXPECT_THAT(Values("X-Kafka-Partition"), ElementsAre("3"));
  EXPECT_THAT(Values("X-Kafka-Offset"), ElementsAre("42"));
  EXPECT_THAT(Values("X-Kafka-Timestamp"), ElementsAre("1700000000123"));
  EXPECT_THAT(Values("X-Kafka-Key"), ElementsAre("k1"));
  EXPECT_THAT(Values("X-B3-Sampled"), ElementsAre("Defer"));
  EXPECT_THAT(Values("X-B3-Info"), ElementsAre("topic=orders|partition=3|offset=42"));
  EXPECT_THAT(Values("Idempotency-Key"), ElementsAre("\"connect-sink/orders/3/42\""));
  EXPECT_THAT(Values("X-Kafka-Tombstone"), IsEmpty());
}

TEST_F(BuilderTest, IsTheSameOnEveryAttempt) {
  record_.key = "k";
  EXPECT_EQ(Build().headers.lines(), Build().headers.lines());
}

TEST_F(BuilderTest, OmitsATimestampOrKeyThatTheRecordLacks) {
  EXPECT_THAT(Values("X-Kafka-Timestamp"), IsEmpty());
  EXPECT_THAT(Values("X-Kafka-Key"), IsEmpty());
}

TEST_F(BuilderTest, PercentEncodesAllButTheUnreservedCharactersOfAKey) {
  record_.key = "aZ09-._~ /%\"\n\xc3\xa9";
  EXPECT_THAT(Values("X-Kafka-Key"), ElementsAre("aZ09-._~%20%2F%25%22%0A%C3%A9"));
}

TEST_F(BuilderTest, SendsAnEmptyKeyAsAnEmptyHeader) {
  record_.key = "";
  EXPECT_THAT(Values("X-Kafka-Key"), ElementsAre(""));
}

TEST_F(BuilderTest, OmitsAKeyOnlyWhenItsEncodingIsOver1024Bytes) {
  record_.key = std::string(1024, 'k');
  EXPECT_THAT(Values("X-Kafka-Key"), ElementsAre(*record_.key));
  record_.key = std::string(1025, 'k');
  EXPECT_THAT(Values("X-Kafka-Key"), IsEmpty());
  record_.key = std::string(342, ' ');  // 1026 bytes encoded
  EXPECT_THAT(Values("X-Kafka-Key"), IsEmpty());
}

TEST_F(BuilderTest, DerivesTheTraceIdFromNameTopicPartitionAndOffset) {
  // echo -n sinkorders342 | md5sum
  EXPECT_THAT(Values("X-B3-TraceId"), ElementsAre("10fa1aa8c54d24d7"));
  EXPECT_THAT(Values("X-B3-SpanId"), ElementsAre("10fa1aa8c54d24d7"));
}

TEST_F(BuilderTest, TakesTheRecordsOwnTraceIdInAnyCaseAndTheLastOfSeveral) {
  record_.headers = {{"x-b3-traceid", "first"}, {"X-B3-TRACEID", "last"}};
  EXPECT_THAT(Values("X-B3-TraceId"), ElementsAre("last"));
  EXPECT_THAT(Values("X-B3-SpanId"), ElementsAre("last"));
}

TEST_F(BuilderTest, TakesATraceIdOf128Bytes) {
  record_.headers = {{"X-B3-TraceId", std::string(128, 'a')}};
  EXPECT_THAT(Values("X-B3-TraceId"), ElementsAre(std::string(128, 'a')));
}

TEST_F(BuilderTest, DerivesATraceIdWhenTheRecordsOwnIsInvalid) {
  for (const std::optional<std::string>& own :
       {std::optional<std::string>(), std::optional<std::string>(""),
        std::optional<std::string>("a\r\nInjected: yes"),
        std::optional<std::string>(std::string(129, 'a'))}) {
    record_.headers = {{"X-B3-TraceId", "good"}, {"X-B3-TraceId", own}};
    EXPECT_THAT(Values("X-B3-TraceId"), ElementsAre("10fa1aa8c54d24d7"));
  }
}

TEST_F(BuilderTest, DerivesATraceparentThatContainsTheB3TraceId) {
  // echo -n sinkorders342 | md5sum
  EXPECT_THAT(Values("traceparent"),
              ElementsAre("00-10fa1aa8c54d24d7be1cbf59faeb4f9f-10fa1aa8c54d24d7-00"));
  EXPECT_THAT(Values("tracestate"), IsEmpty());
}

TEST_F(BuilderTest, ContinuesATraceOfEitherKindInItsOwnFormat) {
  record_.headers = {{"X-B3-TraceId", "463ac35c9f6413ad"},
                     {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                     {"tracestate", "a=1"},
                     {"tracestate", "b=2"}};
  for (const bool forwards : {false, true}) {
    endpoint_.forward_kafka_headers = forwards;
    EXPECT_THAT(Values("X-B3-TraceId"), ElementsAre("463ac35c9f6413ad"));
    EXPECT_THAT(Values("X-B3-SpanId"), ElementsAre("463ac35c9f6413ad"));
    EXPECT_THAT(Values("traceparent"),
                ElementsAre("00-0af7651916cd43dd8448eb211c80319c-10fa1aa8c54d24d7-01"));
    EXPECT_THAT(Values("tracestate"), ElementsAre("a=1,b=2"));
  }
}

TEST_F(BuilderTest, DoesNotForwardAnInvalidTraceContext) {
  endpoint_.forward_kafka_headers = true;
  record_.headers = {{"Traceparent", "garbage"}, {"Tracestate", "a=1"}, {"Tenant", "t1"}};
  EXPECT_THAT(Values("traceparent"),
              ElementsAre("00-10fa1aa8c54d24d7be1cbf59faeb4f9f-10fa1aa8c54d24d7-00"));
  EXPECT_THAT(Values("tracestate"), IsEmpty());
  EXPECT_THAT(Values("Tenant"), ElementsAre("t1"));
}

TEST_F(BuilderTest, EncodesWhatAnRfc8941StringCannotHoldInTheIdempotencyKey) {
  const Request request =
      *Builder(endpoint_, {"sink", "a\"b\\c%d \xc3\xa9\x7f"}, null_values_).Build(record_, {});
  EXPECT_EQ(khs::testing::HeaderLines(request.headers).back().second,
            "\"a%22b%5Cc%25d %C3%A9%7F/orders/3/42\"");
}

TEST_F(BuilderTest, MarksATombstoneButNotAnEmptyValue) {
  record_.value.reset();
  EXPECT_THAT(Values("X-Kafka-Tombstone"), ElementsAre("true"));
  EXPECT_EQ(Build().method, "POST");
  record_.value = "";
  EXPECT_THAT(Values("X-Kafka-Tombstone"), IsEmpty());
}

TEST_F(BuilderTest, DeletesForATombstoneWhenSoConfiguredAndOnlyThen) {
  null_values_ = NullValues::kDelete;
  endpoint_.method = "PUT";
  EXPECT_EQ(Build().method, "PUT");
  record_.value.reset();
  EXPECT_EQ(Build().method, "DELETE");
  EXPECT_THAT(Values("X-Kafka-Tombstone"), ElementsAre("true"));
}

TEST_F(BuilderTest, ForwardsNothingUnlessConfigured) {
  record_.headers = {{"Tenant", "t1"}, {"bad name", "x"}};
  EXPECT_THAT(Values("Tenant"), IsEmpty());
  EXPECT_EQ(Build().headers_left_out, 0);
}

TEST_F(BuilderTest, ForwardsHeadersInOrderWithARepeatedNameAndANullValue) {
  endpoint_.forward_kafka_headers = true;
  record_.headers = {{"Tenant", "t1"}, {"Tenant", "t2"}, {"Nothing", std::nullopt}};
  EXPECT_THAT(Values("Tenant"), ElementsAre("t1", "t2"));
  EXPECT_THAT(Values("Nothing"), ElementsAre(""));
  EXPECT_EQ(Build().headers_left_out, 0);
}

TEST_F(BuilderTest, ForwardsBytesBeyondAsciiAndTabsAsTheyAre) {
  endpoint_.forward_kafka_headers = true;
  record_.headers = {{"Name", "Zo\xc3\xab\tB"}};
  EXPECT_THAT(Values("Name"), ElementsAre("Zo\xc3\xab\tB"));
}

TEST_F(BuilderTest, DropsAndCountsHeadersThatHttpForbids) {
  endpoint_.forward_kafka_headers = true;
  const std::vector<RecordHeader> forbidden{{"", "v"},
                                            {"with space", "v"},
                                            {"colon:", "v"},
                                            {std::string("nul\0led", 7), "v"},
                                            {"Umlaut\xc3\xa4", "v"},
                                            {"A", "cr\rlf"},
                                            {"A", "lf\nInjected: yes"},
                                            {"A", std::string("nul\0", 4)},
                                            {"A", "bell\x07"},
                                            {"A", "del\x7f"}};
  for (const RecordHeader& header : forbidden) {
    record_.headers = {header, {"Good", "v"}};
    EXPECT_EQ(Build().headers_left_out, 1) << header.name;
    EXPECT_THAT(Values("Good"), ElementsAre("v"));
    EXPECT_THAT(Values("A"), IsEmpty());
  }
}

TEST_F(BuilderTest, DropsAndCountsConnectionHeaders) {
  endpoint_.forward_kafka_headers = true;
  for (const char* name :
       {"Host", "content-length", "TRANSFER-ENCODING", "Connection", "Keep-Alive", "Upgrade", "TE",
        "Trailer", "Proxy-Authorization", "proxy-x", "Expect"}) {
    record_.headers = {{name, "1"}};
    EXPECT_EQ(Build().headers_left_out, 1) << name;
    EXPECT_THAT(Values(name), IsEmpty()) << name;
  }
}

TEST_F(BuilderTest, SendsConstantCredentialsInAHeader) {
  endpoint_.auth.header_name = "X-Key";
  endpoint_.auth.header_value = "secret";
  EXPECT_THAT(Values("X-Key"), ElementsAre("secret"));
}

TEST_F(BuilderTest, TakesNoHeaderThatDescribesTheRecordForCredentials) {
  endpoint_.auth.header_name = "x_kafka_topic";
  endpoint_.auth.header_value = "secret";
  EXPECT_THROW(Build(), std::runtime_error);
}

TEST_F(BuilderTest, AppendsCredentialsToTheQuery) {
  endpoint_.auth.query = "key=a%20b";
  EXPECT_EQ(Build().target, "/?key=a%20b");
  endpoint_.url = "http://endpoint/x?y=1";
  EXPECT_EQ(Build().target, "/x?y=1&key=a%20b");
  config::SecretResolver secrets(nullptr);
  endpoint_.url = "http://endpoint/x";
  endpoint_.url_template = config::ParseTemplate("http://endpoint/{{topic}}", secrets)->text;
  EXPECT_EQ(Build().target, "/orders?key=a%20b");
}

TEST_F(BuilderTest, ForwardsNoHeaderInPlaceOfCredentials) {
  endpoint_.forward_kafka_headers = true;
  endpoint_.auth.header_name = "Authorization";  // its value is a token that is added later
  for (const char* name : {"Authorization", "authorization"}) {
    record_.headers = {{name, "forged"}};
    EXPECT_EQ(Build().headers_left_out, 1) << name;
    EXPECT_THAT(Values(name), IsEmpty()) << name;
  }
}

TEST_F(BuilderTest, LetsConfiguredHeadersOverrideForwardedOnesInAnyCase) {
  endpoint_.forward_kafka_headers = true;
  endpoint_.headers = {{"Authorization", "configured"}};
  record_.headers = {{"authorization", "forwarded"}};
  EXPECT_THAT(Values("Authorization"), ElementsAre("configured"));
  EXPECT_EQ(Build().headers_left_out, 0);
}

TEST_F(BuilderTest, NothingOverridesHeadersThatDescribeTheRecord) {
  endpoint_.forward_kafka_headers = true;
  const char* const names[] = {"x-kafka-topic", "X-KAFKA-PARTITION", "X-Kafka-Offset",
                               "X-B3-SpanId",   "X-B3-Sampled",      "X-B3-Info",
                               "traceparent",   "idempotency-key"};
  for (const char* name : names) {
    endpoint_.headers.emplace_back(name, "configured");
    record_.headers.push_back({name, "forwarded"});
  }
  for (const char* name : names) {
    const auto values = Values(name);
    ASSERT_EQ(values.size(), 1u) << name;
    EXPECT_NE(values.front(), "configured") << name;
    EXPECT_NE(values.front(), "forwarded") << name;
  }
  EXPECT_EQ(Build().headers_left_out, 7);  // all but traceparent
}

TEST_F(BuilderTest, CountsNoTraceThatIsContinuedAsLeftOut) {
  endpoint_.forward_kafka_headers = true;
  record_.headers = {{"x-b3-traceid", "463ac35c9f6413ad"},
                     {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
                     {"tracestate", "a=1"}};
  EXPECT_EQ(Build().headers_left_out, 0);
  record_.headers = {{"X_Kafka_Offset", "7"}, {"idempotency_key", "7"}, {"X-Kafka-Foo", "7"}};
  EXPECT_EQ(Build().headers_left_out, 2);
}

TEST_F(BuilderTest, TreatsUnderscoresInNamesAsDashes) {
  endpoint_.forward_kafka_headers = true;
  endpoint_.headers = {{"X-Tenant", "configured"}, {"X_B3_Sampled", "configured"}};
  record_.headers = {{"X_Kafka_Offset", "7"}, {"idempotency_key", "7"}, {"x_tenant", "7"}};
  for (const char* name : {"X_Kafka_Offset", "idempotency_key", "x_tenant", "X_B3_Sampled"}) {
    EXPECT_THAT(Values(name), IsEmpty()) << name;
  }
  EXPECT_THAT(Values("X-Kafka-Offset"), ElementsAre("42"));
  EXPECT_THAT(Values("X-Tenant"), ElementsAre("configured"));
}

TEST_F(BuilderTest, NothingReplacesHeadersForWhatTheRecordLacks) {
  endpoint_.forward_kafka_headers = true;
  for (const char* name : {"X-Kafka-Key", "X-Kafka-Timestamp", "X-Kafka-Tombstone", "Tracestate"}) {
    endpoint_.headers = {{name, "configured"}};
    record_.headers = {{name, "forwarded"}};
    EXPECT_THAT(Values(name), IsEmpty()) << name;
  }
}

TEST_F(BuilderTest, SendsTheDefaultContentTypeOnlyWhenThereIsNoOther) {
  EXPECT_THAT(Values("Content-Type"), ElementsAre("text/plain; charset=utf-8"));
  endpoint_.forward_kafka_headers = true;
  record_.headers = {{"content-type", "application/json"}};
  EXPECT_THAT(Values("Content-Type"), ElementsAre("application/json"));
  endpoint_.headers = {{"CONTENT-TYPE", "text/csv"}};
  EXPECT_THAT(Values("Content-Type"), ElementsAre("text/csv"));
}

TEST_F(BuilderTest, ForwardsTheLastOfSeveralContentTypes) {
  endpoint_.forward_kafka_headers = true;
  record_.headers = {{"content-type", "text/html"}, {"A", "1"}, {"Content-Type", "text/csv"}};
  EXPECT_THAT(Values("Content-Type"), ElementsAre("text/csv"));
  EXPECT_THAT(Values("A"), ElementsAre("1"));
  EXPECT_EQ(Build().headers_left_out, 0);
}

TEST_F(BuilderTest, RequestsNoCompressionUnlessConfigured) {
  EXPECT_THAT(Values("Accept-Encoding"), ElementsAre("identity"));
  endpoint_.headers = {{"accept-encoding", "gzip"}};
  EXPECT_THAT(Values("Accept-Encoding"), ElementsAre("gzip"));
}

TEST_F(BuilderTest, NamesTheProgramUnlessAnotherUserAgentIsConfigured) {
  EXPECT_THAT(Values("User-Agent"), ElementsAre(::testing::StartsWith("kafka-http-sink/")));
  endpoint_.headers = {{"user-agent", "mine"}};
  EXPECT_THAT(Values("User-Agent"), ElementsAre("mine"));
}

TEST_F(BuilderTest, IgnoresConfiguredHeadersThatWouldBreakTheConnectionButKeepsHost) {
  endpoint_.headers = {{"Content-Length", "7"}, {"Connection", "close"}, {"Host", "virtual"}};
  EXPECT_THAT(Values("Content-Length"), IsEmpty());
  EXPECT_THAT(Values("Connection"), IsEmpty());
  EXPECT_THAT(Values("Host"), ElementsAre("virtual"));
}

TEST_F(BuilderTest, TakesTheTargetFromTheUrlAndTheBodyFromTheRecord) {
  endpoint_.url = "https://h:8443/in?a=b";
  EXPECT_EQ(Build().target, "/in?a=b");
  EXPECT_EQ(Build().Body().data(), record_.value->data());
  record_.value.reset();
  EXPECT_EQ(Build().Body(), "");
}

}  // namespace
}  // namespace khs::request
