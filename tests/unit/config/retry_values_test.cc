#include "config/retry_values.h"

#include <gmock/gmock.h>

#include <string>

#include "config/connector_config.h"
#include "config/validation.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

using delivery::Backoff;
using delivery::StatusCodes;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kMinimum = "topics = 'a'\ncallback.request.url = 'http://h/'\n";

std::vector<std::string> ProblemsOf(const std::string& lines) {
  return Listing(ParseConnectorToml({"f", "stem"}, kMinimum + lines + "\n").problems);
}

delivery::Policy PolicyOf(const std::string& lines, const FlatConfig& defaults = {}) {
  const auto result = ParseConnectorToml({"f", "stem"}, kMinimum + lines + "\n", defaults, "d");
  EXPECT_THAT(Listing(result.problems), IsEmpty()) << lines;
  return result.config.value_or(ConnectorConfig{}).policy;
}

FlatConfig Defaults(std::initializer_list<std::pair<const char*, const char*>> entries) {
  FlatConfig config;
  for (const auto& [key, value] : entries) {
    config.push_back({key, value, ValueKind::kString, {1, 1}});
  }
  return config;
}

TEST(StatusKeys, HaveTheDefaultsOfThePolicy) {
  EXPECT_EQ(PolicyOf("").statuses, delivery::StatusRules());
  EXPECT_EQ(PolicyOf("success.on.status.codes = ''\ndrop.on.status.codes = []").statuses,
            delivery::StatusRules());
}

TEST(StatusKeys, TakeCodesAndRanges) {
  const struct {
    std::string value;
    StatusCodes codes;
  } cases[] = {
      {"422", {{422, 422}}},
      {"'422'", {{422, 422}}},
      {"[422, 410]", {{410, 410}, {422, 422}}},
      {"'422, 418-420,100-100'", {{422, 422}, {418, 420}, {100, 100}}},
      {"['422', '430 - 431']", {{422, 422}, {430, 431}}},
      {"[422, '505-']", {{422, 422}, {505, StatusCodes::kOpenEnd}}},
      {"'422,422'", {{422, 422}}},
      {"[]", {}},
      {"' '", {}},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(PolicyOf("drop.on.status.codes = " + one.value).statuses.drop, one.codes)
        << one.value;
  }
  const auto rules =
      PolicyOf(
          "success.on.status.codes = '200-204'\nrequest.error.on.status.codes = 503\n"
          "stop.on.status.codes = 410\nretry.on.status.codes = '200-,100'")
          .statuses;
  EXPECT_EQ(rules.success, (StatusCodes{{200, 204}}));
  EXPECT_EQ(rules.request_error, (StatusCodes{{503, 503}}));
  EXPECT_EQ(rules.stop, (StatusCodes{{410, 410}}));
  EXPECT_EQ(rules.retry, (StatusCodes{{100, 100}, {200, StatusCodes::kOpenEnd}}));
  EXPECT_THAT(PolicyOf("request.error.on.status.codes = ''").statuses.request_error, StatusCodes());
}

TEST(StatusKeys, RejectWhatIsNoStatus) {
  for (const std::string key :
       {"success.on.status.codes", "request.error.on.status.codes", "drop.on.status.codes",
        "stop.on.status.codes", "retry.on.status.codes"}) {
    for (const std::string value :
         {"'abc'", "99", "600", "'-500'", "'400-399'", "'400-600'", "'4xx'", "[404.5]", "'0404'",
          "-1", "'400--'", "'400-401-402'"}) {
      EXPECT_THAT(ProblemsOf(key + " = " + value),
                  ElementsAre(HasSubstr("error: " + key + ": Invalid value")))
          << value;
    }
    EXPECT_THAT(ProblemsOf(key + " = '404,,405'"), ElementsAre(HasSubstr("between two commas")));
    EXPECT_THAT(ProblemsOf(key + " = true"), ElementsAre(HasSubstr("Expected value to be a list")));
  }
  EXPECT_THAT(ProblemsOf("drop.on.status.codes = 'abc'"),
              ElementsAre("f:3:1: error: drop.on.status.codes: Invalid value abc for configuration "
                          "drop.on.status.codes: abc is neither a status code nor a range of them: "
                          "N, N-M or N-, from 100 to 599"));
}

