#include "rest/error_response.h"

#include <Poco/Net/HTTPResponse.h>
#include <fmt/format.h>

#include <string>

namespace khs::rest {

Response ErrorResponse(int status, std::string_view detail) {
  const std::string reason = Poco::Net::HTTPResponse::getReasonForStatus(
      static_cast<Poco::Net::HTTPResponse::HTTPStatus>(status));
  const std::string more = detail.empty() ? "" : fmt::format(": {}", detail);
  return {
      status,
      "application/json",
      fmt::format(R"({{"error_code":{},"message":"HTTP {} {}{}"}})", status, status, reason, more),
      {}};
}

}  // namespace khs::rest
