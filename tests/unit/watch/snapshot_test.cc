#include "watch/snapshot.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace khs::watch {
namespace {

namespace fs = std::filesystem;

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() {
    std::string name = (fs::temp_directory_path() / "khs-snapshot-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~SnapshotTest() override { fs::remove_all(directory_); }

  void Write(const fs::path& name, const std::string& content) {
    std::ofstream(directory_ / name) << content;
  }
  std::vector<std::string> Stems() {
    std::vector<std::string> stems;
    for (const DefinitionFile& file : ReadDirectory(directory_).files) stems.push_back(file.stem);
    return stems;
  }

  fs::path directory_;
};

using Texts = std::vector<std::string>;

TEST_F(SnapshotTest, HoldsEveryTomlFileThatDoesNotStartWithADot) {
  Write("b.toml", "2");
  Write("a.toml", "1");
  Write(".hidden.toml", "x");
  Write("notes.txt", "x");
  Write("c.toml~", "x");
  const Snapshot snapshot = ReadDirectory(directory_);
  EXPECT_EQ(snapshot.error, "");
  ASSERT_EQ(snapshot.files.size(), 2u);
  EXPECT_EQ(snapshot.files[0].stem, "a");
  EXPECT_EQ(snapshot.files[0].content, "1");
  EXPECT_EQ(snapshot.files[0].path, (directory_ / "a.toml").string());
  EXPECT_EQ(snapshot.files[1].stem, "b");
}

TEST_F(SnapshotTest, OfADirectoryThatIsNotThereIsAnError) {
  const Snapshot snapshot = ReadDirectory(directory_ / "none");
  EXPECT_NE(snapshot.error, "");
  EXPECT_TRUE(snapshot.files.empty());
}

TEST_F(SnapshotTest, ReadsAVolumeThroughItsDataLink) {
  fs::create_directory(directory_ / "..2026");
  Write("..2026/a.toml", "new");
  Write("..2026/b.toml", "added, without its link yet");
  fs::create_directory_symlink("..2026", directory_ / "..data");
  fs::create_symlink("..data/a.toml", directory_ / "a.toml");
  fs::create_symlink("..data/gone.toml", directory_ / "gone.toml");
  EXPECT_EQ(Stems(), (Texts{"a", "b"}));
  EXPECT_EQ(ReadDirectory(directory_).files[0].content, "new");
}

TEST_F(SnapshotTest, ShowsWhatCannotBeReadAsAFileWithAnError) {
  fs::create_directory(directory_ / "directory.toml");
  fs::create_symlink("nowhere", directory_ / "dangling.toml");
  ASSERT_EQ(::mkfifo((directory_ / "fifo.toml").c_str(), 0600), 0);
  Write("large.toml", std::string(kMaxDefinitionBytes + 1, '#'));
  Write("largest.toml", std::string(kMaxDefinitionBytes, '#'));
  const Snapshot snapshot = ReadDirectory(directory_);
  ASSERT_EQ(snapshot.files.size(), 5u);
  for (const DefinitionFile& file : snapshot.files) {
    if (file.stem == "largest") {
      EXPECT_EQ(file.error, "");
    } else {
      EXPECT_NE(file.error, "") << file.stem;
      EXPECT_EQ(file.content, "") << file.stem;
    }
  }
}

}  // namespace
}  // namespace khs::watch