TEST(StatusKeys, RejectAStatusInTwoOfTheFirstFourLists) {
  const std::string keys[] = {"success.on.status.codes", "request.error.on.status.codes",
                              "drop.on.status.codes", "stop.on.status.codes"};
  for (size_t i = 0; i < std::size(keys); ++i) {
    for (size_t j = i + 1; j < std::size(keys); ++j) {
      EXPECT_THAT(ProblemsOf(keys[i] + " = '418-430'\n" + keys[j] + " = '300,429-431'"),
                  ElementsAre("f:4:1: error: " + keys[j] + ": 429 is in " + keys[i] +
                              " too: a status has one meaning"));
    }
    EXPECT_THAT(ProblemsOf(keys[i] + " = 429\nretry.on.status.codes = '200-299,429'"), IsEmpty());
  }
  EXPECT_THAT(ProblemsOf("drop.on.status.codes = '400-499'"),
              ElementsAre("f:3:1: error: drop.on.status.codes: 401 is in "
                          "request.error.on.status.codes (by default) too: a status has one "
                          "meaning"));
  EXPECT_THAT(
      ProblemsOf("response.retry.indicator = 'optional'\nstop.on.status.codes = '204,404'"),
      ElementsAre(HasSubstr("stop.on.status.codes: 204 is in success.on.status.codes (200-299 with "
                            "response.retry.indicator=optional) too")));
  EXPECT_THAT(ProblemsOf("drop.on.status.codes = '400-499'\n"
                         "request.error.on.status.codes = '502-504'"),
              IsEmpty());
  EXPECT_THAT(ProblemsOf("stop.on.status.codes = '204'\nsuccess.on.status.codes = '200'\n"
                         "response.retry.indicator = 'optional'"),
              IsEmpty());
  // An invalid list causes no second error.
  EXPECT_EQ(ProblemsOf("drop.on.status.codes = '400-'\nrequest.error.on.status.codes = 'x'").size(),
            1u);
}

TEST(StatusKeys, ReportAConflictWithADefaultAtTheConnectorsOwnKey) {
  const auto result = ParseConnectorToml({"f", "stem"}, kMinimum + "drop.on.status.codes = 410\n",
                                         Defaults({{"stop.on.status.codes", "410"}}), "d");
  EXPECT_THAT(Listing(result.problems),
              ElementsAre("f:3:1: error: drop.on.status.codes: 410 is in stop.on.status.codes too: "
                          "a status has one meaning"));
}

TEST(StatusKeys, ShowTheirErrorsAtTheKeyInValidate) {
  const FlatConfig definition = Defaults({{"name", "n"},
                                          {"topics", "a"},
                                          {"callback.request.url", "http://h/"},
                                          {"drop.on.status.codes", "500-"},
                                          {"retry.on.status.codes", "x"},
                                          {"max.retries", "-1"},
                                          {"retry.backoff.policy", "LINEAR"}});
  size_t errors = 0;
  for (const KeyValidation& key : ValidateConnector(definition, {})) {
    errors += key.errors.size();
    if (key.name == "drop.on.status.codes") {
      EXPECT_THAT(key.errors, ElementsAre(HasSubstr("502 is in request.error.on.status.codes")));
    }
  }
  EXPECT_EQ(errors, 4u);
}

TEST(StatusKeys, WarnOfA2xxThatIsNotRetried) {
  const std::string line = "retry.on.status.codes = '400-'\n";
  EXPECT_THAT(ProblemsOf(line),
              ElementsAre(HasSubstr("warning: retry.on.status.codes: A 2xx without the retry")));
  EXPECT_THAT(ProblemsOf(line + "response.retry.indicator = 'optional'"), IsEmpty());
  EXPECT_THAT(ProblemsOf(line + "success.on.status.codes = '200-299'"), IsEmpty());
  EXPECT_THAT(ProblemsOf(line + "exception.strategy = 'STOP_TASK'"),
              ElementsAre(HasSubstr("Has no effect: exception.strategy")));
}

TEST(StatusKeys, ADeadLetterTopicHasAPurposeWhereAStatusDrops) {
  const std::string lines =
      "exception.strategy = 'STOP_TASK'\nerrors.deadletterqueue.topic.name = 'd'\n";
  EXPECT_THAT(ProblemsOf(lines), ElementsAre(HasSubstr("Nothing is ever produced to it")));
  EXPECT_THAT(ProblemsOf(lines + "drop.on.status.codes = 422"), IsEmpty());
}

