#include "request/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "base/json_text.h"
#include "request/builder.h"
#include "support/header_lines.h"

namespace khs::request {
namespace {

using delivery::NullValues;
using delivery::Record;
using ::testing::HasSubstr;
using ::testing::Not;
using Place = TemplateRenderer::Place;

class TemplateTest : public ::testing::Test {
 protected:
  TemplateTest() {
    record_.topic_partition = {"orders", 3};
    record_.offset = 42;
    record_.timestamp = std::chrono::milliseconds(1'700'000'000'123);
    record_.key = "k/1";
    record_.value =
        R"({"id": 7, "price": 1.10, "big": 123456789012345678901234567890, "huge": 1e400,
      "name": "a \"b\"\u00e9/", "no": null, "yes": true, "tags": [ "x", {"y": 1} ], "o": {"p": 1},
      "empty": "", "dot": ".", "dots": "..", "line": "a\r\nX: y", "a.b": "quoted"})";
    record_.headers = {{"tenant", "red"}, {"tenant", "blue"}, {"null", std::nullopt}};
  }

  // Returns the text, or "fault: " and its text.
  std::string Render(std::string_view text, Place place) const {
    const config::ReadSecret read = [](const config::SecretReference&) { return "{{topic}}"; };
    config::SecretResolver secrets(&read);
    const auto parsed = config::ParseTemplate(text, secrets);
    if (!parsed) return "error: " + parsed.error();
    JsonPaths paths;
    const TemplateRenderer renderer(parsed->text, place, "it", paths);
    RecordLookup lookup(record_, paths);
    std::string out;
    const auto fault = renderer.Render(lookup, out);
    return fault ? "fault: " + fault->text : out;
  }

  struct Case {
    std::string_view text;
    std::string_view result;
  };
  template <size_t kCount>
  void Try(Place place, const Case (&cases)[kCount]) const {
    for (const auto& [text, result] : cases) EXPECT_EQ(Render(text, place), result) << text;
  }

  Record record_;
};

TEST_F(TemplateTest, PutsFieldsIntoAPlainBodyAsTheyAre) {
  Try(Place::kBody,
      {
          {"{{topic}} {{partition}} {{offset}} {{timestamp}}", "orders 3 42 1700000000123"},
          {"{{key}}", "k/1"},
          {"{{value.id}} {{value.price}} {{value.big}} {{value.huge}}",
           "7 1.10 123456789012345678901234567890 1e400"},
          {"{{value.name}}", "a \"b\"\xc3\xa9/"},
          {"{{value.yes}}", "true"},
          {"{{value.tags}} {{value.tags.1}}", R"(["x",{"y":1}] {"y":1})"},
          {"{{value.tags.0}} {{value.tags.1.y}}", "x 1"},
          {"{{value.\"a.b\"}}", "quoted"},
          {"{{header.tenant}}", "blue"},
          {"{{value.empty}}", ""},
          {"${env:A}", "{{topic}}"},
          {"{{{{topic}}", "{{topic}}"},
      });
}

TEST_F(TemplateTest, FailsOrTakesTheDefaultWhereTheRecordLacksAField) {
  Try(Place::kBody,
      {
          {"{{value.none}}", "fault: it: {{value.none}}: there is no such field"},
          {"{{value.tags.2}}", "fault: it: {{value.tags.2}}: there is no such field"},
          {"{{value.id.x}}", "fault: it: {{value.id.x}}: there is no such field"},
          {"{{value.no}}", "fault: it: {{value.no}}: it is null"},
          {"{{key.id}}", "fault: it: {{key.id}}: it is not JSON"},
          {"{{header.none}}", "fault: it: {{header.none}}: the record has no such header"},
          {"{{header.Tenant:-d}}", "d"},
          {"{{header.null}}", "fault: it: {{header.null}}: it is null"},
          {"{{value.none:-a \"b\"}}", "a \"b\""},
          {"{{value.no:-}}", ""},
          {"{{key.id:-d}}", "d"},
          {"{{header.null:-d}}", "d"},
          {"{{value.empty:-d}}", ""},
      });
  record_.key.reset();
  record_.value.reset();
  record_.timestamp.reset();
  Try(Place::kBody,
      {
          {"{{key}}", "fault: it: {{key}}: the record has no key"},
          {"{{key.id}}", "fault: it: {{key.id}}: the record has no key"},
          {"{{value}}", "fault: it: {{value}}: the record has no value"},
          {"{{value.id}}", "fault: it: {{value.id}}: the record has no value"},
          {"{{timestamp}}", "fault: it: {{timestamp}}: the record has no timestamp"},
          {"{{key:-d}}{{key.id:-e}}{{value:-f}}{{value.id:-g}}{{timestamp:-h}}", "defgh"},
      });
}

