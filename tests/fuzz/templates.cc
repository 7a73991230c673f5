// Three parts: a text with templates on the first line, a record's key on the second, and its
// value. Whatever the record holds, it stays within its place: a target is one of a request line
// without new dot segments, a header is one line, and a JSON body is JSON.
#include <algorithm>
#include <optional>
#include <string>

#include "base/header_syntax.h"
#include "base/json_text.h"
#include "base/utf8.h"
#include "config/request_body.h"
#include "fuzz/fuzz.h"
#include "request/template.h"

namespace khs::fuzz {
namespace {

using Place = request::TemplateRenderer::Place;

std::optional<std::string> Render(const config::Template& text, Place place,
                                  const delivery::Record& record) {
  request::JsonPaths paths;
  const request::TemplateRenderer renderer(text, place, "it", paths);
  request::RecordLookup lookup(record, paths);
  std::string out;
  const auto fault = renderer.Render(lookup, out);
  FUZZ_CHECK(!fault || fault->text.starts_with("it"));
  return fault ? std::nullopt : std::optional(out);
}

void CheckTarget(const std::string& target) {
  FUZZ_CHECK(
      std::all_of(target.begin(), target.end(), [](char c) { return c > 0x20 && c < 0x7f; }));
  FUZZ_CHECK(target.find('#') == std::string::npos);
}

// A path of one field is one segment, and not one that is resolved.
void CheckSegment(const std::string& path) {
  FUZZ_CHECK(path.size() > 1 && path.find('/', 1) == std::string::npos);
  FUZZ_CHECK(path != "/." && path != "/.." && path.find('?') == std::string::npos);
}

void CheckJson(std::string_view text) {
  const base::JsonPath whole;
  const auto found = base::FindInJson(text, {&whole, 1});
  FUZZ_CHECK(found.has_value() == base::IsJson(text));
  if (!found) return;
  FUZZ_CHECK(!found->front().empty());
  std::string compact;
  base::AppendCompactJson(compact, text);
  FUZZ_CHECK(base::IsJson(compact) && compact.size() <= text.size());
  if (compact.front() != '"') return;
  const auto plain = base::UnescapeJson(compact);
  if (!plain) return;  // half of a surrogate pair
  FUZZ_CHECK(base::IsUtf8(*plain));
  std::string again = "\"";
  base::AppendJsonEscaped(again, *plain);
  again += '"';
  FUZZ_CHECK(base::IsJson(again) && base::UnescapeJson(again) == plain);
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const auto [text, rest] = fuzz::SplitLine(fuzz::TextOf(data, size));
  const auto [key, value] = fuzz::SplitLine(rest);
  delivery::Record record;
  record.topic_partition = {"t", 0};
  record.key = key;
  record.value = value;
  record.headers = {{"h", std::string(value)}};
  fuzz::CheckJson(value);
  const config::Template one(std::vector<config::Template::Part>{
      base::Secret("/"), config::TemplateField{.source = config::TemplateField::Source::kKey}});
  if (const auto path = fuzz::Render(one, fuzz::Place::kTarget, record)) fuzz::CheckSegment(*path);

  config::SecretResolver secrets(nullptr);
  const auto parsed = config::ParseTemplate(text, secrets);
  if (!parsed) {
    FUZZ_CHECK(!parsed.error().empty());
    return 0;
  }
  FUZZ_CHECK(parsed->text.has_fields() == parsed->first_field.has_value());
  (void)fuzz::Render(parsed->text, fuzz::Place::kBody, record);
  if (const auto header = fuzz::Render(parsed->text, fuzz::Place::kHeader, record)) {
    FUZZ_CHECK(header->size() <= 8192);
    FUZZ_CHECK(base::IsFieldValue(*header) || !base::IsFieldValue(parsed->whole.text));
  }
  if (parsed->whole.text.find('#') == std::string::npos) {
    const auto target = fuzz::Render(parsed->text, fuzz::Place::kTarget, record);
    if (target) fuzz::CheckTarget(*target);
  }
  // An empty text asks for no body.
  if (!text.empty() && config::ValidateJsonBody(parsed->text, "application/json").empty()) {
    const auto body = fuzz::Render(parsed->text, fuzz::Place::kJsonBody, record);
    // The value may be as deep as what is read, and stands deeper here.
    FUZZ_CHECK(!body || base::IsJson(*body) ||
               std::count(body->begin(), body->end(), '[') +
                       std::count(body->begin(), body->end(), '{') >
                   100);
  }
  return 0;
}
