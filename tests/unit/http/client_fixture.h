#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "http/destination.h"
#include "http/endpoint_client.h"
#include "support/scripted_endpoint.h"

namespace khs::http {

// The real time plus an offset.
class AdjustableClock final : public base::Clock {
 public:
  base::Now Read() const override {
    base::Now now = base::SystemClock().Read();
    now.monotonic += ahead.load();
    return now;
  }
  std::atomic<std::chrono::seconds> ahead{std::chrono::seconds(0)};
};

// A clock that only the test advances.
class StoppedClock final : public base::Clock {
 public:
  base::Now Read() const override { return now; }
  base::Now now = base::SystemClock().Read();
};

// An endpoint client with its route, as a task's delivery thread uses them.
class Sender {
 public:
  using Slot = task::Endpoint::Slot;
  struct Result {
    delivery::Reply reply;
    int headers_left_out = 0;
    task::Endpoint::Connections connections = {};
  };
  struct Ended {
    Slot slot = 0;
    Result result;
  };

  Sender(const config::EndpointConfig& endpoint, request::Identity identity,
         delivery::NullValues null_values, const base::Clock& clock)
      : identity_(std::move(identity)), clock_(clock), client_(identity_.connector, clock) {
    Reconfigure(endpoint, null_values);
  }

  // Throws for an invalid definition and then changes nothing.
  void Reconfigure(const config::EndpointConfig& endpoint, delivery::NullValues null_values) {
    auto builder = std::make_shared<request::Builder>(endpoint, identity_, null_values);
    route_ = {std::move(builder), MakeDestination(endpoint, route_.destination.get())};
    client_.Use(route_.destination);
  }
  void Begin(Slot slot, const delivery::Record& record) {
    request::Request request = *route_.builder->Build(record, {});
    headers_left_out_[slot] = request.headers_left_out;
    client_.Begin(slot, std::move(request));
  }
  void Wait(std::optional<base::MonotonicTime> until, std::vector<Ended>& ended) {
    std::vector<task::Endpoint::Ended> outcomes;
    client_.Wait(until, outcomes);
    ended.clear();
    for (auto& [slot, outcome, connections] : outcomes) {
      ended.push_back({slot,
                       {delivery::ParseOutcome(std::move(outcome), clock_.Read().wall, {8, {}}),
                        headers_left_out_[slot], connections}});
    }
  }
  void Cancel(Slot slot) { client_.Cancel(slot); }
  void Wake() noexcept { client_.Wake(); }
  void Abort() noexcept { client_.Abort(); }

 private:
  const request::Identity identity_;
  const base::Clock& clock_;
  EndpointClient client_;
  task::Route route_;
  std::map<Slot, int> headers_left_out_;
};

// A client with long timeouts, and a record to send.
class EndpointClientTest : public ::testing::Test {
 protected:
  using Answer = khs::testing::Answer;
  using Request = khs::testing::Request;
  using ScriptedEndpoint = khs::testing::ScriptedEndpoint;

  EndpointClientTest() {
    config_.default_content_type = "text/plain; charset=utf-8";
    config_.connect_timeout = std::chrono::seconds(20);
    config_.read_timeout = std::chrono::seconds(20);
    record_.topic_partition = {"orders", 0};
    record_.offset = 7;
    record_.value = "the value";
  }

  Sender& ClientOf(const std::string& url) {
    config_.url = url;
    client_ = std::make_unique<Sender>(config_, request::Identity{"sink", "connect-sink"},
                                       delivery::NullValues::kSend, clock_);
    return *client_;
  }

  // Runs one attempt.
  Sender::Result Send(Sender& client) { return SendAll(client, {&record_}).front(); }

  // Runs concurrent attempts. Returns their results in the order of the records.
  static std::vector<Sender::Result> SendAll(Sender& client,
                                             const std::vector<const delivery::Record*>& records) {
    for (size_t slot = 0; slot < records.size(); ++slot) client.Begin(slot, *records[slot]);
    std::vector<Sender::Result> results(records.size());
    std::vector<Sender::Ended> ended;
    for (size_t left = records.size(); left > 0; left -= ended.size()) {
      client.Wait(std::nullopt, ended);
      for (Sender::Ended& each : ended) results[each.slot] = std::move(each.result);
    }
    return results;
  }

  // Sends one request to an endpoint that gives this answer to every request.
  delivery::Reply SendTo(const Answer& answer) {
    ScriptedEndpoint endpoint([&answer](const Request&) { return answer; });
    return Send(ClientOf(endpoint.Url())).reply;
  }

  // An answer as long as one read, which is also the longest TLS record.
  static std::string FillingOneRead() {
    constexpr size_t kOneRead = 16 * 1024;
    const std::string head = "HTTP/1.1 503 Full\r\nContent-Length: 16000\r\nX-Fill: ";
    return head + std::string(kOneRead - head.size() - 4 - 16'000, 'x') + "\r\n\r\n" +
           std::string(16'000, 'x');
  }
  // An answer that follows without a request.
  static std::string StrayDelivery() { return Answer::Of(200, R"({"retry":false})").bytes; }

  static delivery::HttpReply Http(const delivery::Reply& reply) {
    if (const auto* http = std::get_if<delivery::HttpReply>(&reply)) return *http;
    ADD_FAILURE() << "no answer: " << Fault(reply, false).detail;
    return {};
  }

  static delivery::RequestFault Fault(const delivery::Reply& reply, bool required = true) {
    if (const auto* fault = std::get_if<delivery::RequestFault>(&reply)) return *fault;
    if (required) ADD_FAILURE() << "no fault but alternative " << reply.index();
    return {};
  }

  base::SystemClock clock_;
  config::EndpointConfig config_;
  delivery::Record record_;
  std::unique_ptr<Sender> client_;  // last: it uses the clock
};

}  // namespace khs::http