// --- Delays.

TEST(BackoffKeys, MakeABackoffOfEachPolicy) {
  const auto backoff = [](const std::string& lines) { return PolicyOf(lines).retry_backoff; };
  Backoff expected{milliseconds(3000)};
  expected.kind = Backoff::Kind::kConstant;
  EXPECT_EQ(backoff("retry.backoff.policy = 'constant_value'"), expected);
  expected.max_retries = 7;
  EXPECT_EQ(backoff("max.retries = 7"), expected);
  expected.max_retries.reset();
  expected.delays = {milliseconds(250)};
  EXPECT_EQ(backoff("retry.backoff.ms = 250"), expected);
  expected.kind = Backoff::Kind::kExponential;
  expected.max = milliseconds(600'000);
  EXPECT_EQ(backoff("retry.backoff.policy = 'EXPONENTIAL_WITH_JITTER'\nretry.backoff.ms = 250"),
            expected);
  expected.max = milliseconds(4000);
  expected.max_retries = 0;
  EXPECT_EQ(backoff("retry.backoff.policy = 'EXPONENTIAL_WITH_JITTER'\nretry.backoff.ms = 250\n"
                    "retry.backoff.max.ms = 4000\nmax.retries = 0"),
            expected);
  EXPECT_EQ(backoff("retry.backoff.policy = 'LIST'\nretry.backoff.sec = [1, 2]"),
            (Backoff{milliseconds(1000), milliseconds(2000)}));
}

TEST(BackoffKeys, LeaveRequestErrorsToTheirOwnList) {
  const auto policy = PolicyOf("max.retries = 7\nrequest.retry.backoff.sec = [1, 2]");
  EXPECT_EQ(policy.retry_backoff.kind, Backoff::Kind::kConstant);
  EXPECT_EQ(policy.request_retry_backoff, (Backoff{milliseconds(1000), milliseconds(2000)}));
  const auto both = PolicyOf("max.retries = 7");
  EXPECT_EQ(both.request_retry_backoff, both.retry_backoff);
}

TEST(BackoffKeys, RejectInvalidAndContradictoryValues) {
  const struct {
    std::string lines;
    std::string reason;
  } cases[] = {
      {"retry.backoff.policy = 'LINEAR'\nmax.retries = 1",
       "retry.backoff.policy: Invalid value LINEAR for configuration retry.backoff.policy: String "
       "must be one of: LIST, CONSTANT_VALUE, EXPONENTIAL_WITH_JITTER"},
      {"retry.backoff.ms = 0", "Value must be at least 1"},
      {"retry.backoff.ms = 604800001", "Value must be no more than 604800000"},
      {"retry.backoff.max.ms = 0", "Value must be at least 1"},
      {"retry.backoff.max.ms = 604800001", "Value must be no more than 604800000"},
      {"max.retries = -1", "Value must be at least 0"},
      {"max.retries = 1000001", "Value must be no more than 1000000"},
      {"max.retries = 'many'", "Not a number of type INT"},
      {"delivery.timeout.ms = -1", "Value must be at least 0"},
      {"delivery.timeout.ms = 31536000001", "Value must be no more than 31536000000"},
      {"retry.backoff.sec = [1]\nmax.retries = 1",
       "f:4:1: error: max.retries: retry.backoff.sec gives a list of delays already"},
      {"retry.backoff.ms = 1\nretry.backoff.sec = [1]",
       "f:3:1: error: retry.backoff.ms: retry.backoff.sec gives a list of delays already"},
      {"retry.backoff.policy = 'CONSTANT_VALUE'\nretry.backoff.sec = [1]",
       "f:3:1: error: retry.backoff.policy: retry.backoff.sec gives a list of delays already"},
      {"retry.backoff.policy = 'LIST'\nmax.retries = 1",
       "f:4:1: error: max.retries: It is not for the retry.backoff.policy LIST"},
      {"retry.backoff.sec = [1, 0]\ndelivery.timeout.ms = 1",
       "f:3:1: error: retry.backoff.sec: The last delay repeats until delivery.timeout.ms: it must "
       "be more than 0"},
      {"request.retry.backoff.sec = [0]\ndelivery.timeout.ms = 1",
       "f:3:1: error: request.retry.backoff.sec: The last delay repeats"},
      {"behavior.on.error = 'ignore'",
       "behavior.on.error: Unknown key of Confluent's HTTP sink: use exception.strategy instead; "
       "it says what follows an error"},
  };
  for (const auto& one : cases) {
    const auto problems = ProblemsOf(one.lines);
    ASSERT_EQ(problems.size(), 1u) << one.lines << '\n' << ::testing::PrintToString(problems);
    EXPECT_THAT(problems[0], HasSubstr(one.reason)) << one.lines;
  }
}

TEST(BackoffKeys, ADefaultGivesWayToTheConnectorsOwnKeys) {
  const FlatConfig list = Defaults({{"retry.backoff.sec", "1,2"}});
  EXPECT_EQ(PolicyOf("max.retries = 7", list).retry_backoff.kind, Backoff::Kind::kConstant);
  EXPECT_EQ(PolicyOf("", list).retry_backoff, (Backoff{milliseconds(1000), milliseconds(2000)}));
  const FlatConfig policy =
      Defaults({{"retry.backoff.policy", "EXPONENTIAL_WITH_JITTER"}, {"max.retries", "9"}});
  EXPECT_EQ(PolicyOf("retry.backoff.sec = [4]", policy).retry_backoff,
            (Backoff{milliseconds(4000)}));
  EXPECT_EQ(PolicyOf("retry.backoff.policy = 'LIST'", policy).retry_backoff.delays.size(), 5u);
  EXPECT_EQ(PolicyOf("retry.backoff.ms = 5", policy).retry_backoff.kind,
            Backoff::Kind::kExponential);
  EXPECT_EQ(PolicyOf("", policy).retry_backoff.max_retries, 9u);
}

TEST(BackoffKeys, CheckTheRepeatedDelayOfADefaultToo) {
  const auto problems = [](const std::string& lines, const FlatConfig& defaults) {
    return Listing(
        ParseConnectorToml({"f", "stem"}, kMinimum + lines + "\n", defaults, "d").problems);
  };
  const FlatConfig list = Defaults({{"retry.backoff.sec", "0"}});
  const std::string error =
      "f:3:1: error: delivery.timeout.ms: The last delay of retry.backoff.sec repeats until then: "
      "it must be more than 0";
  EXPECT_THAT(problems("delivery.timeout.ms = 1", list), ElementsAre(error));
  EXPECT_THAT(problems("delivery.timeout.ms = 1\nretry.backoff.policy = 'LIST'", list),
              ElementsAre(error));
  EXPECT_THAT(problems("delivery.timeout.ms = 1\nretry.backoff.ms = 5", list), IsEmpty());
  EXPECT_THAT(problems("delivery.timeout.ms = 1\nretry.backoff.sec = [5]", list), IsEmpty());
  EXPECT_THAT(problems("retry.backoff.policy = 'LIST'", list), IsEmpty());
  EXPECT_THAT(problems("delivery.timeout.ms = 1", Defaults({{"request.retry.backoff.sec", "0"}})),
              ElementsAre(HasSubstr("The last delay of request.retry.backoff.sec repeats")));
}

TEST(BackoffKeys, WarnOfAMaximumWithoutEffect) {
  EXPECT_THAT(ProblemsOf("retry.backoff.max.ms = 5"),
              ElementsAre(HasSubstr("warning: retry.backoff.max.ms: Has no effect")));
  EXPECT_THAT(ProblemsOf("retry.backoff.policy = 'EXPONENTIAL_WITH_JITTER'\n"
                         "retry.backoff.ms = 700000"),
              ElementsAre(HasSubstr("warning: retry.backoff.ms: retry.backoff.max.ms is less")));
}

TEST(BackoffKeys, SetTheDeliveryTimeout) {
  EXPECT_EQ(PolicyOf("").delivery_timeout, milliseconds(0));
  EXPECT_EQ(PolicyOf("delivery.timeout.ms = 31536000000").delivery_timeout,
            milliseconds(31'536'000'000));
}

}  // namespace
}  // namespace khs::config
