// A call of the REST API: the first line is `METHOD TARGET`, the rest its body. Every
// response is a valid HTTP response with JSON, and a stored connector is the one that was sent.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/header_syntax.h"
#include "config/json.h"
#include "config/json_value.h"
#include "fuzz/fuzz.h"
#include "fuzz/places.h"
#include "rest/connect_router.h"
#include "rest/error_response.h"
#include "rest/request_target.h"
#include "unit/rest/fake_worker.h"

namespace khs::fuzz {
namespace {

using rest::Request;
using rest::Response;

// A worker with a connector of each kind.
void Fill(rest::FakeWorker& worker) {
  const connect::ConfigMap config = {
      {"callback.request.url", "http://h/"}, {"name", "orders"}, {"topics", "a"}};
  worker.connectors["orders"].config = config;
  worker.connectors["orders"].failed = {0};
  worker.connectors["stopped"].config = config;
  worker.connectors["stopped"].target = connect::TargetState::kStopped;
  worker.connectors["stopped"].offsets = {{"a", 0, 7}};
  worker.connectors["filed"].config = config;
  worker.connectors["filed"].file = "/c/filed.toml";
}

rest::LoggerControl Loggers() {
  rest::LoggerControl loggers;
  loggers.list = [] { return std::vector<base::LoggerState>{{"root", base::LogLevel::kInfo, {}}}; };
  loggers.set = [](const std::string& name, base::LogLevel) {
    return name == "root" ? std::vector<std::string>{name} : std::vector<std::string>{};
  };
  return loggers;
}

Request ToRequest(std::string_view line, std::string_view body) {
  const std::size_t blank = std::min(line.find(' '), line.size());
  const std::string_view target = line.substr(std::min(blank + 1, line.size()));
  const std::size_t end = std::min(target.find('?'), target.size());
  Request request;
  request.method = line.substr(0, blank);
  request.path = target.substr(0, end);
  request.query = target.substr(std::min(end + 1, target.size()));
  request.headers = {{"content-type", "application/json"}, {"host", "proxy:80"}};
  request.body = body;
  request.from_loopback = true;
  return request;
}

// Each key, or the error, has a position within the body.
void CheckPositions(std::string_view body) {
  if (body.starts_with("\xef\xbb\xbf") || body.find('\0') != body.npos)
    return;  // converted before it is parsed
  const auto object = config::ParseJsonObject(body);
  if (!object) FUZZ_CHECK(IsWithin(body, object.error().position));
  if (!object) return;
  for (const config::JsonMember& member : object->members) {
    FUZZ_CHECK(IsWithin(body, member.position));
  }
}

bool IsJson(const std::string& text) {
  return config::ParseJsonObject("{\"any\":" + text + "}").has_value();
}

// An error has its status in Kafka Connect's body.
void CheckAnswer(const Request& request, const Response& response) {
  FUZZ_CHECK(response.status >= 200 && response.status < 600 && response.status != 500);
  for (const auto& [name, value] : response.headers) {
    FUZZ_CHECK(base::IsFieldName(name) && base::IsFieldValue(value));
  }
  if (request.method == "OPTIONS" && response.status == 200) return;
  FUZZ_CHECK(response.body.empty() || IsJson(response.body));
  if (response.status < 400) return;
  FUZZ_CHECK(response.body.starts_with("{\"error_code\":" + std::to_string(response.status) + ','));
}

// No header contains a line end.
void CheckWire(const Response& response) {
  FUZZ_CHECK(base::IsFieldValue(response.content_type));
  for (const auto& [name, value] : response.headers) {
    FUZZ_CHECK(base::IsFieldName(name) && base::IsFieldValue(value));
  }
}

// GET returns the stored configuration.
void CheckStored(const rest::ConnectApi& api, const rest::FakeWorker& worker) {
  for (const auto& [name, connector] : worker.connectors) {
    Request request =
        ToRequest("GET /connectors/" + rest::PercentEncodeSegment(name) + "/config", "");
    const Response shown = rest::RouteConnect(api, request);
    FUZZ_CHECK(shown.status == 200);
    const auto config = config::ReadJsonConfig("REST", shown.body);
    FUZZ_CHECK(config.has_value());
    connect::ConfigMap read;
    for (const config::Entry& entry : *config) read.emplace(entry.key, entry.text);
    FUZZ_CHECK(read == connector.config);
  }
}

}  // namespace
}  // namespace khs::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace khs;
  const auto [line, body] = fuzz::SplitLine(fuzz::TextOf(data, size));
  fuzz::CheckPositions(body);
  rest::FakeWorker worker;
  fuzz::Fill(worker);
  const rest::ConnectApi api{worker,           fuzz::Loggers(), "0.1.0", "0.1.0-abc",
                             "127.0.0.1:8083", "http",          {}};
  const rest::Request request = fuzz::ToRequest(line, body);
  const rest::Response response = rest::RouteConnect(api, request);
  fuzz::CheckAnswer(request, response);
  fuzz::CheckWire(response);
  fuzz::CheckStored(api, worker);
  return 0;
}
