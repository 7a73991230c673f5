#include "reconcile/definition_source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace khs::reconcile {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using metrics::ReloadOutcome;

// Scans a real directory at times that the test chooses.
class DefinitionSourceTest : public testing::Test {
 protected:
  DefinitionSourceTest() {
    std::string name = (fs::temp_directory_path() / "khs-source-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    fs::create_directory(root_ / "connectors");
    settings_.directory = root_ / "connectors";
    settings_.secrets_dirs = {root_};
  }
  ~DefinitionSourceTest() override { fs::remove_all(root_); }

  DefinitionSource& Source() {
    if (!source_) {
      source_.emplace(
          settings_,
          [this](const config::ConnectorConfig&) {
            ++checks_;
            return objections_;
          },
          store_);
    }
    return *source_;
  }
  DefinitionSource::ScanResult ScanAfter(std::chrono::milliseconds time) {
    now_ += time;
    return Source().Scan(now_);
  }
  // Scans until files and then secrets have settled.
  void RunUntilStable() {
    int scans = 0;
    while (!ScanAfter(100ms).outcome) ASSERT_LT(++scans, 5);
  }
  void Write(const std::string& stem, const std::string& more = "") {
    std::ofstream(root_ / "connectors" / (stem + ".toml"))
        << "topics = \"t\"\ncallback.request.url = \"http://a/\"\n"
        << more;
  }
  void WriteFile(const std::string& name, const std::string& content) {
    std::ofstream(root_ / name) << content;
  }
  std::string Reference(const std::string& name) {
    return "${file:" + (root_ / name).string() + "}";
  }
  const DesiredConnector& At(const std::string& name) { return Source().desired().at(name); }
  std::string HeaderOf(const std::string& name) {
    return At(name).config->endpoint.headers.at(0).second.constant().Reveal();
  }

  fs::path root_;
  DefinitionSource::Settings settings_;
  std::vector<Objection> objections_;
  int checks_ = 0;
  StateStore store_{""};
  base::MonotonicTime now_{1h};
  std::optional<DefinitionSource> source_;
};

TEST_F(DefinitionSourceTest, AcceptsAPlainFileAtTheSecondScan) {
  Write("a");
  const auto first = ScanAfter(0ms);
  EXPECT_FALSE(first.outcome);
  EXPECT_EQ(first.scan_again_at, now_ + 100ms);
  EXPECT_TRUE(Source().desired().empty());
  EXPECT_EQ(ScanAfter(100ms).outcome, ReloadOutcome::kChanged);
  EXPECT_EQ(ScanAfter(30s).outcome, ReloadOutcome::kUnchanged);
  EXPECT_EQ(checks_, 1);
}

TEST_F(DefinitionSourceTest, RescansSoonWhenVanishedDefinitionsReturn) {
  Write("a");
  RunUntilStable();
  fs::rename(root_ / "connectors/a.toml", root_ / "away");
  ScanAfter(1s);
  const auto doubted = ScanAfter(100ms);
  EXPECT_EQ(doubted.scan_again_at, now_ + 60s);
  fs::rename(root_ / "away", root_ / "connectors/a.toml");
  Write("a", "tasks.max = 2\n");
  const auto soon = ScanAfter(10s);
  EXPECT_EQ(soon.scan_again_at, now_ + 100ms);
  ScanAfter(100ms);
  EXPECT_EQ(At("a").config->tasks_max, 2);
}

TEST_F(DefinitionSourceTest, KeepsDefinitionsThatReturnJustBeforeTheDeadline) {
  Write("a");
  RunUntilStable();
  fs::remove(root_ / "connectors/a.toml");
  ScanAfter(1s);
  ScanAfter(100ms);
  Write("a");
  ScanAfter(60s);
  EXPECT_EQ(Source().desired().count("a"), 1u);
  ScanAfter(100ms);
  EXPECT_EQ(Source().desired().count("a"), 1u);
  // Definitions that stay away are removed.
  fs::remove(root_ / "connectors/a.toml");
  ScanAfter(1s);
  ScanAfter(100ms);
  ScanAfter(59s);
  EXPECT_EQ(Source().desired().count("a"), 1u);
  ScanAfter(1s);
  EXPECT_TRUE(Source().desired().empty());
}

TEST_F(DefinitionSourceTest, AnUnreadableDirectoryKeepsTheVanishDeadline) {
  Write("a");
  RunUntilStable();
  fs::remove(root_ / "connectors/a.toml");
  ScanAfter(1s);
  ScanAfter(100ms);
  const auto due = now_ + 60s;
  fs::rename(root_ / "connectors", root_ / "away");
  const auto failed = ScanAfter(10s);
  EXPECT_EQ(failed.outcome, ReloadOutcome::kFailed);
  EXPECT_EQ(failed.scan_again_at, due);
}

TEST_F(DefinitionSourceTest, IgnoresAHalfWrittenSecret) {
  WriteFile("token", "whole");
  Write("a", "callback.request.headers = { T = \"" + Reference("token") + "\" }\n");
  RunUntilStable();
  ASSERT_EQ(HeaderOf("a"), "whole");
  WriteFile("token", "ha");
  const auto result = ScanAfter(1s);
  EXPECT_EQ(result.scan_again_at, now_ + 100ms);
  EXPECT_EQ(HeaderOf("a"), "whole");
  WriteFile("token", "half and half");
  ScanAfter(100ms);
  EXPECT_EQ(HeaderOf("a"), "whole");
  ScanAfter(100ms);
  EXPECT_EQ(HeaderOf("a"), "half and half");
  EXPECT_EQ(At("a").newest.written.at("callback.request.headers").find("half"), std::string::npos);
}

TEST_F(DefinitionSourceTest, AMissingProcessSecretBlocksNoOtherChange) {
  WriteFile("password", "p");
  settings_.kafka = {{"sasl.password", Reference("password")}};
  Write("a");
  Write("b");
  RunUntilStable();
  ASSERT_EQ(Source().desired().size(), 2u);
  WriteFile("password", "");
  fs::remove(root_ / "connectors/b.toml");
  ScanAfter(1s);
  ScanAfter(100ms);
  const auto result = ScanAfter(100ms);
  EXPECT_EQ(result.outcome, ReloadOutcome::kFailed);
  EXPECT_NE(result.error.find("kafka.sasl.password"), std::string::npos) << result.error;
  EXPECT_EQ(Source().desired().size(), 1u);
  EXPECT_EQ(At("a").config->kafka.at("sasl.password").Reveal(), "p");
}

TEST_F(DefinitionSourceTest, IgnoresAHalfWrittenProcessSecretThatDisappears) {
  WriteFile("password", "whole");
  settings_.kafka = {{"sasl.password", Reference("password")}};
  Write("a");
  RunUntilStable();
  WriteFile("password", "ha");
  EXPECT_FALSE(ScanAfter(1s).outcome);
  WriteFile("password", "");
  ScanAfter(100ms);
  EXPECT_EQ(ScanAfter(100ms).outcome, ReloadOutcome::kFailed);
  EXPECT_EQ(At("a").config->kafka.at("sasl.password").Reveal(), "whole");
}

TEST_F(DefinitionSourceTest, ReportsAnObjectionAtThePositionOfItsKey) {
  Write("a");
  RunUntilStable();
  objections_ = {{"tasks.max", "not today"}};
  Write("a", "tasks.max = 2\n");
  ScanAfter(1s);
  EXPECT_EQ(ScanAfter(100ms).outcome, ReloadOutcome::kPartial);
  EXPECT_FALSE(At("a").newest.config);
  EXPECT_EQ(At("a").config->tasks_max, 1);
  EXPECT_EQ(config::Place(At("a").newest.problems.at(0)),
            (root_ / "connectors/a.toml").string() + ":3:1");
}

TEST_F(DefinitionSourceTest, NoticesAFileThatIsReplacedInPlace) {
  for (const std::string property : {"ssl.ca.location", "https.ca.location"}) {
    WriteFile("ca.pem", "one");
    Write("a",
          "\"consumer.override." + property + "\" = \"" + (root_ / "ca.pem").string() + "\"\n");
    ScanAfter(1s);
    RunUntilStable();
    const size_t before = At("a").config->kafka_files;
    WriteFile("ca.pem", "two");
    ScanAfter(1s);
    RunUntilStable();
    EXPECT_NE(At("a").config->kafka_files, before) << property;
  }
}

TEST_F(DefinitionSourceTest, ValidatesRestDefinitionsLikeFiles) {
  RunUntilStable();
  EXPECT_FALSE(Source().Validate("r", {{"topics", "t"}}).empty());
  const std::map<std::string, std::string> good{{"topics", "t"},
                                                {"callback.request.url", "http://r/"}};
  EXPECT_TRUE(Source().Validate("r", good).empty());
  EXPECT_FALSE(store_.Put("r", {good, connect::TargetState::kPaused}));
  Source().Refresh();
  EXPECT_EQ(At("r").newest.origin, Origin::kRest);
  EXPECT_EQ(At("r").target_state, connect::TargetState::kPaused);
  ASSERT_TRUE(At("r").config);
  // A later file of the same name is invalid.
  Write("r");
  ScanAfter(1s);
  ScanAfter(100ms);
  EXPECT_EQ(At("r").newest.origin, Origin::kRest);
  EXPECT_EQ(Source().desired().size(), 2u);
}

TEST_F(DefinitionSourceTest, ReportsAHundredObjectionsAndCountsTheRest) {
  objections_.assign(150, {"", "not today"});
  Write("a");
  ScanAfter(0ms);
  ScanAfter(100ms);
  const config::Problems& problems = At("a").newest.problems;
  ASSERT_EQ(problems.size(), 101u);
  EXPECT_EQ(problems.back().message, "and 50 more");
}

}  // namespace
}  // namespace khs::reconcile
