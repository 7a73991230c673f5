#include "reconcile/worker.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <thread>

#include "unit/reconcile/reconciler_fixture.h"
#include "watch/snapshot.h"

namespace khs::reconcile {
namespace {

using namespace std::chrono_literals;
using connect::ConfigMap;
using connect::RunState;
using connect::TargetState;
using Kind = connect::CallError::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class WorkerTest : public ReconcilerTest {
 protected:
  WorkerTest() { settings_.state_dir = root_ / "state"; }

  void Start() {
    ReconcilerTest::Start();
    GroupAccess access;
    access.list = [this](const config::ConnectorConfig& config) {
      groups_.insert(config.subscription.group);
      return connect::Result<GroupAccess::Offsets>(GroupAccess::Offsets{{"t", 0, 7}});
    };
    access.alter = [this](const config::ConnectorConfig&, const GroupAccess::Offsets& offsets) {
      altered_ = offsets.size();
      return AnswerOfGroup();
    };
    access.reset = [this](const config::ConnectorConfig&) { return AnswerOfGroup(); };
    access.cluster_id = [] { return std::string("cluster"); };
    access.broker_answers = [] { return true; };
    worker_.emplace(*reconciler_, std::move(access));
  }
  connect::Result<void> AnswerOfGroup() {
    if (active_for_ == 0) return {};
    --active_for_;
    return base::Unexpected<connect::CallError>({Kind::kStillActive, {}, {}});
  }
  // Simulates a restart of the process.
  void RestartProcess() {
    reconciler_->RequestStop();
    runner_.join();
    worker_.reset();
    Start();
    ASSERT_TRUE(Await([this] { return reconciler_->readiness().started; }));
  }
  static ConfigMap Good(const std::string& url = "http://r/") {
    return {{"topics", "t"}, {"callback.request.url", url}};
  }
  RunState StateOf(const std::string& name) {
    const auto status = worker_->Status(name);
    return status ? status->state : RunState::kUnassigned;
  }
  // Waits for the state of the connector and all its tasks.
  bool AwaitState(const std::string& name, RunState state) {
    return Await([&] {
      const auto status = worker_->Status(name);
      return status && status->state == state &&
             std::all_of(status->tasks.begin(), status->tasks.end(),
                         [state](const auto& task) { return task.state == state; });
    });
  }

  std::set<std::string> groups_;
  size_t altered_ = 0;
  int active_for_ = 0;  // so many calls find members in the group
  std::optional<ReconcilerWorker> worker_;
};

TEST_F(WorkerTest, ACreatedConnectorRunsAndSurvivesARestart) {
  Start();
  const auto info = worker_->Create("r", Good(), TargetState::kStarted);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->name, "r");
  EXPECT_EQ(info->config.at("name"), "r");
  EXPECT_THAT(info->tasks, ElementsAre(0));
  EXPECT_TRUE(AwaitState("r", RunState::kRunning));
  EXPECT_TRUE(AwaitShown(R"(origin="rest")"));
  RestartProcess();
  EXPECT_THAT(worker_->Names(), ElementsAre("r"));
  EXPECT_EQ(worker_->Info("r")->config, info->config);
  EXPECT_TRUE(AwaitState("r", RunState::kRunning));
}

// Clients of Kafka Connect's API expect the class in every configuration.
TEST_F(WorkerTest, ShowsTheDefaultClass) {
  Write("f", "http://f/");
  Write("own", "http://own/", "connector.class = \"HttpSinkConnector\"\n");
  std::ofstream(directory_ / "broken.toml") << "topics = ";
  Start();
  ASSERT_TRUE(AwaitRunning("f"));
  const auto created = worker_->Create("r", Good(), TargetState::kStarted);
  ASSERT_TRUE(created);
  EXPECT_EQ(created->config.at("connector.class"), "HttpSink");
  EXPECT_EQ(worker_->Put("p", Good())->info.config.at("connector.class"), "HttpSink");
  EXPECT_EQ(worker_->Patch("p", {{"tasks.max", "1"}})->config.at("connector.class"), "HttpSink");
  EXPECT_EQ(worker_->Info("f")->config.at("connector.class"), "HttpSink");
  EXPECT_EQ(worker_->Info("own")->config.at("connector.class"), "HttpSinkConnector");
  ASSERT_TRUE(Await([this] { return worker_->Info("broken").has_value(); }));
  EXPECT_EQ(worker_->Info("broken")->config,
            (ConfigMap{{"connector.class", "HttpSink"}, {"name", "broken"}}));
}

TEST_F(WorkerTest, APutOfTheShownConfigChangesNothing) {
  Start();
  ConfigMap config = Good();
  config["request.delay.sec"] = "0.0";
  const auto info = worker_->Create("r", config, TargetState::kStarted);
  ASSERT_TRUE(info);
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  config["connector.class"] = "HttpSink";
  config["name"] = "r";
  EXPECT_EQ(info->config, config);
  EXPECT_EQ(worker_->Put("r", info->config)->info.config, config);
  RestartProcess();
  EXPECT_EQ(worker_->Info("r")->config, config);
  EXPECT_EQ(worker_->Put("r", config)->info.config, config);
  EXPECT_EQ(worker_->Status("r")->generation, 1u);
  EXPECT_TRUE(AwaitMade(2));  // one for each start of the process
  EXPECT_EQ(Urls().size(), 2u);
}

TEST_F(WorkerTest, RejectsInvalidAndExistingConnectors) {
  Write("f", "http://f/");
  Start();
  ASSERT_TRUE(AwaitRunning("f"));
  const auto invalid = worker_->Create("r", {{"topic", "t"}}, TargetState::kStarted);
  ASSERT_FALSE(invalid);
  EXPECT_EQ(invalid.error().kind, Kind::kInvalid);
  EXPECT_EQ(invalid.error().problems.size(), 4u);  // topics and topics.regex each
  EXPECT_EQ(worker_->Create("f", Good(), TargetState::kStarted).error().kind, Kind::kExists);
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  EXPECT_EQ(worker_->Create("r", Good(), TargetState::kStarted).error().kind, Kind::kExists);
  for (const auto& outcome : {worker_->Delete("f"), worker_->Delete("nobody")}) {
    EXPECT_FALSE(outcome);
  }
  EXPECT_EQ(worker_->Put("f", Good()).error().kind, Kind::kFileDefined);
  EXPECT_THAT(worker_->Patch("f", {}).error().message, HasSubstr("f.toml"));
  EXPECT_EQ(worker_->Patch("nobody", {}).error().kind, Kind::kNotFound);
}

TEST_F(WorkerTest, ACommandWaitsUntilTheDefinitionsAreKnown) {
  Write("f", "http://f/");
  Start();
  EXPECT_EQ(worker_->Put("f", Good()).error().kind, Kind::kFileDefined);
  EXPECT_EQ(worker_->Create("f", Good(), TargetState::kStarted).error().kind, Kind::kExists);
  EXPECT_TRUE(worker_->SetTargetState("f", TargetState::kPaused));
}

TEST_F(WorkerTest, AnErrorNamesTheConnectorAndItsFile) {
  Write("f", "http://f/", "name = \"orders\"\n");
  Start();
  EXPECT_EQ(worker_->Delete("orders").error().message, "Connector orders is defined by the file " +
                                                           (directory_ / "f.toml").string() +
                                                           ": change it there");
}

TEST_F(WorkerTest, AppliesAChangeAndDeletesAtOnce) {
  Start();
  ASSERT_TRUE(worker_->Put("r", Good()));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  EXPECT_FALSE(worker_->Put("r", Good("http://other/"))->created);
  EXPECT_TRUE(AwaitApplied("http://other/"));
  ASSERT_TRUE(worker_->Patch("r", {{"tasks.max", "2"}}));
  ASSERT_TRUE(worker_->Patch("r", {{"tasks.max", std::nullopt}}));
  EXPECT_EQ(worker_->Info("r")->config.count("tasks.max"), 0u);
  ASSERT_TRUE(worker_->Delete("r"));
  EXPECT_FALSE(worker_->Status("r"));
  EXPECT_THAT(worker_->Names(), IsEmpty());
  RestartProcess();
  EXPECT_THAT(worker_->Names(), IsEmpty());
}

TEST_F(WorkerTest, AdditionalTasksJoinTheRunningOnes) {
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  ASSERT_TRUE(worker_->Patch("r", {{"tasks.max", "3"}}));
  const auto status = worker_->Status("r");
  EXPECT_EQ(status->state, RunState::kRunning);
  ASSERT_EQ(status->tasks.size(), 3u);
  EXPECT_EQ(status->tasks.at(0).state, RunState::kRunning);
  EXPECT_TRUE(AwaitState("r", RunState::kRunning));
  EXPECT_EQ(Urls().size(), 3u);  // the first consumer and two more
  EXPECT_FALSE(FirstLog().left);
  EXPECT_EQ(worker_->Status("r")->observed_generation, 2u);
}

TEST_F(WorkerTest, RetriesToAddATask) {
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  fail_endpoints_ = true;
  ASSERT_TRUE(worker_->Patch("r", {{"tasks.max", "2"}}));
  EXPECT_EQ(worker_->Status("r")->tasks.size(), 1u);
  EXPECT_EQ(worker_->Status("r")->observed_generation, 1u);
  EXPECT_TRUE(AwaitState("r", RunState::kRunning));
  fail_endpoints_ = false;
  EXPECT_THAT(worker_->Reload(), IsEmpty());
  EXPECT_EQ(worker_->Status("r")->tasks.size(), 2u);
  EXPECT_EQ(worker_->Status("r")->observed_generation, 2u);
}

TEST_F(WorkerTest, AConnectorIsRunningWhileItsTasksRestart) {
  endpoint_.Cork(true);
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  EXPECT_EQ(StateOf("r"), RunState::kRunning);  // already
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  delivery::Record record;
  record.topic_partition = {"t", 0};
  FirstLog().Send(task::Records{record});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  ASSERT_TRUE(worker_->Patch("r", {{"delivery.ordering", "key"}}));
  EXPECT_EQ(StateOf("r"), RunState::kRunning);
  EXPECT_EQ(worker_->Status("r")->tasks.at(0).state, RunState::kRestarting);
  endpoint_.Cork(false);
  ASSERT_TRUE(AwaitMade(2));
  EXPECT_TRUE(AwaitState("r", RunState::kRunning));
}

TEST_F(WorkerTest, APausedConnectorStaysInItsGroupAndAStoppedOneLeaves) {
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kPaused));
  ASSERT_TRUE(AwaitState("r", RunState::kPaused));
  ASSERT_TRUE(Await([&] { return worker_->Status("r")->tasks.at(0).state == RunState::kPaused; }));
  EXPECT_FALSE(FirstLog().left);
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStarted));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  EXPECT_EQ(Urls().size(), 1u);
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStopped));
  ASSERT_TRUE(AwaitState("r", RunState::kStopped));
  EXPECT_THAT(worker_->Status("r")->tasks, IsEmpty());
  EXPECT_THAT(worker_->Info("r")->tasks, IsEmpty());
  EXPECT_TRUE(FirstLog().Await([](auto& log) { return log.left; }));
  // Kafka Connect makes no tasks for a stopped connector that is paused.
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kPaused));
  EXPECT_EQ(StateOf("r"), RunState::kPaused);
  EXPECT_THAT(worker_->Status("r")->tasks, IsEmpty());
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStarted));
  EXPECT_TRUE(AwaitState("r", RunState::kRunning));
  EXPECT_EQ(Urls().size(), 2u);
}

