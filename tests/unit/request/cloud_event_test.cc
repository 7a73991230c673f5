#include "request/cloud_event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json_text.h"
#include "request/builder.h"
#include "support/header_lines.h"

namespace khs::request {
namespace {

using delivery::NullValues;
using delivery::Record;
using delivery::RecordHeader;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Mode = config::CloudEventsConfig::Mode;

config::Template Parse(std::string_view text) {
  config::SecretResolver secrets(nullptr);
  return config::ParseTemplate(text, secrets)->text;
}

class CloudEventTest : public ::testing::Test {
 protected:
  CloudEventTest() {
    endpoint_.url = "http://h/in";
    endpoint_.default_content_type = "text/plain; charset=utf-8";
    endpoint_.cloud_events = {Mode::kBinary, "kafka.record", Parse("/topics/{{topic}}")};
    record_.topic_partition = {"orders", 3};
    record_.offset = 42;
    record_.timestamp = milliseconds(1'700'000'000'123);
    record_.key = "k1";
    record_.value = R"({"id": 7})";
  }

  // Makes the record an event with these headers besides the required ones.
  void MakeEvent(std::vector<RecordHeader> more = {}) {
    record_.headers = {{"ce_specversion", "1.0"},
                       {"ce_id", "e1"},
                       {"ce_source", "/shop"},
                       {"ce_type", "order.created"}};
    for (RecordHeader& header : more) record_.headers.push_back(std::move(header));
  }
  void UseStructured() { endpoint_.cloud_events.mode = Mode::kStructured; }

  base::Expected<Request, delivery::RecordFault> TryBuild() const {
    return Builder(endpoint_, {"sink", "connect-sink"}, null_values_).Build(record_, {});
  }
  Request Build() const {
    auto request = TryBuild();
    EXPECT_TRUE(request) << request.error().text;
    return request ? std::move(*request) : Request{};
  }
  std::string Fault() const {
    const auto request = TryBuild();
    return request ? "none" : request.error().text;
  }
  std::string Body() const { return std::string(Build().Body()); }
  // Returns a header's value; "none" if there is none.
  std::string Value(std::string_view name) const {
    const Request request = Build();
    return std::string(request.headers.Find(name).value_or("none"));
  }
  // Returns the headers that begin with ce-.
  std::vector<std::pair<std::string, std::string>> EventHeaders() const {
    auto lines = khs::testing::HeaderLines(Build().headers);
    std::erase_if(lines, [](const auto& line) { return !line.first.starts_with("ce"); });
    return lines;
  }

