#include "reconcile/reconciler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <list>
#include <thread>

#include "unit/task/fakes.h"

namespace khs::reconcile {
namespace {

namespace fs = std::filesystem;

// A reconciler on a real directory, whose connectors reach fakes.
class ReconcilerTest : public ::testing::Test {
 protected:
  ReconcilerTest() {
    std::string name = (fs::temp_directory_path() / "khs-reconciler-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~ReconcilerTest() override {
    if (reconciler_) {
      reconciler_->RequestStop();
      runner_.join();
    }
    fs::remove_all(directory_);
  }

  void Start() {
    Connections connections{[this](const config::ConnectorConfig& config) {
                              const std::lock_guard lock(made_.mutex);
                              urls_.push_back(config.name + " " + config.endpoint.url.Reveal());
                              made_.changed.notify_all();
                              testing::SourceLog& log = logs_.emplace_back();
                              log.events.push_back(task::Assigned{{{"t", 0}}});
                              return std::make_unique<testing::FakeSource>(log);
                            },
                            [this](const config::ConnectorConfig&) {
                              return std::make_unique<testing::FakeEndpoint>(
                                  endpoint_, [](const auto&) {
                                    return delivery::HttpReply{200, false, {}};
                                  });
                            },
                            [](const config::ConnectorConfig&, int) { return nullptr; }};
    reconciler_ = std::make_unique<Reconciler>(
        Reconciler::Settings{directory_, std::chrono::seconds(5), {}, {}}, connections, clock_,
        registry_);
    runner_ = std::thread([this] { reconciler_->Run(); });
  }
  void Write(const std::string& stem, const std::string& url) {
    std::ofstream(directory_ / (stem + ".toml"))
        << "topics = \"t\"\ncallback.request.url = \"" << url << "\"\n";
  }
  bool AwaitMade(size_t count) {
    return made_.Await([&](auto&) { return urls_.size() >= count; });
  }
  std::vector<std::string> Urls() {
    const std::lock_guard lock(made_.mutex);
    return urls_;
  }
  bool AwaitShown(const std::string& text, bool shown = true) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      if ((registry_.Render().find(text) != std::string::npos) == shown) return true;
      std::this_thread::yield();
    }
    return false;
  }

  fs::path directory_;
  testing::SourceLog made_;  // its lock guards what follows
  std::vector<std::string> urls_;
  std::list<testing::SourceLog> logs_;
  testing::EndpointLog endpoint_;
  const base::SystemClock clock_;
  metrics::Registry registry_{{"0", "0", "0"}};
  std::unique_ptr<Reconciler> reconciler_;
  std::thread runner_;
};

TEST_F(ReconcilerTest, StartsChangesAndStopsWhatTheDirectorySays) {
  Write("a", "http://one/");
  Write("b", "http://b/");
  Start();
  ASSERT_TRUE(AwaitMade(2));
  Write("a", "http://two/");
  reconciler_->RequestRescan();
  ASSERT_TRUE(AwaitMade(3));
  EXPECT_EQ(Urls().back(), "a http://two/");
  fs::remove(directory_ / "b.toml");
  reconciler_->RequestRescan();
  EXPECT_TRUE(AwaitShown("connector=\"b\"", false));
  EXPECT_EQ(Urls().size(), 3u);  // nothing else was touched
}

TEST_F(ReconcilerTest, KeepsTheLastGoodDefinitionAndShowsThatTheNewestIsInvalid) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitShown(R"(connector_state{connector="a",state="running"} 1)"));
  Write("a", "not a url");
  reconciler_->RequestRescan();
  EXPECT_TRUE(AwaitShown(R"(connector_invalid{connector="a"} 1)"));
  EXPECT_TRUE(AwaitShown(R"(connector_state{connector="a",state="running"} 1)"));
  EXPECT_TRUE(AwaitShown(R"(config_files{status="invalid"} 1)"));
}

TEST_F(ReconcilerTest, ShowsANewInvalidDefinitionAsFailedUntilItIsMended) {
  Write("a", "nonsense");
  Start();
  ASSERT_TRUE(AwaitShown(R"(connector_state{connector="a",state="failed"} 1)"));
  Write("a", "http://one/");
  reconciler_->RequestRescan();
  EXPECT_TRUE(AwaitShown(R"(connector_state{connector="a",state="running"} 1)"));
  EXPECT_TRUE(AwaitShown(R"(connector_invalid{connector="a"} 0)"));
}

TEST_F(ReconcilerTest, KeepsWhatRunsWhenTheDirectoryCannotBeRead) {
  Write("a", "http://one/");
  Start();
  ASSERT_TRUE(AwaitShown(R"(connector_state{connector="a",state="running"} 1)"));
  fs::rename(directory_, directory_.string() + ".away");
  reconciler_->RequestRescan();
  fs::rename(directory_.string() + ".away", directory_);
  Write("b", "http://b/");
  reconciler_->RequestRescan();
  EXPECT_TRUE(AwaitShown(R"(connector_state{connector="b",state="running"} 1)"));
  EXPECT_EQ(Urls(), (std::vector<std::string>{"a http://one/", "b http://b/"}));
}

TEST_F(ReconcilerTest, DrainsOnceForEveryCallerAndStartsNothingAfterwards) {
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
