#include "delivery/decision.h"

#include <gtest/gtest.h>

#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace khs::delivery {
namespace {

using std::chrono::milliseconds;

Policy WithRule(IndicatorRule rule) {
  Policy policy;
  policy.indicator = rule;
  return policy;
}

// The policy's decision, at a time that does not matter.
Decision Decide(const Policy& policy, const Reply& reply, Progress& progress) {
  return DecideAfterAttempt(policy, reply, progress, {}, 0.5);
}

// --- What each kind of answer means.

TEST(Verdict, FollowsTheIndicatorWhateverTheStatus) {
  for (const int status : {200, 201, 204, 299, 301, 400, 401, 403, 404, 429, 500, 502, 503, 504}) {
    for (const IndicatorRule rule : {IndicatorRule::kRequired, IndicatorRule::kOptional}) {
      EXPECT_EQ(Interpret(HttpReply{status, false, {}}, WithRule(rule)).kind,
                Verdict::Kind::kDelivered)
          << status;
      const Verdict retry = Interpret(HttpReply{status, true, {}}, WithRule(rule));
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
    const Verdict required = Interpret(reply, WithRule(IndicatorRule::kRequired));
    EXPECT_EQ(required.kind, c.required) << c.status;
    EXPECT_EQ(required.reason, c.reason) << c.status;
    EXPECT_EQ(Interpret(reply, WithRule(IndicatorRule::kOptional)).kind, c.optional) << c.status;
  }
}

TEST(Verdict, IsARequestErrorForEveryFault) {
  const std::pair<FaultKind, ErrorReason> cases[] = {
      {FaultKind::kTimeout, ErrorReason::kTimeout}, {FaultKind::kConnect, ErrorReason::kConnect},
      {FaultKind::kDns, ErrorReason::kDns},         {FaultKind::kTls, ErrorReason::kTls},
      {FaultKind::kProxy, ErrorReason::kProxy},     {FaultKind::kAuth, ErrorReason::kAuth},
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

TEST(Decision, DropsOrStopsAtOnceWhenNoRequestCanBeMadeOfARecord) {
  const std::pair<Strategy, std::string> cases[] = {
      {Strategy::kProgressBackOffDropMessage, "drop unsendable"},
      {Strategy::kDropMessage, "drop unsendable"},
      {Strategy::kProgressBackOffStopTask, "stop"},
      {Strategy::kStopTask, "stop"},
  };
  for (const auto& [strategy, expected] : cases) {
    const Decision decision = DecideAfterFault(TwoDelays(strategy), {"it lacks a key"});
    EXPECT_EQ(Name(decision), expected);
    if (const auto* stop = std::get_if<Stop>(&decision)) {
      EXPECT_EQ(stop->why, "it lacks a key");
      EXPECT_EQ(stop->reason, "unsendable");
    }
  }
}

std::vector<std::string> Walk(const Policy& policy, const std::vector<Reply>& replies) {
  Progress progress;
  std::vector<std::string> names;
  for (const Reply& reply : replies) names.push_back(Name(Decide(policy, reply, progress)));
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

// --- Statuses without an indicator x strategy.

// 299 delivers, 409 is a request error, 422 drops, 410 stops, 429 and 5xx are retried.
Policy WithStatuses(Strategy strategy) {
  Policy policy = TwoDelays(strategy);
  policy.statuses.success = {{200, 200}, {299, 299}};
  policy.statuses.request_error = {{409, 409}, {503, 503}};
  policy.statuses.drop = {{422, 422}};
  policy.statuses.stop = {{410, 410}};
  policy.statuses.retry = {{429, 429}, {500, StatusCodes::kOpenEnd}};
  return policy;
}

struct StatusCase {
  int status;
  std::optional<bool> retry;
  ErrorReason reason;  // unless it is delivered
  Names decisions[4];  // in the order of kStrategies
};

constexpr Strategy kStrategies[] = {Strategy::kProgressBackOffDropMessage,
                                    Strategy::kProgressBackOffStopTask, Strategy::kDropMessage,
                                    Strategy::kStopTask};
const Names kDeliver{"deliver"};
const Names kStop{"stop"};
const Names kDrop{"drop status"};
const Names kRequestError{"retry 7", "retry 70", "stop"};
const Names kListThenDrop{"retry 5", "retry 30", "drop retries_exhausted"};
const Names kListThenStop{"retry 5", "retry 30", "stop"};
const Names kDropAtOnce{"drop response_error"};
const Names kUsedUp{"drop retries_exhausted"};

class StatusTable : public testing::TestWithParam<StatusCase> {};

TEST_P(StatusTable, DecidesUnderEachStrategy) {
  const StatusCase& c = GetParam();
  for (size_t i = 0; i < std::size(kStrategies); ++i) {
    const Policy policy = WithStatuses(kStrategies[i]);
    const HttpReply reply{c.status, c.retry, {}};
    const std::vector<Reply> replies(c.decisions[i].size(), Reply(reply));
    EXPECT_EQ(Walk(policy, replies), c.decisions[i]) << c.status << ", strategy " << i;
    const Verdict verdict = Interpret(reply, policy);
    if (verdict.kind != Verdict::Kind::kDelivered) {
      EXPECT_EQ(verdict.reason, c.reason) << c.status;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Statuses, StatusTable,
    testing::Values(
        StatusCase{200, {}, {}, {kDeliver, kDeliver, kDeliver, kDeliver}},
        StatusCase{299, {}, {}, {kDeliver, kDeliver, kDeliver, kDeliver}},
        StatusCase{409,
                   {},
                   ErrorReason::kStatus,
                   {kRequestError, kRequestError, kRequestError, kRequestError}},
        StatusCase{422, {}, ErrorReason::kStatus, {kDrop, kDrop, kDrop, kDrop}},
        StatusCase{410, {}, ErrorReason::kStatus, {kStop, kStop, kStop, kStop}},
        StatusCase{
            429, {}, ErrorReason::kStatus, {kListThenDrop, kListThenStop, kDropAtOnce, kStop}},
        StatusCase{
            599, {}, ErrorReason::kStatus, {kListThenDrop, kListThenStop, kDropAtOnce, kStop}},
        StatusCase{
            999, {}, ErrorReason::kStatus, {kListThenDrop, kListThenStop, kDropAtOnce, kStop}},
        // Not retried, a 2xx that delivers nothing and a former request error among them.
        StatusCase{204, {}, ErrorReason::kNoIndicator, {kUsedUp, kStop, kDropAtOnce, kStop}},
        StatusCase{301, {}, ErrorReason::kStatus, {kUsedUp, kStop, kDropAtOnce, kStop}},
        StatusCase{400, {}, ErrorReason::kStatus, {kUsedUp, kStop, kDropAtOnce, kStop}},
        StatusCase{401, {}, ErrorReason::kStatus, {kUsedUp, kStop, kDropAtOnce, kStop}},
        // The indicator goes before each of the lists.
        StatusCase{422, false, {}, {kDeliver, kDeliver, kDeliver, kDeliver}},
        StatusCase{410, false, {}, {kDeliver, kDeliver, kDeliver, kDeliver}},
        StatusCase{409, false, {}, {kDeliver, kDeliver, kDeliver, kDeliver}},
        StatusCase{
            200, true, ErrorReason::kIndicator, {kListThenDrop, kListThenStop, kDropAtOnce, kStop}},
        StatusCase{
            422, true, ErrorReason::kIndicator, {kListThenDrop, kListThenStop, kDropAtOnce, kStop}},
        StatusCase{400,
                   true,
                   ErrorReason::kIndicator,
                   {kListThenDrop, kListThenStop, kDropAtOnce, kStop}}));

TEST(Verdict, TreatsEachStatusAsBeforeWithoutLists) {
  for (int status = 100; status <= 999; ++status) {
    const bool request_error = status == 401 || status == 403 || status == 405 || status == 406 ||
                               (status >= 502 && status <= 504);
    const bool is_2xx = status >= 200 && status < 300;
    for (const Strategy strategy : kStrategies) {
      Policy policy = TwoDelays(strategy);
      const Reply reply = HttpReply{status, {}, {}};
      const Reply like = request_error ? kUnavailable() : kIndicated();
      EXPECT_EQ(Walk(policy, {reply, reply, reply}), Walk(policy, {like, like, like})) << status;
      policy.indicator = IndicatorRule::kOptional;
      EXPECT_EQ(Walk(policy, {reply}), is_2xx ? kDeliver : Walk(policy, {like})) << status;
    }
  }
}

TEST(Verdict, TakesTheListOfSuccessesInsteadOfAll2xx) {
  Policy policy = WithRule(IndicatorRule::kOptional);
  policy.statuses.success = {{201, 201}, {409, 409}};
  const auto kind = [&](int status) { return Interpret(HttpReply{status, {}, {}}, policy).kind; };
  EXPECT_EQ(kind(201), Verdict::Kind::kDelivered);
  EXPECT_EQ(kind(409), Verdict::Kind::kDelivered);
  EXPECT_EQ(kind(200), Verdict::Kind::kResponseError);
  policy.indicator = IndicatorRule::kRequired;
  EXPECT_EQ(kind(201), Verdict::Kind::kDelivered);
  EXPECT_EQ(kind(200), Verdict::Kind::kResponseError);
}

TEST(Decision, SaysWhyAStatusStops) {
  const auto why = [](const Policy& policy, int status) {
    Progress progress;
    return std::get<Stop>(Decide(policy, HttpReply{status, {}, {}}, progress)).why;
  };
  const Policy policy = WithStatuses(Strategy::kProgressBackOffStopTask);
  EXPECT_EQ(why(policy, 410),
            "response error (HTTP 410, no retry indicator) on attempt 1, and its status is in "
            "stop.on.status.codes");
  EXPECT_EQ(why(policy, 400),
            "response error (HTTP 400, no retry indicator) on attempt 1, and its status is not in "
            "retry.on.status.codes");
}

// --- Policies and the delivery timeout.

Backoff Constant(milliseconds delay, std::optional<size_t> max_retries = {}) {
  Backoff backoff{delay};
  backoff.kind = Backoff::Kind::kConstant;
  backoff.max_retries = max_retries;
  return backoff;
}

TEST(Decision, RetriesAsOftenAsAPolicySays) {
  Policy policy = TwoDelays(Strategy::kProgressBackOffDropMessage);
  policy.retry_backoff = Constant(milliseconds(9));
  policy.request_retry_backoff = Constant(milliseconds(9), 1);
  EXPECT_EQ(
      Walk(policy, std::vector<Reply>(6, kIndicated())),
      (Names{"retry 9", "retry 9", "retry 9", "retry 9", "retry 9", "drop retries_exhausted"}));
  EXPECT_EQ(Walk(policy, {kRefused(), kRefused()}), (Names{"retry 9", "stop"}));
  policy.retry_backoff.max_retries = 0;
  EXPECT_EQ(Walk(policy, {kIndicated()}), Names{"drop retries_exhausted"});
}

class DeliveryTimeout : public testing::Test {
 protected:
  // Ends an attempt so long after the first one has begun.
  std::string At(int ms, const Reply& reply) {
    const auto now = *progress_.first_attempt + milliseconds(ms);
    return Name(DecideAfterAttempt(policy_, reply, progress_, now, 0.5));
  }
  void Begin() {
    progress_ = {};
    progress_.first_attempt = base::MonotonicTime(std::chrono::hours(1));
  }

  Policy policy_ = [] {
    Policy policy = TwoDelays(Strategy::kProgressBackOffDropMessage);  // 5, 30; 7, 70
    policy.delivery_timeout = milliseconds(100);
    return policy;
  }();
  Progress progress_;
};

TEST_F(DeliveryTimeout, RepeatsTheLastDelayAndCutsTheLastWaitToTheEnd) {
  Begin();
  EXPECT_EQ(At(1, kIndicated()), "retry 5");
  EXPECT_EQ(At(6, kIndicated()), "retry 30");
  EXPECT_EQ(At(37, kIndicated()), "retry 30");
  EXPECT_EQ(At(68, kIndicated()), "retry 30");
  EXPECT_EQ(At(99, kIndicated()), "retry 1");
  EXPECT_EQ(At(100, kIndicated()), "drop retries_exhausted");
}

TEST_F(DeliveryTimeout, EndsRequestErrorsAsAUsedUpListUnderEachStrategy) {
  for (const Strategy strategy : kStrategies) {
    policy_.strategy = strategy;
    Begin();
    EXPECT_EQ(At(10, kRefused()), "retry 7");
    EXPECT_EQ(At(20, kUnavailable()), "retry 70");
    EXPECT_EQ(At(95, kRefused()), "retry 5");
    EXPECT_EQ(At(101, kRefused()), "stop");
  }
}

TEST_F(DeliveryTimeout, ChangesNothingAboutErrorsThatAreNotRetried) {
  policy_ = WithStatuses(Strategy::kProgressBackOffDropMessage);
  policy_.delivery_timeout = milliseconds(100);
  Begin();
  EXPECT_EQ(At(1, HttpReply{400, {}, {}}), "drop retries_exhausted");
  EXPECT_EQ(At(1, HttpReply{422, {}, {}}), "drop status");
  EXPECT_EQ(At(1, HttpReply{410, {}, {}}), "stop");
  policy_.strategy = Strategy::kDropMessage;
  EXPECT_EQ(At(1, kIndicated()), "drop response_error");
  policy_.retry_backoff = {};
  policy_.strategy = Strategy::kProgressBackOffDropMessage;
  EXPECT_EQ(At(1, kIndicated()), "drop retries_exhausted");
  EXPECT_EQ(At(500, kGood()), "deliver");
}

TEST_F(DeliveryTimeout, CutsARetryAfterToo) {
  Begin();
  EXPECT_EQ(At(40, HttpReply{429, {}, milliseconds(5000)}), "retry 60");
  EXPECT_EQ(At(101, HttpReply{429, {}, milliseconds(5000)}), "drop retries_exhausted");
}

TEST_F(DeliveryTimeout, CountsOnlyRetriesThatAreGiven) {
  policy_.retry_backoff = Constant(milliseconds(1));
  Begin();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(At(i, kIndicated()), "retry 1");
  policy_.retry_backoff = Constant(milliseconds(1), 2);
  Begin();
  EXPECT_EQ(At(1, kIndicated()), "retry 1");
  EXPECT_EQ(At(2, kIndicated()), "retry 1");
  EXPECT_EQ(At(3, kIndicated()), "drop retries_exhausted");
}

TEST_F(DeliveryTimeout, KnowsWhichAttemptIsDueAtTheEnd) {
  Begin();
  EXPECT_EQ(At(69, kIndicated()), "retry 5");
  EXPECT_FALSE(progress_.due_at_end);
  EXPECT_EQ(At(70, kIndicated()), "retry 30");
  EXPECT_TRUE(progress_.due_at_end);
  EXPECT_EQ(At(60, kIndicated()), "retry 30");  // as after a pause
  EXPECT_FALSE(progress_.due_at_end);
  policy_.delivery_timeout = milliseconds(0);
  EXPECT_EQ(At(1, kRefused()), "retry 7");
  EXPECT_FALSE(progress_.due_at_end);
}

TEST_F(DeliveryTimeout, GivesUpARecordWhoseNextAttemptComesTooLate) {
  Begin();
  progress_.attempts = 1;
  const auto at = [&](int ms, const Reply& reply) {
    const auto decision =
        DecideBeforeRetry(policy_, reply, progress_, *progress_.first_attempt + milliseconds(ms));
    return decision ? Name(*decision) : "attempt";
  };
  EXPECT_EQ(at(99, kIndicated()), "attempt");
  EXPECT_EQ(at(100, kIndicated()), "drop retries_exhausted");
  progress_.due_at_end = true;
  EXPECT_EQ(at(100, kIndicated()), "attempt");
  EXPECT_EQ(at(1100, kIndicated()), "attempt");
  EXPECT_EQ(at(1102, kIndicated()), "drop retries_exhausted");
  EXPECT_EQ(at(1102, kRefused()), "stop");
  EXPECT_EQ(at(1102, kUnavailable()), "stop");
  policy_.strategy = Strategy::kProgressBackOffStopTask;
  EXPECT_EQ(at(1102, kIndicated()), "stop");
  policy_.delivery_timeout = milliseconds(0);
  EXPECT_EQ(at(1'000'000, kIndicated()), "attempt");
}

TEST(Decision, UsesABackOffListForEachKindOfError) {
  const Policy policy = TwoDelays(Strategy::kProgressBackOffDropMessage);
  EXPECT_EQ(Walk(policy, {kIndicated(), kRefused(), kIndicated(), kRefused(), kGood()}),
            (Names{"retry 5", "retry 7", "retry 30", "retry 70", "deliver"}));
  EXPECT_EQ(Walk(policy, {kRefused(), kRefused(), kIndicated(), kIndicated(), kIndicated()}),
            (Names{"retry 7", "retry 70", "retry 5", "retry 30", "drop retries_exhausted"}));
}

TEST(Decision, MakesOneAttemptWhenTheListIsEmpty) {
  Policy policy = TwoDelays(Strategy::kProgressBackOffDropMessage);
  policy.retry_backoff = {};
  policy.request_retry_backoff = {};
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
  EXPECT_EQ(Name(Decide(policy, Aborted{}, progress)), "abandon");
  EXPECT_EQ(progress.attempts, 0);
}

TEST(Decision, SaysWhyATaskStops) {
  Progress progress;
  const Policy policy = TwoDelays(Strategy::kStopTask);
  const Decision decision = Decide(policy, HttpReply{500, std::nullopt, {}}, progress);
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

TEST(LacksIndicator, IsTrueOnlyOfA2xxThatIsNoDeliveryForLackOfOne) {
  Policy policy;
  EXPECT_TRUE(LacksIndicator(HttpReply{200, {}, {}}, policy));
  EXPECT_TRUE(LacksIndicator(HttpReply{204, {}, {}}, policy));
  EXPECT_FALSE(LacksIndicator(HttpReply{200, true, {}}, policy));
  EXPECT_FALSE(LacksIndicator(HttpReply{200, false, {}}, policy));
  EXPECT_FALSE(LacksIndicator(HttpReply{404, {}, {}}, policy));
  EXPECT_FALSE(LacksIndicator(RequestFault{}, policy));
  EXPECT_FALSE(LacksIndicator(Aborted{}, policy));
  policy.statuses.drop = {{204, 204}};
  EXPECT_FALSE(LacksIndicator(HttpReply{204, {}, {}}, policy));
  policy.statuses.success = {{200, 200}};
  EXPECT_FALSE(LacksIndicator(HttpReply{200, {}, {}}, policy));
  EXPECT_TRUE(LacksIndicator(HttpReply{202, {}, {}}, policy));
  policy.indicator = IndicatorRule::kOptional;
  EXPECT_FALSE(LacksIndicator(HttpReply{202, {}, {}}, policy));
  EXPECT_FALSE(LacksIndicator(HttpReply{200, {}, {}}, WithRule(IndicatorRule::kOptional)));
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
  policy.retry_backoff = {1s, 2s};
  policy.delivery_timeout = 90s;
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false),
            "each record is retried for about 90 s, then dropped");
  policy.retry_backoff = {1ms};
  policy.delivery_timeout = std::chrono::hours(24 * 365);
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false),
            "each record is retried for about 31536000 s, then dropped");
  policy.retry_backoff = {1s, 2s};
  policy.delivery_timeout = 90s;
  policy.retry_backoff.max_retries = 3;
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false),
            "each record is retried for about 5 s, then dropped");
  policy.delivery_timeout = 0s;
  policy.retry_backoff = {4s};
  policy.retry_backoff.kind = Backoff::Kind::kExponential;
  policy.retry_backoff.max = 8s;  // on average 3 + 6 + 6 + 6 + 6 s
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false),
            "each record is retried for about 27 s, then dropped");
  policy.statuses.retry = {{400, 599}};
  EXPECT_EQ(OutcomeWithoutIndicator(policy, false), "each record is dropped at once");
}

}  // namespace
}  // namespace khs::delivery
