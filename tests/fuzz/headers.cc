// `callback.request.headers`: the first line is `callback.header.separator`, the rest the value,
// JSON or the legacy `K:V|K:V`. Accepted headers are valid in HTTP and mean the same when written
// as JSON. Messages quote no value.
#include "config/headers.h"

#include <algorithm>
#include <string>

#include "base/header_syntax.h"
#include "base/utf8.h"
#include "config/json_value.h"
#include "fuzz/fuzz.h"

namespace khs::fuzz {
namespace {

using config::Headers;

const std::string kSecret = "zQ9|x:7{\"";

// Escapes `${` and `{{` in a value.
std::string Literal(std::string_view text) {
  std::string written;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    const bool is_special = rest.starts_with("${") || rest.starts_with("{{");
    if (is_special) written += rest.front() == '$' ? "$" : "{{";
    written += rest.substr(0, is_special ? 2 : 1);
    at += is_special ? 2 : 1;
  }
  return written;
}

void CheckSound(const Headers& headers) {
  for (const auto& header : headers) {
    const std::string& name = header.first;
    FUZZ_CHECK(base::IsFieldName(name) && base::IsFieldValue(header.second.constant().Reveal()));
    FUZZ_CHECK(!base::EqualIgnoringCase(name, "Content-Length"));
    FUZZ_CHECK(!base::EqualIgnoringCase(name, "Transfer-Encoding"));
    FUZZ_CHECK(std::count_if(headers.begin(), headers.end(), [&name](const auto& other) {
                 return base::EqualIgnoringCase(other.first, name);
               }) == 1);
  }
}

void CheckWrittenAnew(const Headers& headers) {
  std::string json = "{";
  if (std::any_of(headers.begin(), headers.end(),
                  [](const auto& header) { return header.second.has_fields(); })) {
    return;
  }
  for (const auto& [name, value] : headers) {
    json += (json.size() > 1 ? "," : "") + config::QuoteJson(name) + ':' +
            config::QuoteJson(Literal(value.constant().Reveal()));
  }
  config::SecretResolver nobody(nullptr);
  const auto again = config::ParseHeaders(json + '}', "|", nobody);
  FUZZ_CHECK(again.has_value());
  FUZZ_CHECK(*again == headers);
}

// Messages about the input do not quote the value of another header.
void CheckQuotesNoValue(std::string_view separator, std::string_view text) {
  const std::string value = "hunter2hunter2";
  if (separator.empty() || value.find(separator) != std::string::npos ||
      std::string("X-Probe: ").find(separator) != std::string::npos ||
      text.find("hunter2") != std::string_view::npos) {
    return;
  }
  config::SecretResolver nobody(nullptr);
  const auto headers = config::ParseHeaders(
      "X-Probe: " + value + std::string(separator) + std::string(text), separator, nobody);
  FUZZ_CHECK(headers || headers.error().find(value) == std::string::npos);
}

void CheckSecrets(std::string_view separator, std::string_view text) {
  const config::ReadSecret read = [](const config::SecretReference&) {
    return base::Expected<std::string, std::string>(kSecret);
  };
  config::SecretResolver resolver(&read);
  const auto headers = config::ParseHeaders(text, separator, resolver);
  if (!headers) {
    FUZZ_CHECK(!headers.error().empty());
    FUZZ_CHECK(headers.error().find(kSecret) == std::string::npos ||
               text.find(kSecret) != std::string_view::npos);
    return;
  }
  CheckSound(*headers);
  for (const auto& [name, text_or_template] : *headers) {
    const base::Secret& value = text_or_template.constant();
    const bool has_secret = value.Reveal().find(kSecret) != std::string::npos;
    FUZZ_CHECK(!value.is_from_reference() || has_secret || !resolver.references().empty());
    FUZZ_CHECK(!has_secret || value.is_from_reference() ||
               text.find("zQ9") != std::string_view::npos);
  }
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const auto [separator, text] = fuzz::SplitLine(fuzz::TextOf(data, size));
  if (separator.empty()) return 0;  // the definition table rejects it
  config::SecretResolver nobody(nullptr);
  const auto headers = config::ParseHeaders(text, separator, nobody);
  if (headers) {
    fuzz::CheckSound(*headers);
    if (base::IsUtf8(text)) fuzz::CheckWrittenAnew(*headers);
  } else {
    FUZZ_CHECK(!headers.error().empty());
  }
  fuzz::CheckQuotesNoValue(separator, text);
  fuzz::CheckSecrets(separator, text);
  return 0;
}