TEST_F(WorkerTest, TargetStatesSurviveARestartAlsoForFiles) {
  Write("f", "http://f/");
  Write("g", "http://g/");
  Start();
  ASSERT_TRUE(AwaitRunning("f"));
  ASSERT_TRUE(worker_->SetTargetState("f", TargetState::kStopped));
  ASSERT_TRUE(worker_->SetTargetState("g", TargetState::kPaused));
  ASSERT_TRUE(AwaitState("f", RunState::kStopped));
  RestartProcess();
  EXPECT_TRUE(AwaitState("f", RunState::kStopped));
  EXPECT_TRUE(AwaitState("g", RunState::kPaused));
  // A later connector of the same name is a new one.
  std::filesystem::remove(directory_ / "f.toml");
  ASSERT_TRUE(Await([&] { return !worker_->Status("f"); }));
  Write("f", "http://f/");
  EXPECT_TRUE(AwaitState("f", RunState::kRunning));
}

TEST_F(WorkerTest, CreatesInTheInitialState) {
  Start();
  ASSERT_TRUE(worker_->Create("p", Good(), TargetState::kPaused));
  EXPECT_TRUE(AwaitState("p", RunState::kPaused));
  EXPECT_EQ(worker_->Status("p")->tasks.size(), 1u);
  ASSERT_TRUE(worker_->Create("s", Good(), TargetState::kStopped));
  EXPECT_EQ(StateOf("s"), RunState::kStopped);
  EXPECT_THAT(worker_->Info("s")->tasks, IsEmpty());
  EXPECT_EQ(worker_->Status("s")->observed_generation, 1u);
  ASSERT_TRUE(worker_->Put("s", Good("http://other/")));
  EXPECT_EQ(worker_->Status("s")->observed_generation, 2u);
}

