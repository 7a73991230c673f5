#include "auth/authorized_endpoint.h"

#include <gmock/gmock.h>

#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "unit/auth/fake_transport.h"

namespace khs::auth {
namespace {

using delivery::FaultKind;
using delivery::RequestFault;
using delivery::Response;
using khs::testing::FakeTransport;
using khs::testing::HeaderOf;
using khs::testing::ManualClock;
using khs::testing::TransportLog;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NoDestination final : public task::Destination {};

class AuthorizedEndpointTest : public ::testing::Test {
 protected:
  AuthorizedEndpointTest() { endpoint_.Use(MakeDestination(tokens_)); }

  static std::shared_ptr<Destination> MakeDestination(std::shared_ptr<TokenSource> tokens) {
    auto destination = std::make_shared<Destination>();
    destination->endpoint = std::make_shared<NoDestination>();
    destination->tokens = std::move(tokens);
    destination->renew_on = {{401, 401}};
    return destination;
  }
  // The service's part: a request for a token ends.
  void Obtain(const std::string& token) {
    tokens_->OnRequested();
    tokens_->OnToken({token, seconds(100)});
  }
  void FailToObtain() {
    tokens_->OnRequested();
    (void)tokens_->OnFailure("server down");
  }
  void Begin(task::Endpoint::Slot slot) {
    request::Request request;
    request.method = "POST";
    request.target = "/" + std::to_string(slot);
    request.headers.Add("X", "1");
    request.body = std::string_view("body");
    endpoint_.Begin(slot, std::move(request));
  }
  // Ends the request in a slot, and returns what has ended then.
  std::vector<task::Endpoint::Ended> End(task::Endpoint::Slot slot, delivery::Outcome outcome) {
    log_.End(slot, std::move(outcome));
    return Wait();
  }
  std::vector<task::Endpoint::Ended> Wait() {
    std::vector<task::Endpoint::Ended> ended;
    endpoint_.Wait(std::nullopt, ended);
    return ended;
  }
  std::string SentToken(size_t index) {
    return HeaderOf(log_.sent.at(index).request, "Authorization").value_or("");
  }

