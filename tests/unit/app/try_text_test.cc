#include "app/try_text.h"

#include <gtest/gtest.h>

#include <string>

namespace khs::app {
namespace {

using namespace std::chrono_literals;
using delivery::HttpReply;
using delivery::RequestFault;

TEST(TryText, HidesCredentialsInAHead) {
  const base::SecretFilter secrets({"s3cret/"});
  EXPECT_EQ(HideInHead("POST /x?t=s3cret%2F&u=token HTTP/1.1\r\nHost: h\r\nX-A: a s3cret/ b\r\n"
                       "authorization: Bearer abc\r\nX-Api-Key: abc\r\nCookie:\r\n"
                       "X-Kafka-Key: abc\r\nContent-Length: 0\r\n\r\n",
                       secrets),
            "POST /x?t=***&u=token HTTP/1.1\r\nHost: h\r\nX-A: a *** b\r\n"
            "authorization: ***\r\nX-Api-Key: ***\r\nCookie: ***\r\n"
            "X-Kafka-Key: abc\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(HideInHead("", secrets), "");
}

TEST(TryText, LetsNothingControlATerminal) {
  EXPECT_EQ(ForTerminal("a\r\nb\n\x1b[31m\tc"), "a\nb\n\\x1b[31m\\x09c");
  EXPECT_EQ(ForTerminal("a\rb\xff\n"), "a\\x0db\\xff\n");
  EXPECT_EQ(ForTerminal(""), "");
}

TEST(TryText, PredictsWhatFollowsAnAttempt) {
  config::ConnectorConfig config;
  config.policy.retry_backoff = {500ms, 2s};
  config.policy.request_retry_backoff = {60s};
  config.policy.statuses.drop = {{422, 422}};
  config.policy.statuses.stop = {{410, 410}};
  config.policy.statuses.success = {{204, 204}};
  const struct {
    delivery::Reply reply;
    std::string text;
  } cases[] = {
      {HttpReply{500, false, {}}, "delivered"},
      {HttpReply{204, {}, {}}, "delivered"},
      {HttpReply{200, true, {}}, "retry in 0.5 s: response error (HTTP 200, retry=true)"},
      {HttpReply{429, {}, 30s}, "retry in 30 s: response error (HTTP 429, no retry indicator)"},
      {HttpReply{503, {}, {}}, "retry in 60 s: request error (HTTP 503, no retry indicator)"},
      {HttpReply{422, {}, {}}, "drop: HTTP 422, no retry indicator"},
      {HttpReply{410, {}, {}},
       "stop: response error (HTTP 410, no retry indicator) on attempt 1, and its status is in "
       "stop.on.status.codes"},
      {HttpReply{200, {}, {}},
       "retry in 0.5 s: response error (HTTP 200, no retry indicator); each record is retried for "
       "about 3 s, then dropped"},
      {RequestFault{delivery::FaultKind::kConnect, "h:1: refused"},
       "retry in 60 s: request error (h:1: refused)"},
  };
  for (const auto& [reply, text] : cases) {
    const Prediction prediction = PredictAfter(config, reply);
    EXPECT_EQ(prediction.text, text);
    EXPECT_EQ(prediction.is_delivered, text == "delivered") << text;
  }
  config.dead_letters.topic = "dead";
  EXPECT_EQ(PredictAfter(config, HttpReply{422, {}, {}}).text,
            "drop, after it was written to the dead letter topic dead: HTTP 422, no retry "
            "indicator");
}

TEST(TryText, GivesTheBoundsOfARandomDelay) {
  config::ConnectorConfig config;
  config.policy.retry_backoff = {3s};
  config.policy.retry_backoff.kind = delivery::Backoff::Kind::kExponential;
  config.policy.retry_backoff.max = 10s;
  EXPECT_EQ(PredictAfter(config, HttpReply{500, {}, {}}).text,
            "retry in 1.5 to 3 s: response error (HTTP 500, no retry indicator)");
}

TEST(TryText, PredictsWhatHappensToARecordThatIsNotSent) {
  config::ConnectorConfig config;
  delivery::Record tombstone;
  config.policy.null_values = delivery::NullValues::kIgnore;
  const auto text = [&](const delivery::Decision& decision, const std::string& why) {
    return PredictWithout(config, decision, why).text;
  };
  EXPECT_EQ(text(*delivery::DecideBeforeAttempt(config.policy, tombstone), ""),
            "drop: it has no value, and behavior.on.null.values is ignore");
  config.policy.null_values = delivery::NullValues::kFail;
  EXPECT_EQ(text(*delivery::DecideBeforeAttempt(config.policy, tombstone), ""),
            "stop: the record has a null value and behavior.on.null.values is fail");
  const delivery::RecordFault fault{"{{key}}: the record has no key"};
  EXPECT_EQ(text(delivery::DecideAfterFault(config.policy, fault), fault.text),
            "drop: {{key}}: the record has no key");
  EXPECT_EQ(text(delivery::Abandon{}, ""), "not delivered: the attempt was aborted");
  EXPECT_FALSE(PredictWithout(config, delivery::Abandon{}, "").is_delivered);
  config.policy.strategy = delivery::Strategy::kStopTask;
  EXPECT_EQ(text(delivery::DecideAfterFault(config.policy, fault), fault.text),
            "stop: {{key}}: the record has no key");
}

}  // namespace
}  // namespace khs::app
