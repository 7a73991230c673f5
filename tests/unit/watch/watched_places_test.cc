#include "watch/watched_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>

#include <iterator>
#include <string>
#include <vector>

#include "unit/watch/directory_for_tests.h"
#include "unit/watch/volume_for_tests.h"
#include "watch/remote_file_system.h"

namespace khs::watch {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WatchedPlacesTest : public testing::Test {
 protected:
  // One sorted line for each directory within the test's: its name, `(all)`, `(end)`, and names.
  std::vector<std::string> Find(const std::vector<fs::path>& paths) {
    const WatchedPlaces places = FindPlaces(paths);
    EXPECT_THAT(places.errors, IsEmpty());
    std::vector<std::string> lines;
    for (const auto& [directory, interest] : places.directories) {
      if (!directory.starts_with(root_.path().string())) {
        EXPECT_FALSE(interest.everything || interest.is_end) << directory;
        continue;
      }
      std::string line = "." + directory.substr(root_.path().string().size());
      if (interest.everything) line += " (all)";
      if (interest.is_end) line += " (end)";
      for (const std::string& name : interest.names) line += " " + name;
      lines.push_back(line);
    }
    return lines;
  }

  DirectoryForTests root_;
};

TEST_F(WatchedPlacesTest, OfADirectoryAreItselfAndItsNameInEachOfItsParents) {
  fs::create_directories(root_ / "a/b");
  EXPECT_THAT(Find({root_ / "a/b"}), ElementsAre(". a", "./a b", "./a/b (all) (end)"));
  const WatchedPlaces places = FindPlaces({root_ / "a/b"});
  EXPECT_THAT(places.directories.at("/").names,
              ElementsAre(std::next(root_.path().begin())->string()));
  EXPECT_THAT(places.directories.at(root_.path().parent_path().string()).names,
              ElementsAre(root_.path().filename().string()));
}

TEST_F(WatchedPlacesTest, OfAFileAreItsNameInItsDirectory) {
  WriteFile(root_ / "file", "");
  EXPECT_THAT(Find({root_ / "file"}), ElementsAre(". (end) file"));
}

TEST_F(WatchedPlacesTest, EndAtTheNearestExistingDirectory) {
  EXPECT_THAT(Find({root_ / "a/b/c"}), ElementsAre(". (end) a"));
  fs::create_directory(root_ / "a");
  EXPECT_THAT(Find({root_ / "a/b/c"}), ElementsAre(". a", "./a (end) b"));
}

TEST_F(WatchedPlacesTest, EndAtAFileInPlaceOfADirectory) {
  WriteFile(root_ / "a", "");
  EXPECT_THAT(Find({root_ / "a/b/c"}), ElementsAre(". (end) a"));
}

TEST_F(WatchedPlacesTest, IncludeEveryLinkOnTheWay) {
  fs::create_directories(root_ / "real/v1/connectors");
  fs::create_directory(root_ / "links");
  fs::create_symlink("v1", root_ / "real/current");
  fs::create_symlink(root_ / "real/current", root_ / "links/absolute");
  fs::create_symlink("../links/absolute/connectors", root_ / "links/relative");
  EXPECT_THAT(Find({root_ / "links/relative"}),
              ElementsAre(". links real", "./links absolute relative", "./real current v1",
                          "./real/v1 connectors", "./real/v1/connectors (all) (end)"));
}

TEST_F(WatchedPlacesTest, FollowParentPartsFromWhereALinkLed) {
  fs::create_directories(root_ / "far/deep");
  fs::create_directory(root_ / "far/target");
  fs::create_symlink("far/deep", root_ / "link");
  EXPECT_THAT(Find({root_ / "link/../target"}),
              ElementsAre(". far link", "./far deep target", "./far/target (all) (end)"));
}

TEST_F(WatchedPlacesTest, OfALinkThatLeadsNowhereIncludeWhereItsTargetWouldBe) {
  fs::create_directory(root_ / "later");
  fs::create_symlink("later/made", root_ / "link");
  EXPECT_THAT(Find({root_ / "link"}), ElementsAre(". later link", "./later (end) made"));
}

TEST_F(WatchedPlacesTest, OfLinksInACircleAreFound) {
  fs::create_symlink("b", root_ / "a");
  fs::create_symlink("a", root_ / "b");
  EXPECT_THAT(Find({root_ / "a"}), ElementsAre(". (end) a b"));
}

TEST_F(WatchedPlacesTest, OfAVolumeAreTheDirectoryAlone) {
  VolumeForTests volume(root_ / "volume");
  volume.Put({{"a.toml", ""}, {"b.toml", ""}});
  EXPECT_THAT(Find({volume.path()}), ElementsAre(". volume", "./volume (all) (end)"));
}

TEST_F(WatchedPlacesTest, OfAFileInAVolumeIncludeItsData) {
  VolumeForTests volume(root_ / "volume");
  volume.Put({{"key", ""}});
  EXPECT_THAT(Find({volume.path() / "key"}), ElementsAre(". volume", "./volume ..2026_1 ..data key",
                                                         "./volume/..2026_1 (end) key"));
}

TEST_F(WatchedPlacesTest, OfADirectoryIncludeWhatItsLinksLeadTo) {
  fs::create_directories(root_ / "farm");
  fs::create_directories(root_ / "store/directory");
  WriteFile(root_ / "store/file", "");
  fs::create_symlink("../store/file", root_ / "farm/a.toml");
  fs::create_symlink("../store/directory", root_ / "farm/b.toml");
  fs::create_symlink("../store/other", root_ / "farm/.#lock");
  EXPECT_THAT(Find({root_ / "farm"}),
              ElementsAre(". farm store", "./farm (all) (end) a.toml b.toml",
                          "./store (end) directory file"));
}

TEST_F(WatchedPlacesTest, MergeSeveralPaths) {
  fs::create_directory(root_ / "a");
  WriteFile(root_ / "a/key", "");
  EXPECT_THAT(Find({root_ / "a", root_ / "a/key", root_ / "b", root_ / "a"}),
              ElementsAre(". (end) a b", "./a (all) (end) key"));
}

TEST_F(WatchedPlacesTest, AreEmptyWithoutPaths) {
  EXPECT_EQ(FindPlaces({}), WatchedPlaces());
  EXPECT_EQ(FindPlaces({""}), WatchedPlaces());
}

TEST_F(WatchedPlacesTest, BehindADirectoryWithoutPermissionAreAnError) {
  fs::permissions(root_.path(), fs::perms::all);
  fs::create_directories(root_ / "closed/inside");
  fs::permissions(root_ / "closed", fs::perms::none);
  // Root may enter every directory, so the thread changes its user meanwhile.
  const int before = ::setfsuid(65534);
  const WatchedPlaces places = FindPlaces({root_ / "closed/inside"});
  ::setfsuid(static_cast<uid_t>(before));
  EXPECT_THAT(places.errors, ElementsAre((root_ / "closed/inside").string() +
                                         " cannot be accessed: Permission denied"));
}

TEST(IsDefinitionOrDataLink, IsTrueForDefinitionsAndTheirLink) {
  for (const char* name : {"a.toml", "..data", "#.toml"})
    EXPECT_TRUE(IsDefinitionOrDataLink(name)) << name;
  for (const char* name :
       {"a.toml~", ".a.toml", ".a.toml.swp", "#a.toml#", ".#a.toml", "4913", "notes.txt", ".toml",
        "..2026_07_01", "..data_tmp", ".nfs0001", ".a.toml.kate-swp"}) {
    EXPECT_FALSE(IsDefinitionOrDataLink(name)) << name;
  }
}

TEST(RemoteFileSystem, IsKnownByItsNumber) {
  EXPECT_EQ(RemoteFileSystemName(0x6969), "NFS");
  EXPECT_EQ(RemoteFileSystemName(65735546), "");  // FUSE's digits, but hexadecimal
  EXPECT_EQ(RemoteFileSystemName(0x65735546), "FUSE");
  EXPECT_EQ(RemoteFileSystemName(0xfe534d42), "SMB2");
  EXPECT_EQ(RemoteFileSystemName(0xef53), "");      // ext4
  EXPECT_EQ(RemoteFileSystemName(0x01021994), "");  // tmpfs
  EXPECT_EQ(RemoteFileSystemName(0x794c7630), "");  // overlayfs
  EXPECT_FALSE(FindRemoteFileSystem("/proc"));
  EXPECT_FALSE(FindRemoteFileSystem("/no such directory"));
}

}  // namespace
}  // namespace khs::watch