TEST_F(WorkerTest, ARestartRestartsFailedTasksOnly) {
  good_ = false;
  ConfigMap config = Good();
  config["exception.strategy"] = "STOP_TASK";
  Start();
  ASSERT_TRUE(worker_->Create("r", config, TargetState::kStarted));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  ASSERT_TRUE(worker_->Restart("r", true, true));
  EXPECT_EQ(Urls().size(), 1u);
  delivery::Record record;
  record.topic_partition = {"t", 0};
  FirstLog().Send(task::Records{record});
  ASSERT_TRUE(Await([&] { return worker_->Status("r")->tasks.at(0).state == RunState::kFailed; }));
  EXPECT_EQ(StateOf("r"), RunState::kRunning);  // in Kafka Connect's words
  EXPECT_THAT(worker_->Status("r")->tasks.at(0).trace, HasSubstr("t[0]@0"));
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kPaused));
  EXPECT_EQ(StateOf("r"), RunState::kPaused);
  EXPECT_EQ(worker_->Status("r")->tasks.at(0).state, RunState::kFailed);
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStarted));
  EXPECT_EQ(StateOf("r"), RunState::kRunning);
  good_ = true;
  const auto status = worker_->Restart("r", true, true);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->tasks.at(0).state, RunState::kRestarting);
  EXPECT_THAT(status->tasks.at(0).trace, HasSubstr("t[0]@0"));  // of the failure before
  EXPECT_TRUE(Await([&] { return worker_->Status("r")->tasks.at(0).state == RunState::kRunning; }));
  EXPECT_TRUE(AwaitShown(R"(connector_restarts_total{connector="r",reason="api"} 1)"));
  EXPECT_EQ(worker_->RestartTask("r", 9).error().kind, Kind::kNoSuchTask);
  EXPECT_TRUE(worker_->RestartTask("r", 0));
  EXPECT_TRUE(AwaitMade(3));
}