TEST_F(TemplateTest, PercentEncodesAllButUnreservedCharactersInAUrl) {
  Try(Place::kTarget,
      {
          {"/a/{{key}}", "/a/k%2F1"},
          {"/a?b={{key}}&c={{value.name}}", "/a?b=k%2F1&c=a%20%22b%22%C3%A9%2F"},
          {"/{{value.line}}", "/a%0D%0AX%3A%20y"},
          {"/{{value.none:-a/b?c}}", "/a%2Fb%3Fc"},
          {"/{a}/{{topic}}|", "/%7Ba%7D/orders%7C"},
          {"/{{value.tags}}", "fault: it: {{value.tags}}: it is an object or an array"},
          {"/a?b={{value.o:-d}}", "fault: it: {{value.o}}: it is an object or an array"},
      });
  record_.key = std::string("-._~ +%&=#?;,\\\0\xff", 16);
  EXPECT_EQ(Render("/{{key}}", Place::kTarget), "/-._~%20%2B%25%26%3D%23%3F%3B%2C%5C%00%FF");
}

TEST_F(TemplateTest, LetsNoRecordChooseAnotherPath) {
  const std::string dots = ": its path segment would be . or ..";
  const struct {
    std::string key;
    std::string_view text;
    std::string result;
  } cases[] = {
      {"", "/a/{{key}}", "fault: it: {{key}}: it is empty, which a path must not be"},
      {"", "/a-{{key}}/b", "fault: it: {{key}}: it is empty, which a path must not be"},
      {"", "/a?b={{key}}", "/a?b="},
      {".", "/a/{{key}}", "fault: it: {{key}}" + dots},
      {"..", "/a/{{key}}", "fault: it: {{key}}" + dots},
      {"..", "/{{key}}/a", "fault: it: {{key}}" + dots},
      {"..", "/a/{{key}}?b", "fault: it: {{key}}" + dots},
      {"..", "/a/{{key}};v=1", "fault: it: {{key}}" + dots},
      {".", "/a/.{{key}}", "fault: it: {{key}}" + dots},
      {".", "/a/{{key}}.", "fault: it: {{key}}" + dots},
      {".", "/a/{{key}}{{key}}", "fault: it: {{key}}" + dots},
      {".", "/a/%2e{{key}}/b", "fault: it: {{key}}" + dots},
      {".", "/a/{{key}}%2E", "fault: it: {{key}}" + dots},
      {"...", "/a/{{key}}", "/a/..."},
      {".", "/a/..{{key}}", "/a/..."},
      {".", "/a/x{{key}}", "/a/x."},
      {"..", "/a?b=/{{key}}/", "/a?b=/../"},
      {"%2e%2e", "/a/{{key}}", "/a/%252e%252e"},
      {"../b", "/a/{{key}}", "/a/..%2Fb"},
      {"b", "/a/../{{key}}", "/a/../b"},
  };
  for (const auto& [key, text, result] : cases) {
    record_.key = key;
    EXPECT_EQ(Render(text, Place::kTarget), result) << text << " with " << key;
  }
}

TEST_F(TemplateTest, LetsNoRecordEndAHeader) {
  Try(Place::kHeader,
      {
          {"{{key}} of {{topic}}", "k/1 of orders"},
          {"{{value.name}}", "a \"b\"\xc3\xa9/"},
          {"{{value.line}}", "fault: it: {{value.line}}: it has a control character"},
          {"{{value.line:-d}}", "fault: it: {{value.line}}: it has a control character"},
          {"{{value.o}}", "fault: it: {{value.o}}: it is an object or an array"},
          {"{{value.empty}}", ""},
      });
  for (const char control : {'\0', '\t', '\n', '\r', '\x1f', '\x7f'}) {
    record_.key = std::string("a") + control;
    EXPECT_THAT(Render("{{key}}", Place::kHeader), HasSubstr("it has a control character"));
  }
  for (const char* control : {"a\xc2\x80", "\xc2\x85", "\xc2\x9f"}) {
    record_.key = control;
    EXPECT_THAT(Render("{{key}}", Place::kHeader), HasSubstr("it has a control character"));
  }
  for (const char* text : {"\xc2\xa0", "\xc3\x80", "\xc2", "\xc2x", "\x85"}) {
    record_.key = text;
    EXPECT_EQ(Render("{{key}}", Place::kHeader), text);
  }
  record_.key = std::string(8192, 'a');
  EXPECT_EQ(Render("{{key}}", Place::kHeader), *record_.key);
  EXPECT_EQ(Render("{{key}}b", Place::kHeader), "fault: it would be longer than 8192 bytes");
}

