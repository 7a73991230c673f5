#include "delivery/decision.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace khs::delivery {
namespace {

using std::chrono::milliseconds;

// --- What each kind of answer means.

TEST(Verdict, FollowsTheIndicatorWhateverTheStatus) {
  for (const int status : {200, 201, 204, 299, 301, 400, 401, 403, 404, 429, 500, 502, 503, 504}) {
    for (const IndicatorRule rule : {IndicatorRule::kRequired, IndicatorRule::kOptional}) {
      EXPECT_EQ(Interpret(HttpReply{status, false, {}}, rule).kind, Verdict::Kind::kDelivered)
          << status;
      const Verdict retry = Interpret(HttpReply{status, true, {}}, rule);
      EXPECT_EQ(retry.kind, Verdict::Kind::kResponseError) << status;
      EXPECT_EQ(retry.reason, ErrorReason::kIndicator) << status;
    }
  }
}

TEST(Verdict, FollowsTheStatusWithoutAnIndicator) {
  constexpr auto kResponse = Verdict::Kind::kResponseError;
  constexpr auto kRequest = Verdict::Kind::kRequestError;
  struct Case {
    int status;
    Verdict::Kind required;
    Verdict::Kind optional;
    ErrorReason reason;
  };
  const Case cases[] = {
      {200, kResponse, Verdict::Kind::kDelivered, ErrorReason::kNoIndicator},
      {204, kResponse, Verdict::Kind::kDelivered, ErrorReason::kNoIndicator},
      {299, kResponse, Verdict::Kind::kDelivered, ErrorReason::kNoIndicator},
      {301, kResponse, kResponse, ErrorReason::kStatus},
      {302, kResponse, kResponse, ErrorReason::kStatus},
      {307, kResponse, kResponse, ErrorReason::kStatus},
      {400, kResponse, kResponse, ErrorReason::kStatus},
      {401, kRequest, kRequest, ErrorReason::kStatus},
      {402, kResponse, kResponse, ErrorReason::kStatus},
      {403, kRequest, kRequest, ErrorReason::kStatus},
      {404, kResponse, kResponse, ErrorReason::kStatus},
      {405, kRequest, kRequest, ErrorReason::kStatus},
      {406, kRequest, kRequest, ErrorReason::kStatus},
      {408, kResponse, kResponse, ErrorReason::kStatus},
      {429, kResponse, kResponse, ErrorReason::kStatus},
      {500, kResponse, kResponse, ErrorReason::kStatus},
      {501, kResponse, kResponse, ErrorReason::kStatus},
      {502, kRequest, kRequest, ErrorReason::kStatus},
      {503, kRequest, kRequest, ErrorReason::kStatus},
      {504, kRequest, kRequest, ErrorReason::kStatus},
      {505, kResponse, kResponse, ErrorReason::kStatus},
      {599, kResponse, kResponse, ErrorReason::kStatus},
  };
  for (const Case& c : cases) {
    const HttpReply reply{c.status, std::nullopt, {}};
    const Verdict required = Interpret(reply, IndicatorRule::kRequired);
    EXPECT_EQ(required.kind, c.required) << c.status;
    EXPECT_EQ(required.reason, c.reason) << c.status;
    EXPECT_EQ(Interpret(reply, IndicatorRule::kOptional).kind, c.optional) << c.status;
  }
}

TEST(Verdict, IsARequestErrorForEveryFault) {
  const std::pair<FaultKind, ErrorReason> cases[] = {
      {FaultKind::kTimeout, ErrorReason::kTimeout}, {FaultKind::kConnect, ErrorReason::kConnect},
      {FaultKind::kDns, ErrorReason::kDns},         {FaultKind::kTls, ErrorReason::kTls},
      {FaultKind::kIo, ErrorReason::kIo},
  };
  for (const auto& [kind, reason] : cases) {
    const Verdict verdict = Interpret(RequestFault{kind, "x"});
    EXPECT_EQ(verdict.kind, Verdict::Kind::kRequestError);
    EXPECT_EQ(verdict.reason, reason);
  }
}

// --- Verdict x strategy: the decision after each attempt of a record, up to the last one.

constexpr auto kIndicated = [] { return Reply(HttpReply{200, true, {}}); };
constexpr auto kNoIndicator = [] { return Reply(HttpReply{200, std::nullopt, {}}); };
constexpr auto kUnavailable = [] { return Reply(HttpReply{503, std::nullopt, {}}); };
constexpr auto kRefused = [] { return Reply(RequestFault{FaultKind::kConnect, "refused"}); };
constexpr auto kGood = [] { return Reply(HttpReply{200, false, {}}); };

Policy TwoDelays(Strategy strategy) {
  Policy policy;
  policy.strategy = strategy;
  policy.retry_backoff = {milliseconds(5), milliseconds(30)};
  policy.request_retry_backoff = {milliseconds(7), milliseconds(70)};
  return policy;
}

// "deliver", "retry 5", "drop response_error", "stop", "abandon"
std::string Name(const Decision& decision) {
  struct Visitor {
    std::string operator()(const Deliver&) const { return "deliver"; }
    std::string operator()(const Retry& retry) const {
      return "retry " + std::to_string(retry.delay.count());
    }
    std::string operator()(const Drop& drop) const {
      return "drop " + std::string(Label(drop.reason));
    }
    std::string operator()(const Stop&) const { return "stop"; }
    std::string operator()(const Abandon&) const { return "abandon"; }
  };
  return std::visit(Visitor{}, decision);
}

std::vector<std::string> Walk(const Policy& policy, const std::vector<Reply>& replies) {
  Progress progress;
  std::vector<std::string> names;
  for (const Reply& reply : replies)
    names.push_back(Name(DecideAfterAttempt(policy, reply, progress)));
  return names;
}

using Names = std::vector<std::string>;

struct StrategyCase {
  Strategy strategy;
  Names response_errors;  // of three attempts with a response error each
  Names request_errors;   // of three attempts with a request error each
};

class StrategyTable : public testing::TestWithParam<StrategyCase> {};

TEST_P(StrategyTable, DecidesEachAttempt) {
  const StrategyCase& c = GetParam();
  const Policy policy = TwoDelays(c.strategy);
  const size_t responses = c.response_errors.size();
  const size_t requests = c.request_errors.size();
  EXPECT_EQ(Walk(policy, std::vector<Reply>(responses, kIndicated())), c.response_errors);
  EXPECT_EQ(Walk(policy, std::vector<Reply>(responses, kNoIndicator())), c.response_errors);
  EXPECT_EQ(Walk(policy, std::vector<Reply>(requests, kUnavailable())), c.request_errors);
  EXPECT_EQ(Walk(policy, std::vector<Reply>(requests, kRefused())), c.request_errors);
  EXPECT_EQ(Walk(policy, {kGood()}), Names{"deliver"});
}

INSTANTIATE_TEST_SUITE_P(
    Strategies, StrategyTable,
    testing::Values(StrategyCase{Strategy::kProgressBackOffDropMessage,
                                 {"retry 5", "retry 30", "drop retries_exhausted"},
                                 {"retry 7", "retry 70", "stop"}},
                    StrategyCase{Strategy::kProgressBackOffStopTask,
                                 {"retry 5", "retry 30", "stop"},
                                 {"retry 7", "retry 70", "stop"}},
                    StrategyCase{Strategy::kDropMessage,
                                 {"drop response_error"},
                                 {"retry 7", "retry 70", "stop"}},
                    StrategyCase{Strategy::kStopTask, {"stop"}, {"retry 7", "retry 70", "stop"}}));

TEST(Decision, UsesABackOffListForEachKindOfError) {
  const Policy policy = TwoDelays(Strategy::kProgressBackOffDropMessage);
  EXPECT_EQ(Walk(policy, {kIndicated(), kRefused(), kIndicated(), kRefused(), kGood()}),
            (Names{"retry 5", "retry 7", "retry 30", "retry 70", "deliver"}));
  EXPECT_EQ(Walk(policy, {kRefused(), kRefused(), kIndicated(), kIndicated(), kIndicated()}),
            (Names{"retry 7", "retry 70", "retry 5", "retry 30", "drop retries_exhausted"}));
}

TEST(Decision, MakesOneAttemptWhenTheListIsEmpty) {
  Policy policy = TwoDelays(Strategy::kProgressBackOffDropMessage);
  policy.retry_backoff.clear();
  policy.request_retry_backoff.clear();
  EXPECT_EQ(Walk(policy, {kIndicated()}), Names{"drop retries_exhausted"});
  EXPECT_EQ(Walk(policy, {kRefused()}), Names{"stop"});
}

TEST(Decision, LengthensADelayByRetryAfterUpToItsBound) {
  Policy policy = TwoDelays(Strategy::kProgressBackOffDropMessage);
  policy.retry_after_max = milliseconds(1000);
  const auto after = [](int ms) { return Reply(HttpReply{503, std::nullopt, milliseconds(ms)}); };
  EXPECT_EQ(Walk(policy, {after(500)}), Names{"retry 500"});
  EXPECT_EQ(Walk(policy, {after(5000)}), Names{"retry 1000"});
  EXPECT_EQ(Walk(policy, {after(0)}), Names{"retry 7"});
  EXPECT_EQ(Walk(policy, {after(500), after(500), after(500)}),
            (Names{"retry 500", "retry 500", "stop"}));
  EXPECT_EQ(Walk(policy, {Reply(HttpReply{429, true, milliseconds(200)})}), Names{"retry 200"});
  policy.retry_after_max = milliseconds(0);
  EXPECT_EQ(Walk(policy, {after(500)}), Names{"retry 7"});
}

TEST(Decision, AbandonsTheRecordWhenTheAttemptWasAborted) {
  const Policy policy = TwoDelays(Strategy::kStopTask);
  Progress progress;
  EXPECT_EQ(Name(DecideAfterAttempt(policy, Aborted{}, progress)), "abandon");
  EXPECT_EQ(progress.attempts, 0);
}

TEST(Decision, SaysWhyATaskStops) {
  Progress progress;
  const Policy policy = TwoDelays(Strategy::kStopTask);
  const Decision decision = DecideAfterAttempt(policy, HttpReply{500, std::nullopt, {}}, progress);
  const auto* stop = std::get_if<Stop>(&decision);
  ASSERT_NE(stop, nullptr);
  EXPECT_NE(stop->why.find("HTTP 500"), std::string::npos) << stop->why;
  EXPECT_NE(stop->why.find("attempt 1"), std::string::npos) << stop->why;
}

TEST(Decision, BeforeAnAttemptConcernsNullValuesOnly) {
  Policy policy;
  Record tombstone;
  Record empty;
  empty.value = "";
  const auto name = [&](const Record& record) {
    const auto decision = DecideBeforeAttempt(policy, record);
    return decision ? Name(*decision) : "send";
  };
  const std::pair<NullValues, const char*> cases[] = {
      {NullValues::kSend, "send"},
      {NullValues::kDelete, "send"},
      {NullValues::kIgnore, "drop tombstone"},
      {NullValues::kFail, "stop"},
  };
  for (const auto& [rule, expected] : cases) {
    policy.null_values = rule;
    EXPECT_EQ(name(tombstone), expected);
    EXPECT_EQ(name(empty), "send");
  }
}

TEST(LacksIndicator, IsTrueOnlyOfA2xxWithoutOne) {
  EXPECT_TRUE(LacksIndicator(HttpReply{200, {}, {}}));
  EXPECT_TRUE(LacksIndicator(HttpReply{204, {}, {}}));
  EXPECT_FALSE(LacksIndicator(HttpReply{200, true, {}}));
  EXPECT_FALSE(LacksIndicator(HttpReply{200, false, {}}));
  EXPECT_FALSE(LacksIndicator(HttpReply{404, {}, {}}));
  EXPECT_FALSE(LacksIndicator(RequestFault{}));
  EXPECT_FALSE(LacksIndicator(Aborted{}));
}

TEST(OutcomeWithoutIndicator, SaysWhatHappensToARecordAndWhen) {
  using namespace std::chrono_literals;
  Policy policy;
  policy.retry_backoff = {5s, 30s, 60s, 300s, 600s};
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false),
            "each record is retried for about 995 s, then dropped");
  EXPECT_EQ(OutcomeWithoutIndicator(policy, true),
            "each record is retried for about 995 s, then written to the dead letter topic");
  policy.strategy = Strategy::kProgressBackOffStopTask;
  policy.retry_backoff = {500ms};
  EXPECT_EQ(OutcomeWithoutIndicator(policy, true),
            "each record is retried for about 1 s, then the connector stops");
  policy.strategy = Strategy::kDropMessage;
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false), "each record is dropped at once");
  EXPECT_EQ(OutcomeWithoutIndicator(policy, true),
            "each record is written to the dead letter topic at once");
  policy.strategy = Strategy::kStopTask;
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false), "the connector stops at the first record");
  policy.strategy = Strategy::kProgressBackOffDropMessage;
  policy.retry_backoff = {};
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false), "each record is dropped at once");
}

}  // namespace
}  // namespace khs::delivery
