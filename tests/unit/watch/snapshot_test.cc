#include "watch/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "unit/watch/directory_for_tests.h"
#include "unit/watch/volume_for_tests.h"

namespace khs::watch {
namespace {

using testing::HasSubstr;

class SnapshotTest : public testing::Test {
 protected:
  void Write(const fs::path& name, const std::string& content) {
    WriteFile(directory_ / name, content);
  }
  Snapshot Read() { return ReadDirectory(directory_.path()); }
  std::vector<std::string> Stems() {
    std::vector<std::string> stems;
    for (const DefinitionFile& file : Read().files) stems.push_back(file.stem);
    return stems;
  }

  DirectoryForTests directory_;
};

using Texts = std::vector<std::string>;

TEST_F(SnapshotTest, ContainsEveryTomlFileThatDoesNotStartWithADot) {
  Write("b.toml", "2");
  Write("a.toml", "1");
  Write(".hidden.toml", "x");
  Write("notes.txt", "x");
  Write("c.toml~", "x");
  const Snapshot snapshot = Read();
  EXPECT_EQ(snapshot.error, "");
  ASSERT_EQ(snapshot.files.size(), 2u);
  EXPECT_EQ(snapshot.files[0].stem, "a");
  EXPECT_EQ(snapshot.files[0].content, "1");
  EXPECT_EQ(snapshot.files[0].path, (directory_ / "a.toml").string());
  EXPECT_EQ(snapshot.files[1].stem, "b");
}

TEST_F(SnapshotTest, ReportsFilesThatMayBeMeantAsDefinitions) {
  for (const char* name : {"orders.json", "orders.yaml", "orders.yml", "ORDERS.TOML", ".toml",
                           ".orders.toml.swp", "orders.toml~", "#orders.toml#", "orders.toml.tmp",
                           "4913", "README.md", "README", "notes.txt", "LICENSE"}) {
    Write(name, "x");
  }
  fs::create_directory(directory_ / "folder");
  fs::create_directory(directory_ / "lost+found");
  const IgnoredEntries ignored = Read().ignored;
  EXPECT_EQ(ignored.names,
            (Texts{"ORDERS.TOML", "folder", "orders.json", "orders.yaml", "orders.yml"}));
  EXPECT_EQ(ignored.count, 5u);
  EXPECT_TRUE(Stems().empty());
}

TEST_F(SnapshotTest, ReportsIgnoredFilesOfAVolumeOnce) {
  VolumeForTests volume(directory_.path());
  volume.Put({{"a.toml", "1"}, {"orders.json", "{}"}});
  EXPECT_EQ(Read().ignored.names, Texts{"orders.json"});
  EXPECT_EQ(Read().ignored.count, 1u);
}

TEST_F(SnapshotTest, ReportsTheFirstIgnoredEntriesAndTheirCount) {
  for (int i = 100; i < 160; ++i) Write(std::to_string(i) + ".json", "x");
  const IgnoredEntries ignored = Read().ignored;
  ASSERT_EQ(ignored.names.size(), kMaxIgnoredNames);
  EXPECT_EQ(ignored.names.front(), "100.json");
  EXPECT_EQ(ignored.names.back(), "119.json");
  EXPECT_EQ(ignored.count, 60u);
}

TEST_F(SnapshotTest, OfAMissingDirectoryIsAnError) {
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
  EXPECT_EQ(Read().files[0].content, "new");
}

TEST_F(SnapshotTest, MarksTheFilesOfAVolume) {
  VolumeForTests volume(directory_.path());
  volume.Put({{"a.toml", "1"}});
  Write("plain.toml", "2");
  const Snapshot snapshot = Read();
  EXPECT_EQ(snapshot.error, "");
  ASSERT_EQ(snapshot.files.size(), 2u);
  EXPECT_EQ(snapshot.files[0], (DefinitionFile{directory_ / "a.toml", "a", "1", {}, true}));
  EXPECT_EQ(snapshot.files[1],
            (DefinitionFile{directory_ / "plain.toml", "plain", "2", {}, false}));
}

TEST_F(SnapshotTest, OfAnEmptyVolumeIsEmpty) {
  VolumeForTests volume(directory_.path());
  volume.Put({{"a.toml", "1"}});
  volume.Put({});
  const Snapshot snapshot = Read();
  EXPECT_EQ(snapshot.error, "");
  EXPECT_TRUE(snapshot.files.empty());
}

TEST_F(SnapshotTest, OfAVolumeWithoutDataIsAnError) {
  VolumeForTests volume(directory_.path());
  volume.Put({{"a.toml", "1"}});
  fs::remove_all(directory_ / volume.data());
  const Snapshot snapshot = Read();
  EXPECT_EQ(snapshot.error, "..data cannot be read: No such file or directory");
  EXPECT_TRUE(snapshot.files.empty());
}

TEST_F(SnapshotTest, PrefersAFileBesideAVolume) {
  VolumeForTests volume(directory_.path());
  volume.Put({{"a.toml", "inside"}});
  fs::remove(directory_ / "a.toml");
  Write("a.toml", "beside");
  const Snapshot snapshot = Read();
  ASSERT_EQ(snapshot.files.size(), 1u);
  EXPECT_EQ(snapshot.files[0].content, "beside");
  EXPECT_FALSE(snapshot.files[0].atomic);
}

TEST_F(SnapshotTest, FollowsLinksBesideAVolumeIntoItAndElsewhere) {
  const DirectoryForTests elsewhere;
  WriteFile(elsewhere / "far", "far");
  VolumeForTests volume(directory_.path());
  volume.Put({{"a.toml", "inside"}, {"key", "a key of another name"}});
  fs::create_symlink("..data/key", directory_ / "b.toml");
  fs::create_symlink(elsewhere / "far", directory_ / "c.toml");
  const Snapshot snapshot = Read();
  ASSERT_EQ(snapshot.files.size(), 3u);
  EXPECT_EQ(snapshot.files[1].content, "a key of another name");
  EXPECT_TRUE(snapshot.files[1].atomic);
  EXPECT_EQ(snapshot.files[2].content, "far");
  EXPECT_FALSE(snapshot.files[2].atomic);
}

TEST_F(SnapshotTest, FollowsAChainOfLinks) {
  Write("real", "content");
  fs::create_directory(directory_ / "farm");
  fs::create_symlink("../real", directory_ / "farm/hop");
  fs::create_symlink("farm/hop", directory_ / "a.toml");
  EXPECT_EQ(Read().files.at(0), (DefinitionFile{directory_ / "a.toml", "a", "content", {}, false}));
}

TEST_F(SnapshotTest, FollowsALinkToADirectory) {
  fs::create_directory(directory_ / "v1");
  Write("v1/a.toml", "1");
  fs::create_directory_symlink("v1", directory_ / "current");
  const Snapshot snapshot = ReadDirectory(directory_ / "current");
  ASSERT_EQ(snapshot.files.size(), 1u);
  EXPECT_EQ(snapshot.files[0].path, (directory_ / "current/a.toml").string());
}

TEST_F(SnapshotTest, ContainsUnreadableEntriesWithAnError) {
  fs::create_directory(directory_ / "directory.toml");
  fs::create_symlink("nowhere", directory_ / "dangling.toml");
  ASSERT_EQ(::mkfifo((directory_ / "fifo.toml").c_str(), 0600), 0);
  Write("large.toml", std::string(kMaxDefinitionBytes + 1, '#'));
  Write("largest.toml", std::string(kMaxDefinitionBytes, '#'));
  const Snapshot snapshot = Read();
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

TEST_F(SnapshotTest, EscapesANameThatIsNotUtf8AndReportsAnError) {
  Write("caf\xc3\xa9.toml", "good");
  Write("caf\xe9.toml", "Latin-1");
  Write("two\nlines.toml", "x");
  const Snapshot snapshot = Read();
  ASSERT_EQ(snapshot.files.size(), 3u);
  EXPECT_EQ(snapshot.files[0].stem, "caf\xc3\xa9");
  EXPECT_EQ(snapshot.files[0].content, "good");
  EXPECT_EQ(snapshot.files[1].path, (directory_ / "caf\\xe9.toml").string());
  EXPECT_EQ(snapshot.files[1].stem, "caf\\xe9");
  EXPECT_EQ(snapshot.files[1].error, "its name is not UTF-8");
  EXPECT_EQ(snapshot.files[1].content, "");
  EXPECT_EQ(snapshot.files[2].stem, "two\\x0alines");
  EXPECT_EQ(snapshot.files[2].error, "its name holds a control character");
}

TEST_F(SnapshotTest, OfMoreFilesThanAllowedIsAnErrorThatNamesTheLimit) {
  for (size_t i = 0; i < kMaxDefinitionFiles; ++i) Write(std::to_string(i) + ".toml", "");
  Write("no definition", "");
  EXPECT_EQ(Read().error, "");
  EXPECT_EQ(Read().files.size(), kMaxDefinitionFiles);
  Write("one more.toml", "");
  EXPECT_EQ(Read().error, "more than 1000 definition files");
  EXPECT_TRUE(Read().files.empty());
}

TEST_F(SnapshotTest, CountsFilesOfAVolumeAndThoseBesideItTogether) {
  VolumeForTests volume(directory_.path());
  VolumeForTests::Files files;
  for (size_t i = 0; i < kMaxDefinitionFiles; ++i) files[std::to_string(i) + ".toml"] = "";
  volume.Put(files);
  EXPECT_EQ(Read().files.size(), kMaxDefinitionFiles);
  Write("beside.toml", "");
  EXPECT_EQ(Read().error, "more than 1000 definition files");
}

// Root may read every file, so the reading thread changes its user meanwhile.
class AsNobody {
 public:
  AsNobody() : before_(::setfsuid(65534)) {}
  ~AsNobody() { ::setfsuid(static_cast<uid_t>(before_)); }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  int before_;
};

TEST_F(SnapshotTest, ContainsAFileWithoutReadPermissionWithAnError) {
  fs::permissions(directory_.path(), fs::perms::all);
  Write("a.toml", "1");
  Write("b.toml", "2");
  fs::permissions(directory_ / "a.toml", fs::perms::all);
  fs::permissions(directory_ / "b.toml", fs::perms::none);
  const AsNobody nobody;
  const Snapshot snapshot = Read();
  EXPECT_EQ(snapshot.error, "");
  ASSERT_EQ(snapshot.files.size(), 2u);
  EXPECT_EQ(snapshot.files[0].content, "1");
  EXPECT_EQ(snapshot.files[1].error, "Permission denied");
}

TEST_F(SnapshotTest, OfADirectoryWithoutReadPermissionIsAnError) {
  fs::permissions(directory_.path(), fs::perms::none);
  const AsNobody nobody;
  EXPECT_EQ(Read().error, "Permission denied");
}

TEST_F(SnapshotTest, IsAnErrorIfTheProcessIsOutOfDescriptors) {
  VolumeForTests volume(directory_.path());
  volume.Put({{"a.toml", "1"}});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int next = ::dup(0);
  ASSERT_GE(next, 0);
  ASSERT_EQ(::close(next), 0);
  // Enough for none, one or both directories, but for no file in them.
  for (int spare = 0; spare <= 2; ++spare) {
    const rlimit few{static_cast<rlim_t>(next + spare), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const Snapshot snapshot = Read();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_THAT(snapshot.error, HasSubstr("Too many open files")) << spare;
    EXPECT_TRUE(snapshot.files.empty());
  }
  EXPECT_EQ(Read().error, "");
}

TEST_F(SnapshotTest, OfASingleFileFollowsTheSameRules) {
  Write("sidecar.toml", "x = 1");
  EXPECT_EQ(ReadDefinition(directory_ / "sidecar.toml").content, "x = 1");
  EXPECT_EQ(ReadDefinition(directory_ / "none").error, "No such file or directory");
  EXPECT_EQ(ReadDefinition(directory_.path()).error, "not a regular file");
}

}  // namespace
}  // namespace khs::watch
