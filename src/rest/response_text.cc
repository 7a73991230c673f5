#include "rest/response_text.h"

#include <Poco/DateTimeFormat.h>
#include <Poco/DateTimeFormatter.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/Timestamp.h>
#include <fmt/format.h>

#include <chrono>

#include "request/header_syntax.h"

namespace khs::rest {
namespace {

std::string ReasonOf(int status) {
  return Poco::Net::HTTPResponse::getReasonForStatus(
      static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
}

std::string HttpDate(base::WallTime time) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
  return Poco::DateTimeFormatter::format(Poco::Timestamp(since.count()),
                                         Poco::DateTimeFormat::HTTP_FORMAT);
}

void AddHeader(std::string& text, std::string_view name, std::string_view value) {
  if (!request::IsFieldName(name) || !request::IsFieldValue(value)) return;
  text.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

std::string RenderResponse(const Response& response, const AnswerFrame& frame, base::WallTime now) {
  const bool may_have_body =
      response.status != 204 && response.status != 304 && response.status >= 200;
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", response.status, ReasonOf(response.status));
  AddHeader(text, "Date", HttpDate(now));
  if (!frame.keep_alive) {
    AddHeader(text, "Connection", "close");
  } else if (!frame.http_1_1) {
    AddHeader(text, "Connection", "keep-alive");
  }
  for (const auto& [name, value] : response.headers) AddHeader(text, name, value);
  if (may_have_body) {
    // Clients choose how to read a body by its type, so an empty one has none.
    if (!response.body.empty()) AddHeader(text, "Content-Type", response.content_type);
    AddHeader(text, "Content-Length", std::to_string(response.body.size()));
  }
  text += "\r\n";
  if (may_have_body && !frame.without_body) text += response.body;
  return text;
}

Response ErrorResponse(int status, std::string_view detail) {
  const std::string more = detail.empty() ? "" : fmt::format(": {}", detail);
  return {status,
          "application/json",
          fmt::format(R"({{"error_code":{},"message":"HTTP {} {}{}"}})", status, status,
                      ReasonOf(status), more),
          {}};
}

}  // namespace khs::rest
