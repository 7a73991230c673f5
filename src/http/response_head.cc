#include "http/response_head.h"

#include <algorithm>
#include <charconv>

#include "request/header_syntax.h"

namespace khs::http {
namespace {

constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::string_view kBlank = " \t";

base::Unexpected<std::string> Malformed(const char* what) {
  return base::Unexpected<std::string>(std::string("its ") + what + " is malformed");
}

// Without its end; `rest` then begins with the next one.
std::string_view TakeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool ParseStatusLine(std::string_view line, FramingHeaders& framing) {
  constexpr size_t kCode = kVersion.size() + 2;
  if (line.size() < kCode + 3 || !line.starts_with(kVersion) || line[kCode - 1] != ' ') {
    return false;
  }
  const char minor = line[kVersion.size()];
  if (minor < '0' || minor > '9') return false;
  framing.http_1_1 = minor != '0';
  const std::string_view code = line.substr(kCode, 3);
  const auto [stop, error] =
      std::from_chars(code.data(), code.data() + code.size(), framing.status);
  if (error != std::errc{} || stop != code.data() + code.size() || framing.status < 100) {
    return false;
  }
  return line.size() == kCode + 3 || line[kCode + 3] == ' ';
}

}  // namespace

bool MayBeHttp(std::string_view bytes) {
  const size_t known = std::min(bytes.size(), kVersion.size());
  return bytes.substr(0, known) == kVersion.substr(0, known);
}

std::optional<size_t> FindHeadEnd(std::string_view bytes, size_t& scanned) {
  for (size_t end = bytes.find('\n', scanned); end != std::string_view::npos;
       end = bytes.find('\n', end + 1)) {
    const std::string_view next = bytes.substr(end + 1, 2);
    if (next.starts_with('\n')) return end + 2;
    if (next == "\r\n") return end + 3;
    if (next.empty() || next == "\r") {
      scanned = end;
      return std::nullopt;
    }
  }
  scanned = bytes.size();
  return std::nullopt;
}

base::Expected<ResponseHead, std::string> ParseResponseHead(std::string_view head) {
  ResponseHead parsed;
  if (!ParseStatusLine(TakeLine(head), parsed.framing)) return Malformed("status line");
  // How the message is framed must not depend on how a folded line is read.
  bool may_fold = false;
  for (std::string_view line = TakeLine(head); !line.empty(); line = TakeLine(head)) {
    if (kBlank.find(line.front()) != std::string_view::npos) {
      if (!may_fold) return Malformed("head");
      continue;
    }
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || !request::IsFieldName(name)) return Malformed("head");
    const std::string_view value = Trim(line.substr(colon + 1));
    may_fold = false;
    if (request::EqualIgnoringCase(name, "Content-Length")) {
      parsed.framing.content_length.push_back(value);
    } else if (request::EqualIgnoringCase(name, "Transfer-Encoding")) {
      parsed.framing.transfer_encoding.push_back(value);
    } else if (request::EqualIgnoringCase(name, "Connection")) {
      parsed.framing.connection.push_back(value);
    } else {
      may_fold = true;
      if (request::EqualIgnoringCase(name, "Keep-Alive"))
        parsed.framing.keep_alive.push_back(value);
      if (request::EqualIgnoringCase(name, "Retry-After")) parsed.retry_after = value;
    }
  }
  return parsed;
}

}  // namespace khs::http
