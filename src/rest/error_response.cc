#include "rest/error_response.h"

#include <Poco/Net/HTTPResponse.h>
#include <fmt/format.h>

#include <string>

#include "rest/json_text.h"

namespace khs::rest {

Response Error(int status, std::string_view message) {
  JsonText text;
  text.BeginObject().Key("error_code").Number(status).Key("message").String(message).EndObject();
  return {status, "application/json", text.Take(), {}};
}

Response HttpError(int status, std::string_view detail) {
  const std::string& reason = Poco::Net::HTTPResponse::getReasonForStatus(
      static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
  return Error(status,
               fmt::format("HTTP {} {}{}{}", status, reason, detail.empty() ? "" : ": ", detail));
}

}  // namespace khs::rest