TEST_F(WorkerTest, ShowsErrorsOfRecordsAtOnceAndAfterTheConnectorStopped) {
  good_ = false;
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  EXPECT_FALSE(worker_->Status("r")->errors.last);
  delivery::Record record;
  record.topic_partition = {"t", 0};
  record.offset = 7;
  FirstLog().Send(task::Records{record});
  ASSERT_TRUE(Await([&] { return worker_->Status("r")->errors.last.has_value(); }));
  EXPECT_EQ(worker_->Status("r")->errors.retries, 1u);
  EXPECT_EQ(worker_->Status("r")->errors.last->offset, 7);
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStopped));
  EXPECT_EQ(worker_->Status("r")->errors.last->outcome, "retried");
  ASSERT_TRUE(worker_->Delete("r"));
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStopped));
  EXPECT_FALSE(worker_->Status("r")->errors.last);
}

TEST_F(WorkerTest, ChangesOffsetsOfStoppedConnectorsOnly) {
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  EXPECT_EQ(worker_->Offsets("r")->size(), 1u);
  EXPECT_THAT(groups_, ElementsAre("connect-r"));
  EXPECT_EQ(worker_->AlterOffsets("r", {{"t", 0, 1}}).error().kind, Kind::kNotStopped);
  EXPECT_EQ(worker_->AwaitStopped("r").error().kind, Kind::kNotStopped);
  EXPECT_EQ(worker_->AlterOffsets("nobody", {}).error().kind, Kind::kNotFound);
  ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStopped));
  EXPECT_TRUE(worker_->AlterOffsets("r", {{"t", 0, 1}}));
  EXPECT_EQ(altered_, 1u);
  EXPECT_TRUE(worker_->ResetOffsets("r"));
}

TEST_F(WorkerTest, TheNextCallSeesTheResultOfTheLast) {
  Start();
  for (int round = 0; round < 25; ++round) {
    SCOPED_TRACE(round);
    ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
    ASSERT_TRUE(AwaitState("r", RunState::kRunning));
    ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kPaused));
    EXPECT_EQ(StateOf("r"), RunState::kPaused);
    ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStarted));
    EXPECT_EQ(StateOf("r"), RunState::kRunning);
    ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStopped));
    EXPECT_EQ(StateOf("r"), RunState::kStopped);
    EXPECT_TRUE(worker_->AlterOffsets("r", {{"t", 0, 1}}));
    EXPECT_TRUE(worker_->ResetOffsets("r"));
    ASSERT_TRUE(worker_->Put("r", Good("http://other/")));
    EXPECT_EQ(worker_->Info("r")->config.at("callback.request.url"), "http://other/");
    ASSERT_TRUE(worker_->SetTargetState("r", TargetState::kStarted));
    EXPECT_EQ(worker_->Status("r")->tasks.size(), 1u);
    ASSERT_TRUE(worker_->Delete("r"));
    EXPECT_FALSE(worker_->Status("r"));
  }
}