  ManualClock clock_;
  TransportLog log_;
  std::shared_ptr<TokenSource> tokens_ =
      std::make_shared<TokenSource>("id.example:443", nullptr, clock_, [] {});
  AuthorizedEndpoint endpoint_{std::make_unique<FakeTransport>(log_, false)};
};

TEST_F(AuthorizedEndpointTest, PassesRequestsOnThatNeedNoToken) {
  endpoint_.Use(MakeDestination(nullptr));
  Begin(0);
  ASSERT_EQ(log_.sent.size(), 1u);
  EXPECT_EQ(SentToken(0), "");
  const auto ended = End(0, Response{401});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(std::get<Response>(ended[0].outcome).status, 401);
}

TEST_F(AuthorizedEndpointTest, SendsTheTokenWithEachRequest) {
  tokens_->Use();
  Obtain("t");
  Begin(0);
  Begin(1);
  ASSERT_EQ(log_.sent.size(), 2u);
  EXPECT_EQ(SentToken(0), "Bearer t");
  EXPECT_EQ(SentToken(1), "Bearer t");
  EXPECT_EQ(log_.sent[0].request.Body(), "body");
  EXPECT_EQ(HeaderOf(log_.sent[0].request, "X"), "1");
}

TEST_F(AuthorizedEndpointTest, HidesTheTokenInAnswersThatQuoteIt) {
  tokens_->Use();
  Obtain("a.secret.token");
  Begin(0);
  const auto ended = End(0, Response{500, {}, "a.secret.token: got Bearer a.secret.token"});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(std::get<Response>(ended[0].outcome).body, "***: got Bearer ***");
}

TEST_F(AuthorizedEndpointTest, HidesTheTokenInEveryForm) {
  tokens_->Use();
  Obtain("secret/token+");
  Begin(0);
  const auto ended =
      End(0, Response{500, {}, R"({"got":"secret\/token+","url":"?secret%2ftoken%2B"})"});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(std::get<Response>(ended[0].outcome).body, R"({"got":"***","url":"?***"})");
}

TEST_F(AuthorizedEndpointTest, HoldsNoTokensForAttemptsThatHaveEnded) {
  tokens_->Use();
  Obtain("t");
  Begin(0);
  End(0, Response{200});
  endpoint_.Use(MakeDestination(nullptr));
  EXPECT_EQ(tokens_.use_count(), 1);
}

TEST_F(AuthorizedEndpointTest, WaitsForATokenThatIsBeingRequested) {
  Begin(0);
  Begin(1);
  EXPECT_THAT(Wait(), IsEmpty());
  EXPECT_THAT(log_.sent, IsEmpty());
  log_.woken = false;
  Obtain("t");
  EXPECT_TRUE(log_.woken);
  EXPECT_THAT(Wait(), IsEmpty());
  ASSERT_EQ(log_.sent.size(), 2u);
  EXPECT_EQ(SentToken(0), "Bearer t");
  EXPECT_EQ(End(1, Response{200}).size(), 1u);
}

TEST_F(AuthorizedEndpointTest, SendsNothingWithoutAToken) {
  Begin(0);
  FailToObtain();
  auto ended = Wait();
  Begin(1);  // while no request for a token is due
  for (auto& each : Wait()) ended.push_back(std::move(each));
  ASSERT_EQ(ended.size(), 2u);
  for (const auto& each : ended) {
    const auto& fault = std::get<RequestFault>(each.outcome);
    EXPECT_EQ(fault.kind, FaultKind::kAuth);
    EXPECT_EQ(fault.detail, "no valid token from id.example:443: server down");
  }
  EXPECT_THAT(log_.sent, IsEmpty());
}

TEST_F(AuthorizedEndpointTest, SendsNothingWithAnExpiredToken) {
  tokens_->Use();
  Obtain("t");
  clock_.Advance(seconds(100));
  FailToObtain();
  Begin(0);
  const auto ended = Wait();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(std::get<RequestFault>(ended[0].outcome).kind, FaultKind::kAuth);
  EXPECT_THAT(log_.sent, IsEmpty());
}

TEST_F(AuthorizedEndpointTest, SendsARefusedRequestOnceMoreWithANewToken) {
  tokens_->Use();
  Obtain("old");
  clock_.Advance(seconds(10));
  Begin(0);
  EXPECT_THAT(End(0, Response{401}), IsEmpty());
  EXPECT_EQ(log_.sent.size(), 1u) << "it waits for the new token";
  Obtain("new");
  EXPECT_THAT(Wait(), IsEmpty());
  ASSERT_EQ(log_.sent.size(), 2u);
  EXPECT_EQ(SentToken(1), "Bearer new");
  EXPECT_EQ(log_.sent[1].request.Body(), "body");
  const auto ended = End(0, Response{200});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(std::get<Response>(ended[0].outcome).status, 200);
}

TEST_F(AuthorizedEndpointTest, LeavesTheSecondRefusalToTheVerdict) {
  tokens_->Use();
  Obtain("old");
  clock_.Advance(seconds(10));
  Begin(0);
  End(0, Response{401});
  Obtain("new");
  Wait();
  clock_.Advance(seconds(10));
  const auto ended = End(0, Response{401});
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(std::get<Response>(ended[0].outcome).status, 401);
  EXPECT_EQ(log_.sent.size(), 2u);
}

TEST_F(AuthorizedEndpointTest, SendsAnotherTokenAtOnceIfItIsThereAlready) {
  tokens_->Use();
  Obtain("old");
  Begin(0);
  clock_.Advance(seconds(80));
  Obtain("new");
  EXPECT_THAT(End(0, Response{401}), IsEmpty());
  ASSERT_EQ(log_.sent.size(), 2u);
  EXPECT_EQ(SentToken(1), "Bearer new");
}

TEST_F(AuthorizedEndpointTest, LeavesTheRefusalOfANewTokenToTheVerdict) {
  tokens_->Use();
  Obtain("t");
  Begin(0);
  const auto ended = End(0, Response{401, "5", "body"});
  ASSERT_EQ(ended.size(), 1u);
  const auto& response = std::get<Response>(ended[0].outcome);
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.retry_after, "5");
  EXPECT_EQ(response.body, "body");
  EXPECT_FALSE(tokens_->NextRequest() <= clock_.Monotonic());
}

TEST_F(AuthorizedEndpointTest, RenewsNothingForOtherAnswers) {
  tokens_->Use();
  Obtain("t");
  clock_.Advance(seconds(10));
  const delivery::Outcome outcomes[] = {Response{200},
                                        Response{403},
                                        Response{500},
                                        Response{401, {}, R"({"retry":true})"},
                                        Response{401, {}, R"({"retry":false})"},
                                        RequestFault{FaultKind::kTimeout, "late"}};
  for (const delivery::Outcome& outcome : outcomes) {
    Begin(0);
    EXPECT_EQ(End(0, outcome).size(), 1u);
  }
  EXPECT_EQ(log_.sent.size(), std::size(outcomes));
}

TEST_F(AuthorizedEndpointTest, EndsARefusedRequestWithAFaultIfThereIsNoOtherToken) {
  tokens_->Use();
  Obtain("old");
  clock_.Advance(seconds(10));
  Begin(0);
  End(0, Response{401});
  Begin(1);
  EXPECT_EQ(log_.sent.size(), 2u) << "others still use the old token";
  FailToObtain();
  const auto ended = Wait();
  ASSERT_EQ(ended.size(), 1u);
  const auto& fault = std::get<RequestFault>(ended[0].outcome);
  EXPECT_EQ(fault.kind, FaultKind::kAuth);
  EXPECT_EQ(fault.detail, "HTTP 401, and no other token from id.example:443: server down");
}

TEST_F(AuthorizedEndpointTest, CancelEndsAWait) {
  Begin(0);
  endpoint_.Cancel(0);
  const auto ended = Wait();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<delivery::Aborted>(ended[0].outcome));
  Obtain("t");
  EXPECT_THAT(Wait(), IsEmpty());
  EXPECT_THAT(log_.sent, IsEmpty());
}

