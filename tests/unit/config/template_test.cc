#include "config/template.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "config/connector_config.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using Source = TemplateField::Source;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// Every reference has the same secret as its value.
base::Expected<ParsedTemplate, std::string> Parse(std::string_view text,
                                                  const std::string& secret = "s3cret") {
  const ReadSecret read = [&secret](const SecretReference&) { return secret; };
  SecretResolver secrets(&read);
  return ParseTemplate(text, secrets);
}

// "http://h/|key|?a=|value[a,b]=default|"
std::string Shown(std::string_view text, const std::string& secret = "s3cret") {
  const auto parsed = Parse(text, secret);
  if (!parsed) return "error: " + parsed.error();
  std::string shown;
  for (const Template::Part& part : parsed->text.parts()) {
    if (const auto* literal = std::get_if<base::Secret>(&part)) {
      shown += literal->Reveal();
      continue;
    }
    const auto& field = std::get<TemplateField>(part);
    static const char* const kNames[] = {"topic", "partition", "offset", "timestamp",
                                         "key",   "value",     "header"};
    shown += '|' + std::string(kNames[static_cast<size_t>(field.source)]);
    for (const std::string& each : field.path) shown += '[' + each + ']';
    if (!field.header.empty()) shown += '[' + field.header + ']';
    if (field.default_text) shown += '=' + *field.default_text;
    shown += '|';
  }
  return shown;
}

TEST(Template, HasFieldsOfTheRecord) {
  const struct {
    std::string_view text;
    std::string_view shown;
  } cases[] = {
      {"", ""},
      {"plain }} text", "plain }} text"},
      {"{{topic}}-{{partition}}-{{offset}}-{{timestamp}}",
       "|topic|-|partition|-|offset|-|timestamp|"},
      {"{{key}}{{value}}", "|key||value|"},
      {"{{key.id}}/{{value.a.b.0}}", "|key[id]|/|value[a][b][0]|"},
      {R"({{value."a.b".c}})", "|value[a.b][c]|"},
      {R"({{value."}}:-".""}})", "|value[}}:-][]|"},
      {R"({{value."a\"b\\c"}})", "|value[a\"b\\c]|"},
      {"{{value.\"\xc3\xa9 x\"}}", "|value[\xc3\xa9 x]|"},
      {"{{header.X-Id}}{{header.a.b_c}}{{header.\"x y\"}}",
       "|header[X-Id]||header[a.b_c]||header[x y]|"},
      {"{{key:-none}}", "|key=none|"},
      {"{{key:-}}", "|key=|"},
      {"{{key:-a|b:-c }}", "|key=a|b:-c |"},
      {"{{value.n:-0}}}", "|value[n]=0|}"},
      {"{{{{topic}}", "{{topic}}"},
      {"{{{{{{topic}}", "{{|topic|"},
      {"$${{{topic}}", "${|topic|"},
      {"${{value.amount}}", "$|value[amount]|"},
      {"a ${{key:-}}${{topic}}$", "a $|key=|$|topic|$"},
      {"${env:A}${{topic}}${env:A}", "s3cret$|topic|s3cret"},
      {"$${{topic}}", "${{topic}}"},
      {"${{{{topic}}", "${{topic}}"},
      {"{ {{topic}} }", "{ |topic| }"},
      {"{", "{"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(Shown(text), shown) << text;
}

