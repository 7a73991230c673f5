// What stands between method and version of a request line. A target that is taken holds nothing
// that could end a line or a segment unnoticed, and decoding undoes encoding.
#include <string>

#include "base/header_syntax.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "rest/request_checks.h"
#include "rest/request_target.h"

namespace khs::fuzz {
namespace {

void CheckEscapes(std::string_view text) {
  const std::string encoded = rest::PercentEncodeSegment(text);
  for (const char c : encoded) {
    FUZZ_CHECK(c == '%' || c == '-' || c == '.' || c == '_' || c == '~' || (c >= '0' && c <= '9') ||
               (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  }
  FUZZ_CHECK(encoded != "." && encoded != "..");
  // Only text can be decoded.
  const auto decoded = rest::PercentDecode(encoded);
  FUZZ_CHECK(decoded.has_value() == base::IsUtf8(text));
  FUZZ_CHECK(!decoded || *decoded == text);

  const auto plain = rest::PercentDecode(text);
  FUZZ_CHECK(!plain || base::IsUtf8(*plain));
  FUZZ_CHECK(!plain || rest::PercentDecode(rest::PercentEncodeSegment(*plain)) == plain);
}

void CheckPath(std::string_view path) {
  const auto segments = rest::SplitPath(path);
  FUZZ_CHECK(segments.has_value() == path.starts_with('/'));
  if (!segments) return;
  std::string joined;
  for (const std::string_view segment : *segments) {
    FUZZ_CHECK(segment.find('/') == std::string_view::npos);
    joined.append("/").append(segment);
  }
  FUZZ_CHECK(joined == path || joined + '/' == path);
}

// A parameter that is written with escapes is found by its name and value.
void CheckQuery(std::string_view text) {
  const rest::Query query(text);
  (void)query.IsTrue("expand");
  const auto plain = rest::PercentDecode(text);
  if (!plain) return;
  const std::string encoded = rest::PercentEncodeSegment(*plain);
  FUZZ_CHECK(rest::Query("a=b&" + encoded + "=" + encoded).Has(*plain, *plain));
}

void CheckTarget(std::string_view target) {
  Poco::Net::HTTPRequest parsed("GET", std::string(target), "HTTP/1.1");
  parsed.setHost("h");
  const auto head = rest::CheckRequest(parsed, {});
  if (!head) {
    FUZZ_CHECK(head.error().status >= 400 && head.error().status < 600);
    FUZZ_CHECK(*head.error().reason != '\0');
    return;
  }
  const rest::Request& request = head->request;
  FUZZ_CHECK(base::IsFieldValue(request.path) && base::IsFieldValue(request.query));
  FUZZ_CHECK(request.path.starts_with('/'));
  FUZZ_CHECK(request.path.find_first_of("?#") == std::string::npos);
  FUZZ_CHECK(request.query.find('#') == std::string::npos);
  FUZZ_CHECK(request.headers.contains("host"));
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = khs::fuzz::TextOf(data, size);
  khs::fuzz::CheckEscapes(text);
  khs::fuzz::CheckPath(text);
  khs::fuzz::CheckPath(khs::rest::PathOf(text));
  khs::fuzz::CheckQuery(text);
  khs::fuzz::CheckTarget(text);
  return 0;
}