TEST_F(AuthorizedEndpointTest, AbortEndsEveryWait) {
  Begin(0);
  Begin(1);
  endpoint_.Abort();
  const auto ended = Wait();
  ASSERT_EQ(ended.size(), 2u);
  for (const auto& each : ended) {
    EXPECT_TRUE(std::holds_alternative<delivery::Aborted>(each.outcome));
  }
}

TEST_F(AuthorizedEndpointTest, EndsAnAttemptAfterAbortAtOnce) {
  tokens_->Use();
  Obtain("t");
  endpoint_.Abort();
  Begin(0);
  EXPECT_THAT(log_.sent, IsEmpty());
  const auto ended = Wait();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<delivery::Aborted>(ended[0].outcome));
}

TEST_F(AuthorizedEndpointTest, SendsAWaitingRequestToItsOwnDestination) {
  const auto old_destination = MakeDestination(tokens_);
  const auto new_destination = MakeDestination(nullptr);
  endpoint_.Use(old_destination);
  Begin(0);
  endpoint_.Use(new_destination);
  Begin(1);
  Obtain("t");
  Wait();
  Begin(2);
  ASSERT_EQ(log_.sent.size(), 3u);
  EXPECT_EQ(log_.sent[0].destination, new_destination->endpoint.get());
  EXPECT_EQ(SentToken(0), "");
  EXPECT_EQ(log_.sent[1].destination, old_destination->endpoint.get());
  EXPECT_EQ(SentToken(1), "Bearer t");
  EXPECT_EQ(log_.sent[2].destination, new_destination->endpoint.get());
}

}  // namespace
}  // namespace khs::auth
