#include <gtest/gtest.h>

#include <filesystem>

#include "unit/reconcile/reconciler_fixture.h"

namespace khs::reconcile {
namespace {

using connect::RunState;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

TEST_F(ReconcilerTest, FollowsTheDirectory) {
  Write("a", "http://one/");
  Write("b", "http://b/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  ASSERT_TRUE(AwaitRunning("b"));
  Write("c", "http://c/");
  ASSERT_TRUE(AwaitRunning("c"));
  fs::remove(directory_ / "b.toml");
  EXPECT_TRUE(AwaitShown("connector=\"b\"", false));
  EXPECT_EQ(Urls().size(), 3u);  // nothing else was touched
  EXPECT_TRUE(AwaitShown(R"(config_watch_mode{mode="inotify"} 1)"));
}

TEST_F(ReconcilerTest, IsNotStartedBeforeTheDirectoryWasReadAndSaysWhy) {
  fs::remove(directory_);
  Start();
  ASSERT_TRUE(Await([this] { return reconciler_->readiness().started; }));  // REST answers
  EXPECT_EQ(reconciler_->readiness().starting(),
            directory_.string() + " cannot be read: No such file or directory");
  EXPECT_FALSE(reconciler_->readiness().ready());
  fs::create_directory(directory_);
  ASSERT_TRUE(Await([this] { return reconciler_->readiness().starting().empty(); }));
  fs::remove(directory_);
  EXPECT_TRUE(Await([this] { return !reconciler_->status()->scan_error.empty(); }));
  EXPECT_EQ(reconciler_->readiness().starting(), "");  // it was read, and what runs goes on
}

// Each connector needs 14 of 35 descriptors.
TEST_F(ReconcilerTest, RefusesAConnectorWithoutDescriptorsAndStartsItLater) {
  descriptors_.limit = 100;
  descriptors_.reserved = 25;
  for (const char* name : {"a", "b", "c"}) Write(name, "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  ASSERT_TRUE(AwaitRunning("b"));
  ASSERT_TRUE(AwaitShown("connectors_refused 1"));
  ASSERT_TRUE(Await([&] { return View("c") && !View("c")->status.trace.empty(); }));
  EXPECT_EQ(View("c")->status.state, RunState::kFailed);
  EXPECT_TRUE(View("c")->status.tasks.empty());
  EXPECT_NE(View("c")->status.trace.find("the limit is 100, of which 25 are reserved"),
            std::string::npos)
      << View("c")->status.trace;
  EXPECT_EQ(reconciler_->readiness().starting(), "");
  EXPECT_EQ(Urls().size(), 2u);
  fs::remove(directory_ / "a.toml");
  ASSERT_TRUE(AwaitRunning("c"));
  EXPECT_TRUE(AwaitShown("connectors_refused 0"));
  EXPECT_EQ(View("c")->status.trace, "");
}

// It does not stop another connector for it.
TEST_F(ReconcilerTest, RefusesMoreTasksWithoutDescriptorsAndAddsThemLater) {
  descriptors_.limit = 100;
  descriptors_.reserved = 25;
  for (const char* name : {"a", "b"}) Write(name, "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  ASSERT_TRUE(AwaitRunning("b"));
  Write("a", "http://two/", "tasks.max = 2\n");
  ASSERT_TRUE(AwaitShown("connectors_refused 1"));
  ASSERT_TRUE(Await([&] { return View("a") && !View("a")->status.trace.empty(); }));
  EXPECT_NE(View("a")->status.trace.find("the last good one stays in use"), std::string::npos)
      << View("a")->status.trace;
  EXPECT_EQ(View("a")->status.state, RunState::kRunning);
  EXPECT_LT(View("a")->status.observed_generation, View("a")->status.generation);
  EXPECT_EQ(View("b")->status.state, RunState::kRunning);
  EXPECT_EQ(Urls().size(), 2u);
  fs::remove(directory_ / "b.toml");
  ASSERT_TRUE(AwaitMade(3));
  EXPECT_TRUE(AwaitApplied("http://two/"));
  EXPECT_TRUE(AwaitShown("connectors_refused 0"));
  EXPECT_TRUE(Await([&] { return View("a")->status.trace.empty(); }));
}

TEST_F(ReconcilerTest, DropsARefusedChangeThatIsReverted) {
  descriptors_.limit = 100;
  descriptors_.reserved = 25;
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  Write("a", "http://one/", "tasks.max = 9\n");
  ASSERT_TRUE(AwaitShown("connectors_refused 1"));
  Write("a", "http://one/");
  EXPECT_TRUE(AwaitShown("connectors_refused 0"));
  EXPECT_TRUE(AwaitRunning("a"));
}

TEST_F(ReconcilerTest, DropsTheRefusalOfARemovedConnector) {
  descriptors_.limit = 60;
  descriptors_.reserved = 15;
  Write("a", "http://one/");
  Write("b", "http://one/");
  Start();
  ASSERT_TRUE(AwaitShown("connectors_refused 2"));
  fs::remove(directory_ / "a.toml");
  EXPECT_TRUE(AwaitShown("connectors_refused 1"));
  EXPECT_TRUE(AwaitShown("connector=\"a\"", false));
}

TEST_F(ReconcilerTest, StopsTheLastConnectorsWhenTheLimitFalls) {
  descriptors_.limit = 100;
  descriptors_.reserved = 25;
  Write("a", "http://one/");
  Write("b", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  ASSERT_TRUE(AwaitRunning("b"));
  const auto set_limit = [this](size_t limit) {
    const std::lock_guard lock(made_.mutex);
    descriptors_.limit = limit;
  };
  set_limit(90);
  Write("unrelated", "not a url");  // so that it looks
  EXPECT_TRUE(AwaitShown(R"(connector_state{connector="b",state="failed"} 1)"));
  EXPECT_TRUE(AwaitShown("connectors_refused 1"));
  EXPECT_TRUE(AwaitRunning("a"));
  set_limit(100);
  EXPECT_TRUE(AwaitRunning("b"));  // nobody tells that there are more
}

TEST_F(ReconcilerTest, HasStartedWithAnEmptyDirectory) {
  Start();
  EXPECT_TRUE(Await([this] { return reconciler_->readiness().started; }));
  EXPECT_EQ(reconciler_->readiness().starting(), "");
}

TEST_F(ReconcilerTest, AppliesAChangeThatNeedsNoNewConsumer) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  Write("a", "http://two/");
  EXPECT_TRUE(AwaitApplied("http://two/"));
  EXPECT_TRUE(AwaitShown(R"(target_host="two")"));
  EXPECT_TRUE(AwaitShown(R"(target_host="one")", false));
  EXPECT_EQ(Urls().size(), 1u);
  EXPECT_FALSE(FirstLog().left);
}

TEST_F(ReconcilerTest, RestartsForAChangeThatNeedsANewConsumer) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  Write("a", "http://one/", "delivery.ordering = \"key\"\n");
  ASSERT_TRUE(AwaitMade(2));
  EXPECT_TRUE(FirstLog().left);
  EXPECT_TRUE(AwaitShown(R"(connector_restarts_total{connector="a",reason="config"} 1)"));
  EXPECT_TRUE(AwaitRunning("a"));
}

TEST_F(ReconcilerTest, RunsTheLastGoodDefinitionAndShowsWhyTheNewestIsInvalid) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  Write("a", "not a url");
  EXPECT_TRUE(AwaitShown(R"(connector_invalid{connector="a"} 1)"));
  EXPECT_TRUE(AwaitShown(R"(connector_state{connector="a",state="running"} 1)"));
  EXPECT_TRUE(AwaitShown(R"(config_files{status="invalid"} 1)"));
  EXPECT_TRUE(AwaitShown("config_last_reload_successful 0"));
  ASSERT_TRUE(Await([&] { return View("a") && View("a")->invalid; }));
  const ConnectorView view = *View("a");
  EXPECT_EQ(view.status.generation, 2u);
  EXPECT_EQ(view.status.observed_generation, 1u);
  EXPECT_EQ(view.status.state, RunState::kRunning);
  EXPECT_NE(view.status.trace.find("a.toml:2:1: error: callback.request.url:"), std::string::npos)
      << view.status.trace;
  Write("a", "http://three/");
  EXPECT_TRUE(AwaitApplied("http://three/"));
  EXPECT_TRUE(AwaitShown(R"(connector_invalid{connector="a"} 0)"));
  EXPECT_TRUE(Await([&] { return View("a")->status.observed_generation == 3; }));
}

TEST_F(ReconcilerTest, RejectsWhatOnlyClientsCanCheckBeforeItStopsAnything) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  Write("a", "http://objected/", "tasks.max = 2\n");
  EXPECT_TRUE(AwaitShown(R"(connector_invalid{connector="a"} 1)"));
  ASSERT_TRUE(Await([&] { return View("a")->invalid; }));
  EXPECT_NE(
      View("a")->status.trace.find("a.toml:2:1: error: callback.request.url: somebody objects"),
      std::string::npos)
      << View("a")->status.trace;
  EXPECT_EQ(Urls().size(), 1u);
}

TEST_F(ReconcilerTest, ShowsANewInvalidDefinitionAsFailedUntilItIsFixed) {
  Write("a", "nonsense");
  Start();
  ASSERT_TRUE(AwaitShown(R"(connector_state{connector="a",state="failed"} 1)"));
  Write("a", "http://one/");
  EXPECT_TRUE(AwaitRunning("a"));
  EXPECT_TRUE(AwaitShown(R"(connector_invalid{connector="a"} 0)"));
}

TEST_F(ReconcilerTest, AChangedDefinitionRestartsAFailedConnector) {
  good_ = false;
  Write("a", "http://one/", "exception.strategy = \"STOP_TASK\"\n");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  delivery::Record record;
  record.topic_partition = {"t", 0};
  FirstLog().Send(task::Records{record});
  ASSERT_TRUE(AwaitShown(R"(connector_state{connector="a",state="failed"} 1)"));
  good_ = true;
  Write("a", "http://two/", "exception.strategy = \"STOP_TASK\"\n");
  EXPECT_TRUE(AwaitMade(2));
  EXPECT_TRUE(AwaitRunning("a"));
  EXPECT_TRUE(AwaitShown(R"(tasks_stopped{connector="a"} 0)"));
}

TEST_F(ReconcilerTest, ASlowDrainDelaysNoOtherConnector) {
  settings_.shutdown_grace = 60s;
  endpoint_.Cork(true);
  Write("slow", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("slow"));
  delivery::Record record;
  record.topic_partition = {"t", 0};
  FirstLog().Send(task::Records{record});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  Write("slow", "http://one/", "delivery.ordering = \"key\"\n");
  ASSERT_TRUE(AwaitShown(R"(connector_state{connector="slow",state="restarting"} 1)"));
  Write("b", "http://b/");
  EXPECT_TRUE(AwaitRunning("b"));
  EXPECT_FALSE(FirstLog().left);
  // The definition changes again during the drain.
  Write("slow", "http://two/");
  ASSERT_TRUE(Await([&] { return View("slow")->status.generation == 3; }));
  endpoint_.Cork(false);
  EXPECT_TRUE(AwaitRunning("slow"));
  EXPECT_TRUE(Await([&] { return Urls().back() == "slow http://two/"; }));
  EXPECT_EQ(Urls().size(), 3u);
}

TEST_F(ReconcilerTest, RetriesAFailedStart) {
  fail_sources_ = true;
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitShown(R"(connector_state{connector="a",state="failed"} 1)"));
  {
    const std::lock_guard lock(made_.mutex);
    fail_sources_ = false;
  }
  EXPECT_TRUE(AwaitRunning("a"));
  EXPECT_TRUE(AwaitShown(R"(connector_restarts_total{connector="a",reason="error"} 1)"));
}

TEST_F(ReconcilerTest, RemovesAllConnectorsOnlyAfterTheVanishWait) {
  settings_.definitions.vanish_wait = 400ms;
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  fs::rename(directory_ / "a.toml", root_ / "away");
  reconciler_->RequestRescan();
  reconciler_->RequestRescan();
  fs::rename(root_ / "away", directory_ / "a.toml");
  Write("b", "http://b/");
  ASSERT_TRUE(AwaitRunning("b"));
  EXPECT_EQ(Urls().size(), 2u);
  fs::remove(directory_ / "a.toml");
  fs::remove(directory_ / "b.toml");
  EXPECT_TRUE(AwaitShown("connector_state", false));
}

TEST_F(ReconcilerTest, KeepsConnectorsWhenTheDirectoryCannotBeRead) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  fs::rename(directory_, root_ / "away");
  EXPECT_TRUE(AwaitShown(R"(config_reloads_total{outcome="failed"} 0)", false));
  fs::rename(root_ / "away", directory_);
  Write("b", "http://b/");
  EXPECT_TRUE(AwaitRunning("b"));
  EXPECT_EQ(Urls(), (std::vector<std::string>{"a http://one/", "b http://b/"}));
}

