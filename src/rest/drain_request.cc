#include "rest/drain_request.h"

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <Poco/URI.h>
#include <sys/socket.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace khs::rest {
namespace {

// Shuts the socket down after `time`, because Poco's timeouts apply to each read.
std::jthread LimitTotalTime(Poco::Net::StreamSocket& socket, std::chrono::milliseconds time) {
  return std::jthread([descriptor = socket.impl()->sockfd(), time](const std::stop_token& stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);  // cppcheck-suppress localMutex ; only the wait needs it
    std::condition_variable_any never;
    (void)never.wait_for(lock, stop, time, [] { return false; });
    if (!stop.stop_requested()) (void)::shutdown(descriptor, SHUT_RDWR);
  });
}

}  // namespace

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
    const std::jthread limit = LimitTotalTime(session.socket(), timeout);
    Poco::Net::HTTPResponse response;
    std::string body;
    Poco::StreamCopier::copyToString(session.receiveResponse(response), body);
    if (response.getStatus() != Poco::Net::HTTPResponse::HTTP_OK) {
      return Failure("HTTP " + std::to_string(response.getStatus()) + ": " + body);
    }
    if (static_cast<Poco::Int64>(body.size()) != response.getContentLength64()) {
      return Failure(url + ": the response was cut off");
    }
    return body.find("true") != std::string::npos;
  } catch (const Poco::Exception& error) {
    return Failure(url + ": " + error.displayText());
  }
}

}  // namespace khs::rest
