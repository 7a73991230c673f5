#pragma once

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

#include "rest/connect_router.h"
#include "unit/rest/fake_worker.h"

namespace khs::rest {

inline const connect::ConfigMap kGoodConfig = {
    {"callback.request.url", "http://h/"}, {"name", "orders"}, {"topics", "a"}};

// Sends requests to the router, with a worker that has no connectors at first.
class ConnectTest : public testing::Test {
 protected:
  using Headers = std::map<std::string, std::string>;

  ConnectTest() {
    api_.loggers.list = [this] {
      std::vector<base::LoggerState> states;
      for (const auto& [name, state] : loggers_) states.push_back(state);
      return states;
    };
    api_.loggers.set = [this](const std::string& name, base::LogLevel level) {
      std::vector<std::string> affected;
      for (auto& [known, state] : loggers_) {
        if (name != "root" && name != known) continue;
        state.level = level;
        state.changed = base::WallTime(std::chrono::milliseconds(1'700'000'000'123));
        affected.push_back(known);
      }
      return affected;
    };
  }

  // `target` includes the query. The body is JSON unless the headers say otherwise.
  Response Ask(const std::string& method, const std::string& target, const std::string& body = {},
               Headers headers = {}) {
    headers.try_emplace("host", "10.1.1.1:80");
    if (!body.empty()) headers.try_emplace("content-type", "application/json");
    return Send(method, target, body, std::move(headers), true);
  }

  Response Send(const std::string& method, const std::string& target, const std::string& body,
                Headers headers, bool from_loopback) {
    const size_t end = std::min(target.find('?'), target.size());
    Request request;
    request.method = method;
    request.path = target.substr(0, end);
    request.query = target.substr(std::min(end + 1, target.size()));
    request.headers = std::move(headers);
    request.body = body;
    request.from_loopback = from_loopback;
    return RouteConnect(api_, request);
  }

  FakeWorker::Connector& Add(const std::string& name) {
    FakeWorker::Connector& connector = worker_.connectors[name];
    connector.config = kGoodConfig;
    connector.config["name"] = name;
    return connector;
  }

  FakeWorker worker_;
  std::map<std::string, base::LoggerState> loggers_ = {
      {"kafka", {"kafka", base::LogLevel::kInfo, {}}},
      {"root", {"root", base::LogLevel::kInfo, {}}},
      {"task", {"task", base::LogLevel::kWarn, {}}}};
  ConnectApi api_{worker_, {}, "0.1.0", "0.1.0-abc", "127.0.0.1:8083", "http", {}};
};

// Kafka Connect's exact error body. The message must not need escapes.
inline std::string ErrorBody(int status, const std::string& message) {
  return R"({"error_code":)" + std::to_string(status) + R"(,"message":")" + message + R"("})";
}

MATCHER_P2(Fails, status, message, "") {
  *result_listener << arg.status << ' ' << arg.body;
  return arg.status == status && arg.body == ErrorBody(status, message) &&
         arg.content_type == "application/json";
}

// Matches a JSON answer, or one without a body and content type.
MATCHER_P2(Answers, status, body, "") {
  *result_listener << arg.status << ' ' << arg.body;
  const std::string type = std::string(body).empty() ? "" : "application/json";
  return arg.status == status && arg.body == body && arg.content_type == type;
}

}  // namespace khs::rest
