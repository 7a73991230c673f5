#include <gmock/gmock.h>

#include <sstream>
#include <string>
#include <vector>

#include "unit/reconcile/reconciler_fixture.h"

namespace khs::reconcile {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WarningsTest : public ReconcilerTest {
 protected:
  WarningsTest() { ::testing::internal::CaptureStderr(); }
  ~WarningsTest() override {
    if (capturing_) ::testing::internal::GetCapturedStderr();
  }

  // Stops the reconciler and returns the log lines about a missing indicator.
  std::vector<std::string> Logged() {
    reconciler_->RequestStop();
    runner_.join();
    reconciler_.reset();
    std::istringstream log(::testing::internal::GetCapturedStderr());
    capturing_ = false;
    std::vector<std::string> lines;
    for (std::string line; std::getline(log, line);) {
      if (line.find("endpoint answers 2xx without the retry indicator") != std::string::npos) {
        lines.push_back(line);
      }
    }
    return lines;
  }
  bool AwaitAnswered(int count) {
    return AwaitShown("responses_without_indicator_total{connector=\"f\"} " +
                      std::to_string(count) + "\n");
  }
  std::vector<std::string> Warnings() { return View("f")->status.warnings; }

 private:
  bool capturing_ = true;
};

TEST_F(WarningsTest, AMissingIndicatorIsLoggedOncePerConnectorAndDefinition) {
  flagged_ = false;
  Write("f", "http://f/", "tasks.max = 2\nretry.backoff.sec = [300, 300]\n");
  Start();
  ASSERT_TRUE(AwaitMade(2));
  ASSERT_TRUE(AwaitRunning("f"));
  EXPECT_TRUE(AwaitShown("responses_without_indicator_total{connector=\"f\"} 0\n"));
  EXPECT_THAT(Warnings(), IsEmpty());
  for (testing::SourceLog& log : logs_) {
    delivery::Record record;
    record.topic_partition = {"t", 0};
    record.value = "v";
    log.Send(task::Records{record});
  }
  ASSERT_TRUE(AwaitAnswered(2));
  ASSERT_TRUE(Await([this] { return !Warnings().empty(); }));
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("response.retry.indicator = \"optional\"")));
  // A new definition retries waiting records at once.
  Write("f", "http://f/", "tasks.max = 2\nretry.backoff.sec = [60]\n");
  ASSERT_TRUE(AwaitAnswered(4));
  EXPECT_TRUE(Await([this] {
    const auto warnings = Warnings();
    return warnings.size() == 1 && warnings[0].find("about 60 s") != std::string::npos;
  }));
  Write("f", "http://f/", "tasks.max = 2\nresponse.retry.indicator = \"optional\"\n");
  EXPECT_TRUE(AwaitShown("records_delivered_total{connector=\"f\",topic=\"t\"} 2\n"));
  EXPECT_TRUE(Await([this] { return Warnings().empty(); }));
  EXPECT_THAT(Logged(),
              ElementsAre(HasSubstr("each record is retried for about 600 s, then dropped"),
                          HasSubstr("each record is retried for about 60 s, then dropped")));
}

}  // namespace
}  // namespace khs::reconcile
