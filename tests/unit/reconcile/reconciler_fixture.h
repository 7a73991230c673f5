#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <list>
#include <thread>

#include "reconcile/reconciler.h"
#include "unit/task/fakes.h"

namespace khs::reconcile {

// A reconciler on a real directory, whose connectors use fakes. Tests wait for metrics or for calls
// of the fakes.
class ReconcilerTest : public ::testing::Test {
 protected:
  ReconcilerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "khs-reconciler-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    directory_ = root_ / "connectors";
    std::filesystem::create_directory(directory_);
    std::filesystem::create_directory(root_ / "secrets");
    settings_.definitions.directory = directory_;
    settings_.definitions.secrets_dirs = {root_ / "secrets"};
    settings_.debounce = std::chrono::milliseconds(10);
    settings_.shutdown_grace = std::chrono::seconds(5);
  }
  ~ReconcilerTest() override {
    endpoint_.Cork(false);
    if (reconciler_) {
      reconciler_->RequestStop();
      runner_.join();
    }
    std::filesystem::remove_all(root_);
  }

  void Start() {
    Connections connections{
        [this](const config::ConnectorConfig& config, int) {
          const std::lock_guard lock(made_.mutex);
          if (fail_sources_) throw std::runtime_error("no consumer can be made");
          urls_.push_back(config.name + " " + config.endpoint.url.Reveal());
          made_.changed.notify_all();
          testing::SourceLog& log = logs_.emplace_back();
          log.events.push_back(task::Assigned{{{"t", 0}}});
          return std::make_unique<testing::FakeSource>(log);
        },
        [this](const config::ConnectorConfig&) {
          if (fail_endpoints_) throw std::runtime_error("no endpoint can be made");
          return std::make_unique<testing::FakeEndpoint>(
              endpoint_, [this](const auto&) -> delivery::Reply {
                return delivery::HttpReply{
                    200, flagged_ ? std::optional<bool>(!good_) : std::nullopt, {}};
              });
        },
        [this](const config::ConnectorConfig& config, const task::Route* before) {
          if (before != nullptr) {
            const std::lock_guard lock(made_.mutex);
            applied_.push_back(config.endpoint.url.Reveal());
            made_.changed.notify_all();
          }
          return testing::FakeRoute();
        },
        [](const config::ConnectorConfig&, int) { return nullptr; },
        [this] {
          const std::lock_guard lock(made_.mutex);
          return descriptors_;
        }};
    reconciler_ = std::make_unique<Reconciler>(
        settings_, connections,
        [](const config::ConnectorConfig& config) {
          std::vector<Objection> objections;
          if (config.endpoint.url.Reveal() == "http://objected/") {
            objections.push_back({"callback.request.url", "somebody objects"});
          }
          return objections;
        },
        [] { return 0.0; }, clock_, registry_);
    runner_ = std::thread([this] { reconciler_->Run(); });
  }
  // Writes the file atomically.
  void Write(const std::string& stem, const std::string& url, const std::string& more = "") {
    std::ofstream(root_ / "new") << "topics = \"t\"\ncallback.request.url = \"" << url << "\"\n"
                                 << more;
    std::filesystem::rename(root_ / "new", directory_ / (stem + ".toml"));
  }
  void WriteSecret(const std::string& name, const std::string& value) {
    std::ofstream(root_ / "new") << value;
    std::filesystem::rename(root_ / "new", root_ / "secrets" / name);
  }
  std::string InSecrets(const std::string& name) {
    return "${file:" + (root_ / "secrets" / name).string() + "}";
  }
  bool AwaitMade(size_t count) {
    return made_.Await([&](auto&) { return urls_.size() >= count; });
  }
  bool AwaitApplied(const std::string& url) {
    return made_.Await([&](auto&) { return !applied_.empty() && applied_.back() == url; });
  }
  std::vector<std::string> Urls() {
    const std::lock_guard lock(made_.mutex);
    return urls_;
  }
  testing::SourceLog& FirstLog() {
    const std::lock_guard lock(made_.mutex);
    return logs_.front();
  }
  static bool Await(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::yield();
    }
    return false;
  }
  bool AwaitShown(const std::string& text, bool shown = true) {
    return Await([&] { return (registry_.Render().find(text) != std::string::npos) == shown; });
  }
  bool AwaitRunning(const std::string& name) {
    return AwaitShown("connector_state{connector=\"" + name + R"(",state="running"} 1)");
  }
  std::optional<ConnectorView> View(const std::string& name) {
    const auto status = reconciler_->status();
    const auto found = status->connectors.find(name);
    if (found == status->connectors.end()) return std::nullopt;
    return found->second;
  }

  std::filesystem::path root_;
  std::filesystem::path directory_;
  Reconciler::Settings settings_;
  std::atomic<bool> good_{true};
  std::atomic<bool> fail_endpoints_{false};
  std::atomic<bool> flagged_{true};  // answers have a retry indicator
  testing::SourceLog made_;          // its lock guards what follows
  bool fail_sources_ = false;
  DescriptorUse descriptors_{1'000'000, 0, 1, [] { return size_t{40}; }};
  std::vector<std::string> urls_;     // of consumers that were made
  std::vector<std::string> applied_;  // to endpoints that run
  std::list<testing::SourceLog> logs_;
  testing::EndpointLog endpoint_;
  const base::SystemClock clock_;
  metrics::Registry registry_{{"0", "0", "0"}};
  std::unique_ptr<Reconciler> reconciler_;
  std::thread runner_;
};

}  // namespace khs::reconcile
