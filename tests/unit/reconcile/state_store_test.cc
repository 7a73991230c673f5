#include "reconcile/state_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <set>

namespace khs::reconcile {
namespace {

using connect::TargetState;

namespace fs = std::filesystem;
using Written = std::map<std::string, std::string>;

class StateStoreTest : public testing::Test {
 protected:
  StateStoreTest() {
    std::string name = (fs::temp_directory_path() / "khs-state-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
  }
  ~StateStoreTest() override { fs::remove_all(root_); }

  StateStore::Connectors LoadAnew() {
    StateStore store(root_);
    troubles_ = store.Load();
    return store.connectors();
  }

  fs::path root_;
  std::vector<std::string> troubles_;
};

const Written kConfig{{"name", "a"},
                      {"topics", "t,u"},
                      {"value.converter", "StringConverter"},
                      {"value.converter.schemas.enable", "false"},
                      {"callback.request.headers", "{\"A\":\"tab\\t and \\\"quotes\\\"\"}"},
                      {"odd", "line\nbreak, \\ and \x01 and \xc3\xa9 '''"}};

TEST_F(StateStoreTest, LoadsWhatWasStored) {
  StateStore store(root_);
  EXPECT_TRUE(store.Load().empty());
  EXPECT_FALSE(store.Put("a", {kConfig, TargetState::kPaused}));
  EXPECT_FALSE(store.Put("of a file", {std::nullopt, TargetState::kStopped}));
  EXPECT_EQ(LoadAnew(), store.connectors());
  EXPECT_TRUE(troubles_.empty());
  EXPECT_EQ(LoadAnew().at("a").config, kConfig);
  EXPECT_FALSE(store.Put("a", {kConfig, TargetState::kStarted}));
  EXPECT_FALSE(store.Remove("of a file"));
  EXPECT_EQ(LoadAnew(), (StateStore::Connectors{{"a", {kConfig, TargetState::kStarted}}}));
  EXPECT_FALSE(store.Remove("of a file"));
}

TEST_F(StateStoreTest, EveryNameHasItsOwnFileInTheDirectory) {
  const std::vector<std::string> names{"../x",
                                       "a/b",
                                       "a",
                                       "A",
                                       ".",
                                       "..",
                                       ".hidden",
                                       "CON",
                                       "x.toml",
                                       "\xf0\x9f\x98\x80",
                                       "%2F",
                                       "/",
                                       std::string(300, 'x'),
                                       std::string(300, 'x') + "y",
                                       std::string(300, 'X')};
  StateStore store(root_ / "made");
  EXPECT_TRUE(store.Load().empty());
  std::set<std::string> files;
  for (const std::string& name : names) {
    EXPECT_FALSE(store.Put(name, {Written{{"name", name}}, TargetState::kStarted})) << name;
    files.insert(StateFileName(name));
    EXPECT_LE(StateFileName(name).size(), 255u);
  }
  EXPECT_EQ(files.size(), names.size());
  StateStore again(root_ / "made");
  EXPECT_TRUE(again.Load().empty());
  EXPECT_EQ(again.connectors(), store.connectors());
  size_t there = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(root_ / "made")) ++there;
  EXPECT_EQ(there, names.size());
}

TEST_F(StateStoreTest, RenamesADamagedFileAndLoadsTheOthers) {
  StateStore store(root_);
  EXPECT_FALSE(store.Put("good", {kConfig, TargetState::kStarted}));
  std::ofstream(root_ / "half.toml") << "name = \"ha";
  std::ofstream(root_ / "nothing.toml") << "";
  std::ofstream(root_ / "left-over.toml.new") << "name = \"x\"";
  EXPECT_EQ(LoadAnew(), store.connectors());
  EXPECT_EQ(troubles_.size(), 2u);
  EXPECT_TRUE(fs::exists(root_ / "half.toml.damaged"));
  EXPECT_FALSE(fs::exists(root_ / "half.toml"));
  EXPECT_FALSE(fs::exists(root_ / "left-over.toml.new"));
  LoadAnew();
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(StateStoreTest, EscapesValues) {
  StateStore store(root_);
  for (const char* value : {"\n'''\n", "\nfirst", "a\nb", "'''", "\"\"\"\n", "\t", "\\", "'"}) {
    EXPECT_FALSE(store.Put("a", {Written{{"k", value}}, TargetState::kStarted})) << value;
    EXPECT_EQ(LoadAnew().at("a").config->at("k"), value);
    EXPECT_TRUE(troubles_.empty());
  }
}

TEST_F(StateStoreTest, RefusesWhatCouldNotBeLoadedAgain) {
  StateStore store(root_);
  EXPECT_TRUE(store.Put("a", {Written{{"k", std::string(2u << 20, 'x')}}, TargetState::kStarted}));
  std::string deep = "a";
  for (int i = 0; i < 200; ++i) deep += ".a";
  if (store.Put("b", {Written{{"k", deep}}, TargetState::kStarted})) {
    EXPECT_TRUE(LoadAnew().empty());
  } else {
    EXPECT_EQ(LoadAnew().at("b").config->at("k"), deep);
  }
}

TEST_F(StateStoreTest, IgnoresACopyUnderAnotherFileName) {
  StateStore store(root_);
  EXPECT_FALSE(store.Put("a", {kConfig, TargetState::kStarted}));
  fs::copy_file(root_ / StateFileName("a"), root_ / "copy.toml");
  EXPECT_EQ(LoadAnew(), store.connectors());
  EXPECT_EQ(troubles_.size(), 1u);
  EXPECT_FALSE(store.Remove("a"));
  EXPECT_TRUE(LoadAnew().empty());
}

TEST_F(StateStoreTest, ReportsAReadOnlyDirectoryAtOnce) {
  ASSERT_EQ(::chmod(root_.c_str(), 0555), 0);
  const uid_t user = ::geteuid();
  // Root ignores permissions.
  ASSERT_EQ(::seteuid(user == 0 ? 65532 : user), 0);
  LoadAnew();
  ASSERT_EQ(::seteuid(user), 0);
  ASSERT_EQ(troubles_.size(), 1u);
  EXPECT_EQ(troubles_[0], root_.string() + ": nothing can be stored here: Permission denied");
}

TEST_F(StateStoreTest, AFullDiskChangesNothing) {
  StateStore store("/dev/full/state");
  EXPECT_EQ(store.Load().size(), 1u);
  const auto failure = store.Put("a", {kConfig, TargetState::kStarted});
  ASSERT_TRUE(failure);
  EXPECT_NE(failure->find("/dev/full/state"), std::string::npos) << *failure;
  EXPECT_TRUE(store.connectors().empty());
}

TEST_F(StateStoreTest, AFailedWriteKeepsThePreviousState) {
  StateStore store(root_);
  EXPECT_FALSE(store.Put("a", {kConfig, TargetState::kStarted}));
  // A rename over a directory always fails.
  fs::create_directory(root_ / (StateFileName("a") + ".new"));
  EXPECT_TRUE(store.Put("a", {kConfig, TargetState::kStopped}));
  EXPECT_EQ(store.connectors().at("a").target_state, TargetState::kStarted);
  EXPECT_EQ(LoadAnew().at("a").target_state, TargetState::kStarted);
}

TEST(StateStore, KeepsTheStateInMemoryWithoutADirectory) {
  StateStore store("");
  EXPECT_TRUE(store.Load().empty());
  EXPECT_FALSE(store.Put("a", {kConfig, TargetState::kStarted}));
  EXPECT_EQ(store.connectors().size(), 1u);
  EXPECT_FALSE(store.Remove("a"));
  EXPECT_TRUE(store.connectors().empty());
}

}  // namespace
}  // namespace khs::reconcile
