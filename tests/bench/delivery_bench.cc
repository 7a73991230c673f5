// Micro-benchmarks of the code that every record passes through, without threads, Kafka or HTTP.

#include <benchmark/benchmark.h>

#include "delivery/decision.h"
#include "delivery/finished_offsets.h"
#include "delivery/offset_tracker.h"
#include "delivery/retry_indicator.h"
#include "request/builder.h"
#include "task/lanes.h"

namespace khs {
namespace {

using Algorithm = config::SigningKey::Algorithm;
using SignatureType = config::SignatureConfig::Type;

constexpr const char* kConstantUrl = "http://127.0.0.1:8080/orders/order-123456";

void TrackInOrder(benchmark::State& state) {
  delivery::OffsetTracker tracker;
  int64_t offset = 0;
  for (auto _ : state) {
    tracker.Receive(offset);
    tracker.Finish(offset++);
    benchmark::DoNotOptimize(tracker.position());
  }
}
BENCHMARK(TrackInOrder);

// One record waits while others finish past it, like with a poison key.
void TrackPastAWaitingRecord(benchmark::State& state) {
  const auto distance = state.range(0);
  delivery::OffsetTracker tracker;
  tracker.Receive(0);
  int64_t offset = 1;
  for (; offset <= distance; ++offset) tracker.Receive(offset);
  for (auto _ : state) {
    tracker.Receive(offset);
    tracker.Finish(offset - distance / 2);
    benchmark::DoNotOptimize(tracker.Crowded());
    ++offset;
  }
}
BENCHMARK(TrackPastAWaitingRecord)->Arg(16)->Arg(1024)->ArgName("open");

// Encodes finished ranges with gaps, like a commit does.
void EncodeFinishedOffsets(benchmark::State& state) {
  delivery::OffsetRanges finished;
  for (int64_t i = 0; i < state.range(0); ++i) finished.push_back({3 * i + 1, 3 * i + 2});
  for (auto _ : state) benchmark::DoNotOptimize(delivery::EncodeFinished(0, finished));
}
BENCHMARK(EncodeFinishedOffsets)->Arg(10)->Arg(1000)->ArgName("ranges");

void ParseIndicator(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(delivery::ParseRetryIndicator(R"({"retry":false})"));
  }
}
BENCHMARK(ParseIndicator);

void DecideDelivered(benchmark::State& state) {
  const delivery::Policy policy;
  const delivery::Reply reply = delivery::HttpReply{200, false, {}};
  for (auto _ : state) {
    delivery::Progress progress;
    benchmark::DoNotOptimize(delivery::DecideAfterAttempt(policy, reply, progress, {}, 0.5));
  }
}
BENCHMARK(DecideDelivered);

// Adds a record of 1 KiB to the lanes, takes it and finishes it.
void PassLanes(benchmark::State& state) {
  delivery::Policy policy;
  policy.ordering = static_cast<delivery::Ordering>(state.range(0));
  task::Lanes lanes(std::make_shared<delivery::Policy>(policy));
  lanes.Assign({{"topic", 0}});
  const base::Now now{base::MonotonicTime(std::chrono::hours(1)), {}};
  const std::string value(1024, 'x');
  int64_t offset = 0;
  for (auto _ : state) {
    delivery::Record record;
    record.topic_partition = {"topic", 0};
    record.offset = offset++;
    record.key = std::to_string(offset % 1000);
    record.value = value;
    lanes.Add(std::move(record), now);
    lanes.ApplyDecision(lanes.Take(now.monotonic), delivery::Deliver{}, now.monotonic);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PassLanes)->Arg(0)->Arg(1)->Arg(2)->ArgName("ordering");

// An endpoint whose URL may have templates.
config::EndpointConfig EndpointOf(const char* url) {
  config::SecretResolver secrets(nullptr);
  const auto parsed = config::ParseTemplate(url, secrets);
  config::EndpointConfig endpoint;
  endpoint.url = base::Secret(parsed->whole.text);
  endpoint.url_template = parsed->text;
  endpoint.default_content_type = "text/plain; charset=utf-8";
  return endpoint;
}

config::EndpointConfig SignedEndpoint(SignatureType type, Algorithm algorithm) {
  config::EndpointConfig endpoint = EndpointOf(kConstantUrl);
  endpoint.signature = {type, {{algorithm, std::string(32, 'k')}}};
  return endpoint;
}

// As of `auth.type=BEARER`. OAuth 2 adds the same header, and copies the request.
config::EndpointConfig BearerEndpoint() {
  config::EndpointConfig endpoint = EndpointOf(kConstantUrl);
  endpoint.auth.header_name = "Authorization";
  endpoint.auth.header_value = base::Secret("Bearer " + std::string(800, 't'));
  return endpoint;
}

config::EndpointConfig EventEndpoint(config::CloudEventsConfig::Mode mode) {
  config::EndpointConfig endpoint = EndpointOf(kConstantUrl);
  config::SecretResolver secrets(nullptr);
  endpoint.cloud_events = {mode, "kafka.record",
                           config::ParseTemplate("/topics/{{topic}}", secrets)->text};
  return endpoint;
}

// Builds the request of a record of 1 KiB of JSON: with and without templates of the key and of a
// field of the value in the URL, with a token, with a signature, and as an event. The difference to
// `constant` is what a feature costs.
void BuildRequest(benchmark::State& state, const config::EndpointConfig& endpoint) {
  const request::Builder builder(endpoint, {"orders", "connect-orders"},
                                 delivery::NullValues::kSend);
  delivery::Record record;
  record.topic_partition = {"orders", 3};
  record.offset = 42;
  record.key = "order-123456";
  record.value = R"({"customer":{"name":"Ann"},"text":")" + std::string(960, 'x') + R"(","id":7})";
  const base::WallTime now(std::chrono::seconds(1'700'000'000));
  for (auto _ : state) benchmark::DoNotOptimize(builder.Build(record, now));
}
BENCHMARK_CAPTURE(BuildRequest, constant, EndpointOf(kConstantUrl));
BENCHMARK_CAPTURE(BuildRequest, key, EndpointOf("http://127.0.0.1:8080/orders/{{key}}"));
BENCHMARK_CAPTURE(BuildRequest, field, EndpointOf("http://127.0.0.1:8080/orders/{{value.id}}"));
BENCHMARK_CAPTURE(BuildRequest, bearer, BearerEndpoint());
BENCHMARK_CAPTURE(BuildRequest, standard_webhook,
                  SignedEndpoint(SignatureType::kStandardWebhooks, Algorithm::kHmacSha256));
BENCHMARK_CAPTURE(BuildRequest, github_signature,
                  SignedEndpoint(SignatureType::kGithub, Algorithm::kHmacSha256));
BENCHMARK_CAPTURE(BuildRequest, stripe_signature,
                  SignedEndpoint(SignatureType::kStripe, Algorithm::kHmacSha256));
// Not held to the 2 us of the others.
BENCHMARK_CAPTURE(BuildRequest, ed25519_signature,
                  SignedEndpoint(SignatureType::kStandardWebhooks, Algorithm::kEd25519));
BENCHMARK_CAPTURE(BuildRequest, binary_event,
                  EventEndpoint(config::CloudEventsConfig::Mode::kBinary));
BENCHMARK_CAPTURE(BuildRequest, structured_event,
                  EventEndpoint(config::CloudEventsConfig::Mode::kStructured));

}  // namespace
}  // namespace khs