TEST(Template, IsParsedBeforeSecretsArePutIn) {
  EXPECT_EQ(Shown("${env:A}{{topic}}", "{{key}}"), "{{key}}|topic|");
  EXPECT_EQ(Shown("{${env:A}topic}}", "{"), "{{topic}}");
  EXPECT_EQ(Shown("${file:/a{{b}{{key}}"), "s3cret|key|");
  const auto parsed = Parse("http://{{topic}}/${env:A}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->whole.text, "http://x/s3cret");
  EXPECT_EQ(parsed->whole.first_secret, 9u);
  EXPECT_EQ(parsed->first_field, 7u);
}

TEST(Template, RecordsAllReferences) {
  const ReadSecret read = [](const SecretReference&) -> base::Expected<std::string, std::string> {
    return base::Unexpected<std::string>("no");
  };
  SecretResolver secrets(&read);
  EXPECT_FALSE(ParseTemplate("${env:A}{{key}}${env:B}", secrets));
  EXPECT_EQ(secrets.references().size(), 2u);
}

TEST(Template, NamesThePositionAndTheNearestName) {
  const struct {
    std::string_view text;
    std::string_view error;
  } cases[] = {
      {"ab{{topc}}", "the template at character 3 is unknown: did you mean {{topic}}?"},
      {"\xc3\xa9{{Topic}}", "the template at character 2 is unknown: did you mean {{topic}}?"},
      {"{{ topic }}", "did you mean {{topic}}?"},
      {"{{vaule.user_id}}", "did you mean {{value.user_id}}?"},
      {"{{headers.x}}", "did you mean {{header.x}}?"},
      {"{{{topic}}}", "did you mean {{topic}}?"},
      {"{{customer}}", "is unknown: {{topic}}, {{partition}}, "},
      {"{{}}", "is unknown: {{topic}}, "},
      {"{{value.a b}}", "in double quotes"},
      {"{{value.}}", "is unknown"},
      {"{{value..a}}", "is unknown"},
      {"{{\"topic\"}}", "is unknown"},
      {"{{value.\"a\"b}}", "is unknown"},
      {"{{topic.a}}", "names a part of {{topic}}, which has none"},
      {"{{header}}", "names no header: write {{header.NAME}}"},
      {"{{topic", "the template at character 1 has no closing braces"},
      {"{{value.\"a}}", "has no closing braces"},
      {"{{key:-{{topic}}}}", "contains another template, which is not supported"},
      {"{{key:-${env:A}}}", "contains a reference to a secret, which is not supported"},
      {"{{value.\"${env:A}\"}}", "contains a reference to a secret"},
      {"{{key:-a\nb}}", "contains a control character"},
      {"{{topic}}${topic}", "the reference at character 10 is unknown"},
      {"{{value.\"\xc3\xa9\"}}${topic}", "the reference at character 14 is unknown"},
      {"${{{{${topic}", "the reference at character 6 is unknown"},
      {"${{topc}}", "the template at character 2 is unknown: did you mean {{topic}}?"},
      {"${{topic}", "the template at character 2 has no closing braces"},
  };
  for (const auto& [text, error] : cases) {
    const auto parsed = Parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error(), HasSubstr(std::string(error))) << text;
  }
  std::string many;
  for (int i = 0; i < 101; ++i) many += "{{key}}";
  EXPECT_THAT(Shown(many), HasSubstr("at most 100 templates are allowed"));
  std::string deep = "{{value";
  for (int i = 0; i < 40; ++i) deep += ".a";
  EXPECT_THAT(Shown(deep + "}}"), HasSubstr("is unknown"));
}

TEST(Template, IsHintedAtWhereItIsWrittenAsAReference) {
  EXPECT_THAT(Shown("${topic}"), HasSubstr("; templates are written {{topic}}"));
  EXPECT_THAT(Shown("${value.id}"), HasSubstr("; templates are written {{value.NAME}}"));
  EXPECT_THAT(Shown("${nothing}"), Not(HasSubstr("templates")));
}

// --- In a connector's keys.

const std::string kTopics = "topics = 'a'\n";
const std::string kUrl = "callback.request.url = 'http://h/'\n";

std::vector<std::string> ProblemsOf(const std::string& text) {
  return Listing(ParseConnectorToml({"f", "stem"}, text).problems);
}

std::vector<std::string> UrlProblems(const std::string& url) {
  return ProblemsOf(kTopics + "callback.request.url = '" + url + "'");
}