  config::EndpointConfig endpoint_;
  NullValues null_values_ = NullValues::kSend;
  Record record_;
};

// --- Records that are no events.

TEST_F(CloudEventTest, IsNotMadeByDefault) {
  endpoint_.cloud_events = {};
  MakeEvent({{"content-type", "application/json"}});
  EXPECT_THAT(EventHeaders(), IsEmpty());
  EXPECT_EQ(Value("Content-Type"), "text/plain; charset=utf-8");
  endpoint_.forward_kafka_headers = true;
  EXPECT_EQ(Value("ce_id"), "e1");
}

TEST_F(CloudEventTest, HasTheAttributesOfARecordInHeaders) {
  EXPECT_THAT(EventHeaders(),
              UnorderedElementsAre(
                  Pair("ce-specversion", "1.0"), Pair("ce-id", "3/42"),
                  Pair("ce-type", "kafka.record"), Pair("ce-source", "/topics/orders"),
                  Pair("ce-time", "2023-11-14T22:13:20.123Z"), Pair("ce-partitionkey", "k1")));
  EXPECT_EQ(Value("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(Build().Body().data(), record_.value->data());
  endpoint_.headers = {{"content-type", "application/json"}};
  EXPECT_EQ(Value("Content-Type"), "application/json");
}

TEST_F(CloudEventTest, TakesTypeAndSourceFromTemplates) {
  endpoint_.cloud_events.type = Parse("order.{{value.id}}");
  endpoint_.cloud_events.source = Parse("https://shop/a b/{{key}}?p={{partition}}");
  record_.key = "a/b %";
  EXPECT_EQ(Value("ce-type"), "order.7");
  // The template is encoded as in a URL, and then as in a header.
  EXPECT_EQ(Value("ce-source"), "https://shop/a%2520b/a%252Fb%2520%2525?p=3");
  UseStructured();
  EXPECT_THAT(Body(), HasSubstr(R"("source":"https://shop/a%20b/a%2Fb%20%25?p=3")"));
}

TEST_F(CloudEventTest, HasNoAttributeThatTheRecordLacks) {
  const auto has = [this](std::string_view name) { return Value(name) != "none"; };
  for (const std::optional<std::string>& key :
       {std::optional<std::string>(), std::optional<std::string>(""),
        std::optional<std::string>("\xff"), std::optional<std::string>("a\nb"),
        std::optional<std::string>(std::string(1025, 'a'))}) {
    record_.key = key;
    EXPECT_FALSE(has("ce-partitionkey")) << key.value_or("null");
  }
  for (const std::optional<milliseconds>& time :
       {std::optional<milliseconds>(), std::optional(milliseconds::max()),
        std::optional(milliseconds::min()), std::optional(milliseconds(253'402'300'800'000)),
        std::optional(milliseconds(-62'135'596'800'001))}) {
    record_.timestamp = time;
    EXPECT_FALSE(has("ce-time"));
  }
}

TEST_F(CloudEventTest, HasItsTimeInRfc3339) {
  const struct {
    milliseconds time;
    const char* text;
  } cases[] = {
      {milliseconds(0), "1970-01-01T00:00:00.000Z"},
      {milliseconds(-1), "1969-12-31T23:59:59.999Z"},
      {milliseconds(1'709'210'096'005), "2024-02-29T12:34:56.005Z"},
      {milliseconds(253'402'300'799'999), "9999-12-31T23:59:59.999Z"},
      {milliseconds(-62'135'596'800'000), "0001-01-01T00:00:00.000Z"},
  };
  for (const auto& [time, text] : cases) {
    record_.timestamp = time;
    EXPECT_EQ(Value("ce-time"), text);
  }
}

TEST_F(CloudEventTest, EncodesWhatAHeaderCannotHold) {
  const struct {
    const char* text;
    const char* encoded;
  } cases[] = {
      {"!#$&'()*+,-./:;<=>?@[]^_`{|}~", "!#$&'()*+,-./:;<=>?@[]^_`{|}~"},
      {"a \"b\" 100%", "a%20%22b%22%20100%25"},
      {"Euro \xe2\x82\xac \xf0\x9f\x98\x80", "Euro%20%E2%82%AC%20%F0%9F%98%80"},  // the spec's
  };
  for (const auto& [text, encoded] : cases) {
    record_.key = text;
    EXPECT_EQ(Value("ce-partitionkey"), encoded);
  }
}

TEST_F(CloudEventTest, FaultsWhereATemplateLacksItsPart) {
  endpoint_.cloud_events.type = Parse("{{header.type}}");
  EXPECT_EQ(Fault(), "cloudevents.type: {{header.type}}: the record has no such header");
  record_.headers = {{"type", ""}};
  EXPECT_EQ(Fault(), "cloudevents.type would be empty");
  record_.headers = {{"type", "\xff"}};
  EXPECT_EQ(Fault(), "cloudevents.type would not be UTF-8");
  record_.headers = {{"type", "a\nb"}};
  EXPECT_EQ(Fault(), "cloudevents.type: {{header.type}}: it has a control character");
  endpoint_.cloud_events.type = "t";
  endpoint_.cloud_events.source = Parse("/{{key}}");
  record_.key = "..";
  EXPECT_EQ(Fault(), "cloudevents.source: {{key}}: its path segment would be . or ..");
  record_.key = std::string(8192, 'a');
  EXPECT_EQ(Fault(), "cloudevents.source would be longer than 8192 bytes");
}

// --- Records that are events.

TEST_F(CloudEventTest, PassesTheAttributesOfAnEventInHeaders) {
  MakeEvent({{"ce_time", "2020-01-01T00:00:00Z"},
             {"ce_subject", "caf\xc3\xa9 \"1\""},
             {"ce_x1", "old"},
             {"ce_x1", "new"},
             {"content-type", "application/avro"},
             {"ce_datacontenttype", "text/csv"}});
  EXPECT_THAT(EventHeaders(),
              UnorderedElementsAre(
                  Pair("ce-specversion", "1.0"), Pair("ce-id", "e1"), Pair("ce-source", "/shop"),
                  Pair("ce-type", "order.created"), Pair("ce-time", "2020-01-01T00:00:00Z"),
                  Pair("ce-subject", "caf%C3%A9%20%221%22"), Pair("ce-x1", "new")));
  EXPECT_EQ(Value("Content-Type"), "application/avro");
  EXPECT_EQ(Build().Body(), *record_.value);
}

TEST_F(CloudEventTest, TakesTheTypeOfAnEventsDataFromTheFirstOfFourPlaces) {
  endpoint_.headers = {{"Content-Type", "text/html"}};
  MakeEvent({{"Content-TYPE", "text/xml"}, {"ce_datacontenttype", "text/csv"}});
  EXPECT_EQ(Value("Content-Type"), "text/xml");
  for (const char* unusable : {"", " ", "a\nb", "\xff"}) {
    MakeEvent({{"content-type", unusable}, {"ce_datacontenttype", "text/csv"}});
    EXPECT_EQ(Value("Content-Type"), "text/csv");
  }
  MakeEvent({{"ce_datacontenttype", "a\r\nInjected: yes"}});
  EXPECT_EQ(Value("Content-Type"), "text/html");
  EXPECT_EQ(Value("Injected"), "none");
  endpoint_.headers = {};
  EXPECT_EQ(Value("Content-Type"), "text/plain; charset=utf-8");
  for (const bool forwards : {false, true}) {
    endpoint_.forward_kafka_headers = forwards;
    MakeEvent({{"ce_datacontenttype", "text/csv"}});
    EXPECT_EQ(Value("Content-Type"), "text/csv");
    EXPECT_EQ(Value("ce-datacontenttype"), "none");
    EXPECT_EQ(Value("ce_datacontenttype"), "none");
  }
}

TEST_F(CloudEventTest, TakesARecordWithoutARequiredAttributeForNoEvent) {
  for (const char* name : {"ce_id", "ce_source", "ce_type", "ce_specversion"}) {
    for (const std::optional<std::string>& value :
         {std::optional<std::string>(), std::optional<std::string>(""),
          std::optional<std::string>("\xff")}) {
      MakeEvent({{name, value}, {"ce_x1", "x"}, {"content-type", "text/csv"}});
      EXPECT_EQ(Value("ce-id"), "3/42") << name;
      EXPECT_EQ(Value("ce-x1"), "none") << name;
      EXPECT_EQ(Value("Content-Type"), "text/plain; charset=utf-8") << name;
    }
    MakeEvent();
    std::erase_if(record_.headers, [name](const auto& header) { return header.name == name; });
    EXPECT_EQ(Value("ce-id"), "3/42") << name;
  }
  record_.headers = {
      {"CE_specversion", "1.0"}, {"ce-id", "e1"}, {"ce_source", "/"}, {"ce_type", "t"}};
  EXPECT_EQ(Value("ce-id"), "3/42");
}

TEST_F(CloudEventTest, LeavesOutAndCountsHeadersThatAreNoAttributes) {
  endpoint_.forward_kafka_headers = true;
  const std::vector<RecordHeader> others = {
      {"ce_", "v"},         {"ce_Upper", "v"},  {"ce_a_b", "v"},        {"ce_data", "v"},
      {"CE_lower", "v"},    {"ce-dash", "v"},   {"Ce-id", "v"},         {"ce_null", std::nullopt},
      {"ce_bytes", "\xff"}, {"ce_a\r\nb", "v"}, {"ce_data_base64", "v"}};
  for (const RecordHeader& other : others) {
    for (const Mode mode : {Mode::kBinary, Mode::kStructured}) {
      endpoint_.cloud_events.mode = mode;
      MakeEvent({other, {"Tenant", "t1"}});
      const Request request = Build();
      EXPECT_EQ(request.headers_left_out, 1) << other.name;
      EXPECT_THAT(request.headers.lines(), HasSubstr("Tenant: t1\r\n"));
      EXPECT_THAT(EventHeaders(), ::testing::SizeIs(mode == Mode::kBinary ? 4 : 0)) << other.name;
    }
  }
  record_.headers = {{"ce_id", "e1"}, {"ce_x1", "x"}, {"Tenant", "t1"}};
  EXPECT_EQ(Build().headers_left_out, 2);
  endpoint_.forward_kafka_headers = false;
  EXPECT_EQ(Build().headers_left_out, 0);
}

TEST_F(CloudEventTest, SendsAControlCharacterOfAnAttributeEncoded) {
  endpoint_.forward_kafka_headers = true;
  MakeEvent({{"ce_x1", std::string("a\r\nInjected: yes\0", 17)}});
  EXPECT_EQ(Value("ce-x1"), "a%0D%0AInjected:%20yes%00");
  EXPECT_EQ(Build().headers_left_out, 0);
  UseStructured();
  EXPECT_THAT(Body(), HasSubstr(R"("x1":"a\u000d\u000aInjected: yes\u0000")"));
}

TEST_F(CloudEventTest, IsNotReplacedByConfiguredHeaders) {
  endpoint_.headers = {{"ce-id", "forged"}, {"Ce_Type", "forged"}};
  for (const Mode mode : {Mode::kBinary, Mode::kStructured}) {
    endpoint_.cloud_events.mode = mode;
    EXPECT_THAT(Build().headers.lines(), Not(HasSubstr("forged")));
  }
}

TEST_F(CloudEventTest, PassesAnEventInOnePieceUntouched) {
  record_.value = "anything";
  endpoint_.headers = {{"Content-Type", "text/html"}};
  for (const Mode mode : {Mode::kBinary, Mode::kStructured}) {
    endpoint_.cloud_events.mode = mode;
    for (const std::string type :
         {"application/cloudevents+json", "Application/CloudEvents+JSON; charset=UTF-8",
          "application/cloudevents+avro", "application/cloudevents-batch+json"}) {
      MakeEvent({{"content-type", type}, {"Content-Encoding", "gzip"}});
      EXPECT_EQ(Value("Content-Type"), type);
      EXPECT_EQ(Build().Body().data(), record_.value->data());
      EXPECT_THAT(EventHeaders(), IsEmpty());
      endpoint_.forward_kafka_headers = true;
      EXPECT_EQ(Value("Content-Encoding"), "gzip");
      EXPECT_EQ(Value("Content-Type"), type);
      EXPECT_EQ(Build().headers_left_out, 4);
      endpoint_.forward_kafka_headers = false;
    }
  }
}

// --- In the body.

TEST_F(CloudEventTest, HasAttributesAndDataInAJsonBody) {
  UseStructured();
  EXPECT_EQ(Body(),
            R"({"id":"3/42","partitionkey":"k1","source":"/topics/orders","specversion":"1.0",)"
            R"("time":"2023-11-14T22:13:20.123Z","type":"kafka.record",)"
            R"("datacontenttype":"application/json","data":{"id": 7}})");
  EXPECT_EQ(Value("Content-Type"), "application/cloudevents+json");
  EXPECT_THAT(EventHeaders(), IsEmpty());
  MakeEvent({{"ce_subject", "a \"b\""}, {"content-type", "application/vnd.x+json"}});
  EXPECT_EQ(Body(), R"({"id":"e1","source":"/shop","specversion":"1.0","subject":"a \"b\"",)"
                    R"("type":"order.created","datacontenttype":"application/vnd.x+json",)"
                    R"("data":{"id": 7}})");
  EXPECT_EQ(Value("Content-Type"), "application/cloudevents+json");
}

TEST_F(CloudEventTest, ChoosesTheFormOfTheDataByItsTypeAndItself) {
  UseStructured();
  record_.key.reset();
  record_.timestamp.reset();
  const std::string start =
      R"({"id":"3/42","source":"/topics/orders","specversion":"1.0","type":"kafka.record")";
  const struct {
    const char* type;  // configured; null: none
    std::optional<std::string> value;
    std::string end;
  } cases[] = {
      // Byte for byte, numbers too.
      {nullptr, " [1.10, 123456789012345678901234567890] ",
       R"(,"datacontenttype":"application/json","data": [1.10, 123456789012345678901234567890] })"},
      {nullptr, "null", R"(,"datacontenttype":"application/json","data":null})"},
      {nullptr, "\"a\"", R"(,"datacontenttype":"application/json","data":"a"})"},
      {nullptr, "a \"b\"\n\xc3\xa9",
       ",\"datacontenttype\":\"text/plain; charset=utf-8\",\"data\":\"a "
       "\\\"b\\\"\\u000a\xc3\xa9\"}"},
      {nullptr, "", R"(,"datacontenttype":"text/plain; charset=utf-8","data":""})"},
      {nullptr, "\xff\x01",
       R"(,"datacontenttype":"application/octet-stream","data_base64":"/wE="})"},
      {nullptr, std::nullopt, "}"},
      {"application/json", "{}", R"(,"datacontenttype":"application/json","data":{}})"},
      {"text/json; charset=utf-8", "1",
       R"(,"datacontenttype":"text/json; charset=utf-8","data":1})"},
      {"application/json", "{", R"(,"datacontenttype":"application/json","data_base64":"ew=="})"},
      {"text/plain", "{}", R"(,"datacontenttype":"text/plain","data":"{}"})"},
      {"application/xml", "<a/>", R"(,"datacontenttype":"application/xml","data":"<a/>"})"},
      {"application/avro", "\xff",
       R"(,"datacontenttype":"application/avro","data_base64":"/w=="})"},
      {"application/x-ndjson", "{}\n{}",
       R"(,"datacontenttype":"application/x-ndjson","data":"{}\u000a{}"})"},
  };
  for (const auto& [type, value, end] : cases) {
    endpoint_.headers.clear();
    if (type != nullptr) endpoint_.headers = {{"Content-Type", type}};
    record_.value = value;
    EXPECT_EQ(Body(), start + end);
    EXPECT_TRUE(base::IsJson(Body()));
    EXPECT_EQ(Value("Content-Type"), "application/cloudevents+json");
  }
}

TEST_F(CloudEventTest, TakesTheTypeOfTheDataOfOtherRecordsWhereHeadersAreForwarded) {
  UseStructured();
  record_.headers = {{"Content-Type", "text/csv"}, {"Content-Encoding", "gzip"}};
  EXPECT_THAT(Body(), HasSubstr(R"("datacontenttype":"application/json")"));
  endpoint_.forward_kafka_headers = true;
  EXPECT_THAT(Body(), HasSubstr(R"("datacontenttype":"text/csv","data":"{\"id\": 7}")"));
  // The body is not compressed.
  EXPECT_EQ(Value("Content-Encoding"), "none");
  EXPECT_EQ(Build().headers_left_out, 1);
}

TEST_F(CloudEventTest, HasABodyFromATemplateAsItsData) {
  endpoint_.body = Parse(R"({"n":{{value.id}}})");
  endpoint_.body_is_json = true;
  endpoint_.headers = {{"Content-Type", "application/json"}};
  MakeEvent({{"content-type", "application/cloudevents+json"}, {"ce_datacontenttype", "text/csv"}});
  EXPECT_EQ(Body(), R"({"n":7})");
  EXPECT_EQ(Value("ce-id"), "e1");
  EXPECT_EQ(Value("Content-Type"), "application/json");
  UseStructured();
  EXPECT_THAT(Body(), HasSubstr(R"("datacontenttype":"application/json","data":{"n":7}})"));
  Request request = Build();
  const Request moved = std::move(request);
  EXPECT_THAT(std::string(moved.Body()), HasSubstr(R"("data":{"n":7}})"));
}

TEST_F(CloudEventTest, OfADeletedTombstoneIsInHeaders) {
  UseStructured();
  null_values_ = NullValues::kDelete;
  record_.value.reset();
  const Request request = Build();
  EXPECT_EQ(request.method, "DELETE");
  EXPECT_EQ(request.Body(), "");
  EXPECT_EQ(request.headers.Find("ce-id"), "3/42");
  EXPECT_EQ(request.headers.Find("Content-Type"), "text/plain; charset=utf-8");
}

TEST_F(CloudEventTest, IsSignedAsItIsSent) {
  UseStructured();
  endpoint_.signature = {config::SignatureConfig::Type::kGithub,
                         {{config::SigningKey::Algorithm::kHmacSha256, "secret"}}};
  record_.key.reset();
  record_.timestamp.reset();
  // Of {"id":"3/42","source":"/topics/orders","specversion":"1.0","type":"kafka.record",
  // "datacontenttype":"application/json","data":{"id": 7}} in one line, by openssl.
  EXPECT_EQ(Value("X-Hub-Signature-256"),
            "sha256=3f28f87ddc73cc8293ef32660de136d85043a7b17bd28bbb43de0f0df157ae8b");
}

}  // namespace
}  // namespace khs::request