TEST_F(ReconcilerTest, AppliesAChangedSecretLikeAnEdit) {
  WriteSecret("path", "first");
  Write("a", "http://one/" + InSecrets("path"));
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  EXPECT_EQ(Urls().back(), "a http://one/first");
  WriteSecret("path", "second");
  EXPECT_TRUE(AwaitApplied("http://one/second"));
  EXPECT_EQ(Urls().size(), 1u);
  // An empty file keeps the last good definition.
  WriteSecret("path", "");
  EXPECT_TRUE(AwaitShown(R"(connector_invalid{connector="a"} 1)"));
  EXPECT_TRUE(AwaitShown(R"(connector_state{connector="a",state="running"} 1)"));
  WriteSecret("path", "third");
  EXPECT_TRUE(AwaitApplied("http://one/third"));
}

TEST_F(ReconcilerTest, RestartsForAChangedSecretOfTheConsumer) {
  WriteSecret("id", "first");
  Write("a", "http://one/", "consumer.override.client.id = \"" + InSecrets("id") + "\"\n");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  WriteSecret("id", "second");
  EXPECT_TRUE(AwaitMade(2));
  EXPECT_TRUE(AwaitShown(R"(connector_restarts_total{connector="a",reason="secret"} 1)"));
}

TEST_F(ReconcilerTest, RenewsCredentialsWithoutLeavingTheGroup) {
  WriteSecret("password", "first");
  settings_.definitions.kafka = {{"sasl.username", "u"}, {"sasl.password", InSecrets("password")}};
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitRunning("a"));
  WriteSecret("password", "second");
  EXPECT_TRUE(FirstLog().Await([](testing::SourceLog& log) {
    return log.credentials == task::Credentials{"u", "second"};
  }));
  EXPECT_EQ(Urls().size(), 1u);
}

TEST_F(ReconcilerTest, DrainsOnceForAllCallersAndStartsNothingAfterwards) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitMade(1));
  EXPECT_TRUE(reconciler_->Drain());
  EXPECT_TRUE(reconciler_->Drain());
  EXPECT_TRUE(reconciler_->readiness().draining);
  Write("b", "http://b/");
  reconciler_->RequestRescan();
  EXPECT_FALSE(reconciler_->readiness().ready());
  EXPECT_EQ(Urls().size(), 1u);
}

}  // namespace
}  // namespace khs::reconcile