TEST(TemplateKeys, AllowTemplatesInPathAndQueryOnly) {
  for (const char* url : {"http://h/{{topic}}", "http://h?{{topic}}", "http://h:8/a?b={{key:-#?}}",
                          R"(http://h/{{value."a b#"}})"}) {
    EXPECT_THAT(UrlProblems(url), IsEmpty()) << url;
  }
  for (const char* url :
       {"{{topic}}://h/", "http://{{topic}}/", "http://h{{topic}}", "{{value.url}}",
        "http://h:{{partition}}/", "http://h:8{{partition}}/", "http://a@{{key}}/"}) {
    EXPECT_THAT(UrlProblems(url),
                ElementsAre(HasSubstr("callback.request.url: Templates are possible in the URL's "
                                      "path and query only")))
        << url;
  }
  EXPECT_THAT(UrlProblems("http://h/{{tpoic}}"), ElementsAre(HasSubstr("did you mean {{topic}}?")));
  EXPECT_THAT(UrlProblems("http://h/${topic}"),
              ElementsAre(HasSubstr("templates are written {{topic}}")));
  // As written, and not with a placeholder.
  EXPECT_THAT(UrlProblems("http://h/#{{key}}"), ElementsAre(HasSubstr("http://h/#{{key}}")));
}

TEST(TemplateKeys, AllowTemplatesInValuesOfHeaders) {
  const std::string start = kTopics + kUrl + "callback.request.headers = ";
  const auto result = ParseConnectorToml(
      {"f", "stem"}, start + "'A:{{key:-a|b}}|B:${env:X}|C: {{header.\"x:y|z\"}}'");
  EXPECT_THAT(Listing(result.problems), IsEmpty());
  EXPECT_THAT(ProblemsOf(start + "{'{{key}}' = 'x'}"),
              ElementsAre(HasSubstr("is not a header name")));
  EXPECT_THAT(ProblemsOf(start + "{A = '{{kye}}'}"),
              ElementsAre(HasSubstr("did you mean {{key}}?")));
  EXPECT_THAT(ProblemsOf(start + "{host = '{{key}}'}"),
              ElementsAre(HasSubstr("no record chooses the host")));
}

TEST(TemplateKeys, WarnOfABodyThatLooksLikeJsonWithoutItsContentType) {
  const auto problems = [](const std::string& headers, const std::string& body) {
    return ProblemsOf(kTopics + kUrl + headers + "callback.request.body = '''" + body + "'''");
  };
  const std::string plain = "callback.request.headers = {Content-Type = 'text/plain'}\n";
  const std::string json = "callback.request.headers = {Content-Type = 'application/json'}\n";
  for (const std::string& headers : {std::string(), plain}) {
    for (const char* body :
         {R"({"a": {{value.a}}})", R"( {"a": "{{key}}"} )", "[{{value}}]", R"(["{{key}}", 1])"}) {
      EXPECT_THAT(problems(headers, body),
                  ElementsAre(HasSubstr("warning: callback.request.body: It looks like JSON, but "
                                        "its Content-Type is not JSON")))
          << body;
    }
    for (const char* body : {"{{value}}", "{{value.a}}{{key}}", R"("{{key}}")", "a={{key}}",
                             R"({"a": 1})", R"({"a": {{key}})"}) {
      EXPECT_THAT(problems(headers, body), IsEmpty()) << body;
    }
  }
  EXPECT_THAT(problems(json, R"({"a": {{value.a}}})"), IsEmpty());
  // The Content-Type may be in the secret.
  EXPECT_THAT(problems("callback.request.headers = '${file:/s}'\n", R"({"a": {{value.a}}})"),
              IsEmpty());
}

TEST(TemplateKeys, DemandJsonAroundTheTemplatesOfAJsonBody) {
  const std::string json = "callback.request.headers = {content-type = 'application/json'}\n";
  const std::string lines = "callback.request.headers = {Content-Type = 'application/x-ndjson'}\n";
  const auto problems = [&](const std::string& headers, const std::string& body) {
    return ProblemsOf(kTopics + kUrl + headers + "callback.request.body = '''" + body + "'''");
  };
  for (const char* body :
       {"", "{{value}}", R"({"a": {{value.o:-{} }}})",
        R"({"a": {{value.a}}, "b": "{{key}}-{{topic}}", "c": [{{offset}}]})",
        R"({"a{{key}}": {{value.n:-null}}})", R"({"a":{"b":{{offset}}}})", R"("\\{{key}}")"}) {
    EXPECT_THAT(problems(json, body), IsEmpty()) << body;
  }
  for (const char* body :
       {R"({"a": {{value.a}})", R"({ {{key}}: 1})", R"({"a": -{{value.a}}})",
        R"({"a": 1{{value.a}}})", R"({"a": {{value.a}}{{value.b}}})", R"({"a": "\{{key}}"})",
        R"({"a": "\u00{{key}}"})", "{\"a\":1}\n{{value}}"}) {
    EXPECT_THAT(problems(json, body), ElementsAre(HasSubstr("Must be JSON around its templates")))
        << body;
  }
  EXPECT_THAT(problems(json, R"({"a": {{value.a:-none}}})"),
              ElementsAre(HasSubstr("The default of {{value.a}} must be JSON")));
  EXPECT_THAT(problems(json, R"({"a": {{value.a:-none}}})"), Not(ElementsAre(HasSubstr("}}, so"))));
  EXPECT_THAT(problems(json, R"({"a": {{value.o:-{}}}})"),
              ElementsAre(AllOf(HasSubstr("The default of {{value.o}} must be JSON"),
                                HasSubstr("it ends at the first }}, so put a blank before them"))));
  EXPECT_THAT(problems(lines, "{\"a\":1}\n{{value}}\n"), IsEmpty());
  EXPECT_THAT(problems(lines, "{\"a\":1}\n{{{{"), ElementsAre(HasSubstr("Must be JSON")));
  EXPECT_THAT(problems("", "anything {{{{ \" {{value.a:-none}}"), IsEmpty());
  EXPECT_THAT(problems("callback.request.headers = {Content-Type = '{{header.t}}'}\n", "x"),
              ElementsAre(HasSubstr("Needs a Content-Type without templates")));
}

}  // namespace
}  // namespace khs::config