TEST_F(TemplateTest, BoundsATarget) {
  record_.key = std::string(65'536, 'a');
  EXPECT_EQ(Render("/{{key}}", Place::kTarget), "fault: it would be longer than 65536 bytes");
}

TEST_F(TemplateTest, PutsJsonIntoAJsonBody) {
  Try(Place::kJsonBody,
      {
          {R"({"a":{{value.id}},"b":{{value.name}}})", R"({"a":7,"b":"a \"b\"\u00e9/"})"},
          {R"({"a":{{value.price}},"b":{{value.huge}}})", R"({"a":1.10,"b":1e400})"},
          {R"({"a":{{value.tags}}})", R"({"a":["x",{"y":1}]})"},
          {R"({"a":{{topic}},"b":{{partition}},"c":{{offset}},"d":{{timestamp}}})",
           R"({"a":"orders","b":3,"c":42,"d":1700000000123})"},
          {R"({"a":{{value.no}}})", "fault: it: {{value.no}}: it is null"},
          {R"({"a":{{value.no:-null}}})", R"({"a":null})"},
          {R"({"a":{{value.none:-{"b": 1} }}})", R"({"a":{"b":1}})"},
          {R"({"a":{{key}}})", "fault: it: {{key}}: it is not JSON"},
          {R"({"a":{{key:-"d"}}})", R"({"a":"d"})"},
          {R"({"a":{{header.tenant}}})", "fault: it: {{header.tenant}}: it is not JSON"},
          {R"({"a":"{{key}}","b":"{{header.tenant}}"})", R"({"a":"k/1","b":"blue"})"},
          {R"({"a":"{{value.name}}"})", "{\"a\":\"a \\\"b\\\"\xc3\xa9/\"}"},
          {R"({"a":"{{value.line}}"})", R"({"a":"a\u000d\u000aX: y"})"},
          {R"({"a":"{{value.o}}"})", R"({"a":"{\"p\":1}"})"},
          {R"({"a":"{{value.none:-"}}"})", R"({"a":"\""})"},
      });
  record_.value = " {\"a\" : [ 1 ] } ";
  EXPECT_EQ(Render(R"({"v":{{value}}})", Place::kJsonBody), R"({"v":{"a":[1]}})");
  record_.value = " null ";
  EXPECT_EQ(Render(R"({"v":{{value}}})", Place::kJsonBody), "fault: it: {{value}}: it is null");
  record_.value = R"("}, "admin": true)";
  EXPECT_EQ(Render(R"({"v":{{value}}})", Place::kJsonBody), "fault: it: {{value}}: it is not JSON");
  record_.headers = {{"n", " [1, 2] "}};
  EXPECT_EQ(Render(R"({"v":{{header.n}}})", Place::kJsonBody), R"({"v":[1,2]})");
}

TEST_F(TemplateTest, FaultsOnHalfOfASurrogatePairOnlyInTheTextItself) {
  record_.value = R"({"id": 7, "bad": "a\ud83d", "o": {"p": "\ude00"}})";
  const std::string fault =
      "fault: it: {{value.bad}}: it has half of a surrogate pair, which is no character";
  for (const Place place : {Place::kTarget, Place::kHeader, Place::kBody}) {
    EXPECT_EQ(Render("/{{value.id}}", place), "/7");
    EXPECT_EQ(Render("/{{value.bad}}", place), fault);
    EXPECT_EQ(Render("/{{value.bad:-d}}", place), fault);
  }
  EXPECT_EQ(Render("{{value.o}}", Place::kBody), R"({"p":"\ude00"})");
  Try(Place::kJsonBody,
      {
          {R"({"a":{{value.bad}},"o":{{value.o}}})", R"({"a":"a\ud83d","o":{"p":"\ude00"}})"},
          {R"({"v":{{value}}})", R"({"v":{"id":7,"bad":"a\ud83d","o":{"p":"\ude00"}}})"},
          {R"({"a":"{{value.bad}}"})", fault},
          {R"({"a":"{{value.o}}"})", R"({"a":"{\"p\":\"\\ude00\"}"})"},
      });
}

TEST_F(TemplateTest, SaysWhyAValueIsNotReadAsJson) {
  record_.value = std::string(130, '[') + std::string(130, ']');
  EXPECT_EQ(Render("{{value.a}}", Place::kBody),
            "fault: it: {{value.a}}: it is nested deeper than 128 levels");
  record_.value = "{\"a\":\"\xff\"}";
  EXPECT_EQ(Render("{{value.a}}", Place::kBody), "fault: it: {{value.a}}: it is not UTF-8");
  record_.value = "{";
  EXPECT_EQ(Render("{{value.a}}", Place::kBody), "fault: it: {{value.a}}: it is not JSON");
}

