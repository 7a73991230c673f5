#include <chrono>
#include <optional>

#include "support/few_descriptors.h"
#include "support/few_threads.h"
#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using khs::testing::FewDescriptors;
using namespace std::chrono_literals;

class EndpointClientShortage : public EndpointClientTest {
 protected:
  ScriptedEndpoint endpoint_{[](const Request&) { return Answer::Of(200, R"({"retry":false})"); }};
};

TEST_F(EndpointClientShortage, WaitsForADescriptorOutsideOfTheReserve) {
  Sender& client = ClientOf(endpoint_.Url());
  std::optional<FewDescriptors> few(std::in_place, FewDescriptors::kReserve);
  client.Begin(0, record_);
  std::vector<Sender::Ended> ended;
  client.Wait(clock_.Read().monotonic + 300ms, ended);
  EXPECT_TRUE(ended.empty());
  few.reset();
  client.Wait(std::nullopt, ended);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(Http(ended[0].result.reply).status, 200);
}

TEST_F(EndpointClientShortage, FailsWhenThereIsNoneWithinTheConnectTimeout) {
  config_.connect_timeout = 200ms;
  Sender& client = ClientOf(endpoint_.Url());
  const FewDescriptors few(FewDescriptors::kReserve);
  const delivery::RequestFault fault = Fault(Send(client).reply);
  EXPECT_EQ(fault.kind, delivery::FaultKind::kConnect);
  EXPECT_NE(fault.detail.find("Too many open files"), std::string::npos) << fault.detail;
}

TEST_F(EndpointClientShortage, SharesItsOnlyConnectionWhenDescriptorsAreFew) {
  Sender& client = ClientOf(endpoint_.Url());
  const FewDescriptors few(FewDescriptors::kOnlyNeeded);
  for (const auto& result : SendAll(client, {&record_, &record_, &record_})) {
    EXPECT_EQ(Http(result.reply).status, 200);
  }
  EXPECT_EQ(endpoint_.RequestCount(), 3u);
  EXPECT_EQ(endpoint_.ConnectionCount(), 1);
}

TEST_F(EndpointClientShortage, ClosesIdleConnectionsWhenOthersLackDescriptors) {
  Sender& client = ClientOf(endpoint_.Url());
  std::optional<FewDescriptors> few(std::in_place, 0);
  SendAll(client, {&record_, &record_, &record_});
  ASSERT_EQ(endpoint_.ConnectionCount(), 3);
  few.emplace(FewDescriptors::kOnlyNeeded);
  std::vector<Sender::Ended> ended;
  client.Wait(clock_.Read().monotonic + 1'500ms, ended);
  few.reset();
  SendAll(client, {&record_, &record_, &record_});
  EXPECT_EQ(endpoint_.ConnectionCount(), 5) << "one of the three was kept";
}

TEST_F(EndpointClientShortage, AbortEndsTheWait) {
  Sender& client = ClientOf(endpoint_.Url());
  const FewDescriptors few(FewDescriptors::kReserve);
  client.Begin(0, record_);
  client.Abort();
  std::vector<Sender::Ended> ended;
  client.Wait(std::nullopt, ended);
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<delivery::Aborted>(ended[0].result.reply));
}

class EndpointClientThreads : public EndpointClientTest {};

// Runs in a child process that cannot start another thread.
TEST_F(EndpointClientThreads, ResolvingWaitsForAThread) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        config_.connect_timeout = 200ms;
        Sender& client = ClientOf("http://localhost:1/");
        if (!khs::testing::AllowThreads(0)) std::_Exit(khs::testing::kNotLet);
        const delivery::RequestFault fault = Fault(Send(client).reply);
        std::_Exit(fault.detail.find("no thread for it") != std::string::npos ? 0 : 1);
      },
      khs::testing::ExitedWell, "");
}

}  // namespace
}  // namespace khs::http