TEST_F(WorkerTest, ChangesOffsetsAsSoonAsAStoppedConnectorHasDrained) {
  endpoint_.Cork(true);
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStarted));
  ASSERT_TRUE(AwaitState("r", RunState::kRunning));
  delivery::Record record;
  record.topic_partition = {"t", 0};
  FirstLog().Send(task::Records{record});
  ASSERT_TRUE(endpoint_.AwaitReceived(1));
  std::thread caller([this] {
    EXPECT_TRUE(worker_->SetTargetState("r", TargetState::kStopped));
    EXPECT_TRUE(worker_->AlterOffsets("r", {{"t", 0, 1}}));
    EXPECT_EQ(StateOf("r"), RunState::kStopped);
  });
  ASSERT_TRUE(Await([&] { return View("r")->target_state == TargetState::kStopped; }));
  EXPECT_EQ(StateOf("r"), RunState::kRunning);
  endpoint_.Cork(false);
  caller.join();
}

TEST_F(WorkerTest, WaitsForTheGroupToBeEmptyBeforeItChangesOffsets) {
  Start();
  ASSERT_TRUE(worker_->Create("r", Good(), TargetState::kStopped));
  active_for_ = 2;
  EXPECT_TRUE(worker_->AlterOffsets("r", {{"t", 0, 1}}));
  active_for_ = 2;
  EXPECT_TRUE(worker_->ResetOffsets("r"));
  EXPECT_EQ(active_for_, 0);
}

TEST_F(WorkerTest, AFailedWriteChangesNothing) {
  settings_.state_dir = "/dev/full/state";
  Start();
  const auto refused = worker_->Create("r", Good(), TargetState::kStarted);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::kCannotStore);
  EXPECT_THAT(refused.error().message, HasSubstr("/dev/full/state"));
  EXPECT_THAT(worker_->Names(), IsEmpty());
}

TEST_F(WorkerTest, AReloadReturnsTheProblems) {
  Start();
  EXPECT_THAT(worker_->Reload(), IsEmpty());
  Write("bad", "not a url");
  EXPECT_THAT(worker_->Reload(), ElementsAre(HasSubstr("bad.toml:2:1: error:")));
}

TEST_F(WorkerTest, ConcurrentCallersGetWhatEachAskedForLast) {
  Start();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 8; ++caller) {
    callers.emplace_back([this, caller] {
      for (int i = 0; i < 5; ++i) {
        const std::string name = "c" + std::to_string(caller) + "-" + std::to_string(i);
        EXPECT_TRUE(worker_->Create(name, Good(), TargetState::kStarted));
        EXPECT_TRUE(worker_->SetTargetState(name, TargetState::kPaused));
        EXPECT_TRUE(worker_->Status(name));
        EXPECT_TRUE(worker_->SetTargetState(name, TargetState::kStarted));
        if (i % 2 == 0) {
          EXPECT_TRUE(worker_->Delete(name));
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(worker_->Names().size(), 16u);
  for (const std::string& name : worker_->Names()) {
    EXPECT_TRUE(AwaitState(name, RunState::kRunning)) << name;
  }
}

TEST_F(WorkerTest, ADrainingProcessRunsNoCommands) {
  Start();
  EXPECT_TRUE(worker_->Drain());
  EXPECT_EQ(worker_->Create("r", Good(), TargetState::kStarted).error().kind, Kind::kUnavailable);
  reconciler_->RequestStop();
  runner_.join();
  EXPECT_EQ(worker_->Delete("r").error().kind, Kind::kUnavailable);
  reconciler_.reset();
  worker_.reset();
}

TEST_F(WorkerTest, KeepsAtMostAsManyConnectorsAsFilesAreAllowed) {
  std::filesystem::create_directory(root_ / "state");
  StateStore store(root_ / "state");
  ConfigMap config = Good();
  for (size_t i = 0; i < watch::kMaxDefinitionFiles; ++i) {
    const std::string name = "r" + std::to_string(i);
    config["name"] = name;
    ASSERT_FALSE(store.Put(name, {config, connect::TargetState::kStopped}));
  }
  Start();
  const auto created = worker_->Create("more", Good(), TargetState::kStopped);
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message, HasSubstr("1000 connectors"));
  EXPECT_FALSE(worker_->Put("more", Good()));
  EXPECT_TRUE(worker_->Put("r7", Good("http://other/")));
  ASSERT_TRUE(worker_->Delete("r8"));
  EXPECT_TRUE(worker_->Put("more", Good()));
}

}  // namespace
}  // namespace khs::reconcile