TEST_F(TemplateTest, KeepsAJsonBodyJsonWhateverTheRecordHolds) {
  for (const std::string_view hostile :
       {R"(","admin":true,"x":")", "\\", "\\\"", "\"", "}", "]}", "\n", "{{topic}}", "\\u0000",
        "1,2", "// ", "\xe2\x80\xa8"}) {
    record_.key = hostile;
    const std::string body = Render(R"({"a":"{{key}}"})", Place::kJsonBody);
    EXPECT_TRUE(base::IsJson(body)) << body;
    const std::vector<base::JsonPath> path{{"a"}};
    EXPECT_EQ(*base::UnescapeJson(base::FindInJson(body, path)->front()), hostile);
  }
  record_.key = "\xff";
  EXPECT_EQ(Render(R"({"a":"{{key}}"})", Place::kJsonBody), "fault: it: {{key}}: it is not UTF-8");
}

// --- In requests.

class TemplatesInRequests : public TemplateTest {
 protected:
  TemplatesInRequests() { endpoint_.url = "http://h:8080/in"; }

  static config::Template Parse(std::string_view text) {
    config::SecretResolver secrets(nullptr);
    return config::ParseTemplate(text, secrets)->text;
  }
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

  config::EndpointConfig endpoint_;
  NullValues null_values_ = NullValues::kSend;
};

TEST_F(TemplatesInRequests, FillTargetHeadersAndBody) {
  endpoint_.url_template = Parse("http://h:8080/{{topic}}/{{key}}?id={{value.id}}");
  endpoint_.headers = {{"X-Const", "c"}, {"X-Id", Parse("{{value.id}}-{{header.tenant}}")}};
  endpoint_.body = Parse("{{offset}}");
  const Request request = Build();
  EXPECT_EQ(request.target, "/orders/k%2F1?id=7");
  EXPECT_THAT(request.headers.lines(), HasSubstr("X-Const: c\r\nX-Id: 7-blue\r\n"));
  EXPECT_EQ(request.Body(), "42");
  const Request again = Build();
  EXPECT_EQ(again.target, request.target);
  EXPECT_EQ(again.headers.lines(), request.headers.lines());
}

TEST_F(TemplatesInRequests, BeginTheTargetWithASlash) {
  endpoint_.url_template = Parse("http://h?id={{value.id}}");
  EXPECT_EQ(Build().target, "/?id=7");
}

TEST_F(TemplatesInRequests, KeepTheBodyOfARequestThatIsMoved) {
  endpoint_.body = Parse("{{offset}}");
  Request request = Build();
  const Request moved = std::move(request);
  EXPECT_EQ(moved.Body(), "42");
}

TEST_F(TemplatesInRequests, NameTheKeyOfAFault) {
  record_.key.reset();
  endpoint_.url_template = Parse("http://h/{{key}}");
  EXPECT_EQ(Fault(), "callback.request.url: {{key}}: the record has no key");
  endpoint_.url_template = {};
  endpoint_.headers = {{"X-Key", Parse("{{key}}")}};
  EXPECT_EQ(Fault(), "callback.request.headers: X-Key: {{key}}: the record has no key");
  endpoint_.headers = {};
  endpoint_.body = Parse("{{key}}");
  EXPECT_EQ(Fault(), "callback.request.body: {{key}}: the record has no key");
}

TEST_F(TemplatesInRequests, SendNoBodyToDeleteATombstone) {
  null_values_ = NullValues::kDelete;
  endpoint_.url_template = Parse("http://h/{{key}}");
  endpoint_.body = Parse("{{value.id}}");
  EXPECT_EQ(Build().Body(), "7");
  record_.value.reset();
  EXPECT_EQ(Build().method, "DELETE");
  EXPECT_EQ(Build().Body(), "");
  null_values_ = NullValues::kSend;
  EXPECT_EQ(Fault(), "callback.request.body: {{value.id}}: the record has no value");
}

TEST_F(TemplatesInRequests, ForwardNoHeadersThatDescribeTheValueBesideABody) {
  endpoint_.forward_kafka_headers = true;
  endpoint_.default_content_type = "text/plain; charset=utf-8";
  record_.headers = {
      {"content-type", "application/json"}, {"Content-Encoding", "gzip"}, {"a", "b"}};
  EXPECT_THAT(Build().headers.lines(), HasSubstr("content-type: application/json\r\n"));
  endpoint_.body = Parse("{{key}}");
  const Request request = Build();
  EXPECT_THAT(request.headers.lines(), HasSubstr("a: b\r\nContent-Type: text/plain"));
  EXPECT_THAT(request.headers.lines(), Not(HasSubstr("gzip")));
  EXPECT_EQ(request.headers_left_out, 2);
}

}  // namespace
}  // namespace khs::request
