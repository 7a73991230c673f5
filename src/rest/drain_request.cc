#include "rest/drain_request.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <Poco/URI.h>

namespace khs::rest {

base::Expected<bool, std::string> RequestDrain(const std::string& url,
                                               std::chrono::milliseconds timeout) {
  using Failure = base::Unexpected<std::string>;
  try {
    const Poco::URI uri(url);
    if (uri.getScheme() != "http") return Failure("only http:// URLs are supported: " + url);
    Poco::Net::HTTPClientSession session(uri.getHost(), uri.getPort());
    session.setTimeout(Poco::Timespan(timeout.count() * 1000));
    Poco::Net::HTTPRequest request("POST", "/-/drain", Poco::Net::HTTPMessage::HTTP_1_1);
    request.setContentLength(0);
    session.sendRequest(request);
    Poco::Net::HTTPResponse response;
    std::string body;
    Poco::StreamCopier::copyToString(session.receiveResponse(response), body);
    if (response.getStatus() != Poco::Net::HTTPResponse::HTTP_OK) {
      return Failure("HTTP " + std::to_string(response.getStatus()) + ": " + body);
    }
    return body.find("true") != std::string::npos;
  } catch (const Poco::Exception& error) {
    return Failure(url + ": " + error.displayText());
  }
}

}  // namespace khs::rest
