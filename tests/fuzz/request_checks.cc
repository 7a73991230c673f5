// The head of a caller's request, as Poco parses it. What the checks let through has one meaning:
// it is fit for the wire, and written anew by Poco it is the same request.
#include "rest/request_checks.h"

#include <Poco/Exception.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "base/header_syntax.h"
#include "fuzz/fuzz.h"

namespace khs::fuzz {
namespace {

using rest::CheckedHead;
using rest::Limits;

void CheckTaken(const CheckedHead& head, const Limits& limits) {
  const rest::Request& request = head.request;
  FUZZ_CHECK(base::IsFieldName(request.method));
  FUZZ_CHECK(request.path.starts_with('/') || request.path == "*");
  FUZZ_CHECK(base::IsFieldValue(request.path) && base::IsFieldValue(request.query));
  FUZZ_CHECK(request.path.find_first_of("?#") == std::string::npos);
  FUZZ_CHECK(head.content_length <= limits.body_bytes);
  FUZZ_CHECK(!head.chunked || (head.content_length == 0 && !head.keep_alive));
  FUZZ_CHECK(!head.chunked || !request.headers.contains("content-length"));
  for (const auto& [name, value] : request.headers) {
    FUZZ_CHECK(base::IsFieldName(name) && base::IsFieldValue(value));
    FUZZ_CHECK(std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  }
}

bool AreSame(const CheckedHead& a, const CheckedHead& b) {
  return a.request.method == b.request.method && a.request.path == b.request.path &&
         a.request.query == b.request.query && a.keep_alive == b.keep_alive &&
         a.chunked == b.chunked && a.content_length == b.content_length &&
         a.expects_continue == b.expects_continue;
}

void Check(const std::string& bytes, const Limits& limits) {
  std::istringstream in(bytes);
  Poco::Net::HTTPRequest parsed;
  try {
    parsed.read(in);
  } catch (const Poco::Exception& error) {
    FUZZ_CHECK(rest::MakeRejection(error.message(), bytes.size() > 100).status >= 400);
    return;
  }
  const auto head = rest::CheckRequest(parsed, limits);
  if (!head) {
    FUZZ_CHECK(head.error().status >= 400 && head.error().status < 600);
    FUZZ_CHECK(*head.error().reason != '\0');
    return;
  }
  CheckTaken(*head, limits);
  // Poco decodes encoded words (RFC 2047) once more, and the connection would be closed.
  if (bytes.find("=?") != std::string::npos) return;
  std::stringstream again;
  parsed.write(again);
  Poco::Net::HTTPRequest reread;
  reread.read(again);
  const auto same = rest::CheckRequest(reread, limits);
  FUZZ_CHECK(same && AreSame(*head, *same));
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(khs::fuzz::TextOf(data, size));
  khs::fuzz::Check(bytes, khs::rest::Limits{});
  // So small that inputs reach them.
  khs::rest::Limits tight;
  tight.request_line_bytes = 40;
  tight.body_bytes = 20;
  khs::fuzz::Check(bytes, tight);
  return 0;
}
