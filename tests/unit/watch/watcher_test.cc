// Tests with real inotify on real directories.

#include "watch/watcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/unique_fd.h"
#include "unit/watch/directory_for_tests.h"
#include "unit/watch/volume_for_tests.h"
#include "unit/watch/watcher_for_tests.h"

namespace khs::watch {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(WatcherTest, SeesAFileCreatedRightAfterConstruction) {
  for (int i = 0; i < 50; ++i) {
    const std::string content = std::to_string(i);
    RecordingListener ear([this] { return Show(directory_); });
    const Watcher watcher({directory_}, ear.Listener(), kOnlyEvents);
    WriteFile(directory_ / "a.toml", content);
    ASSERT_TRUE(ear.Sees("a=" + content));
  }
}

TEST_F(WatcherTest, SeesFilesWrittenInPlace) {
  Watch();
  WriteFile(directory_ / "a.toml", "1");
  EXPECT_TRUE(listener_.Sees("a=1"));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(listener_.Sees("a=2"));
  std::ofstream(directory_ / "a.toml", std::ios::app) << "3";
  EXPECT_TRUE(listener_.Sees("a=23"));
}

TEST_F(WatcherTest, SeesFilesMovedInOverOutAndWithin) {
  Watch();
  fs::rename(Make("1"), directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=1"));
  fs::rename(Make("2"), directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=2"));
  fs::rename(directory_ / "a.toml", directory_ / "b.toml");
  EXPECT_TRUE(listener_.Sees("b=2"));
  fs::rename(directory_ / "b.toml", outside_ / "b");
  EXPECT_TRUE(listener_.Sees(""));
}

TEST_F(WatcherTest, SeesFilesRemovedAndRecreated) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  fs::remove(directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees(""));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(listener_.Sees("a=2"));
}

TEST_F(WatcherTest, SeesAnEditorSave) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  // vim renames the file to a backup, writes a new file, and removes the backup; a swap file exists
  // meanwhile.
  std::ofstream swap(directory_ / ".a.toml.swp");
  swap << "x" << std::flush;
  fs::rename(directory_ / "a.toml", directory_ / "a.toml~");
  WriteFile(directory_ / "a.toml", "2");
  fs::remove(directory_ / "a.toml~");
  EXPECT_TRUE(listener_.Sees("a=2"));
  EXPECT_TRUE(listener_.EndsWith(Activity::kQuiet)) << "the swap file stays open";
  // sed -i writes a temporary file and renames it.
  WriteFile(directory_ / "sedAbCdEf", "3");
  fs::rename(directory_ / "sedAbCdEf", directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=3"));
}

TEST_F(WatcherTest, SeesEachSwapOfAVolume) {
  for (const auto links : {VolumeForTests::Links::kAfterSwap, VolumeForTests::Links::kBeforeSwap}) {
    const fs::path path = root_ / (links == VolumeForTests::Links::kAfterSwap ? "new" : "old");
    VolumeForTests volume(path, links);
    volume.Put({{"a.toml", "1"}});
    watched_ = path;
    Watch({path});
    volume.Put({{"a.toml", "2"}, {"b.toml", "2"}});
    EXPECT_TRUE(listener_.Sees("a=2 b=2"));
    volume.Put({{"b.toml", "3"}});
    EXPECT_TRUE(listener_.Sees("b=3"));
    volume.Put({});
    EXPECT_TRUE(listener_.Sees(""));
    watcher_.reset();
  }
}

TEST_F(WatcherTest, SeesALinkOfAFarmRetargetedAndItsTargetEdited) {
  const fs::path one = Make("1");
  const fs::path two = Make("2");
  Watch();
  fs::create_symlink(one, directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=1"));
  PointLink(directory_ / "a.toml", two);
  EXPECT_TRUE(listener_.Sees("a=2"));
  WriteFile(two, "3");
  EXPECT_TRUE(listener_.Sees("a=3"));
  fs::remove(two);
  EXPECT_TRUE(listener_.Sees("a=?"));
  fs::rename(one, two);
  EXPECT_TRUE(listener_.Sees("a=1"));
}

TEST_F(WatcherTest, SeesALinkToTheDirectoryRetargetedWhereverItIs) {
  for (const char* name : {"v1", "v2", "v3"}) {
    fs::create_directories(root_ / name / "connectors");
    WriteFile(root_ / name / "connectors/a.toml", name);
  }
  PointLink(root_ / "current", "v1");
  PointLink(root_ / "here", "current/connectors");
  watched_ = root_ / "here";
  Watch();
  PointLink(root_ / "current", "v2");
  EXPECT_TRUE(listener_.Sees("a=v2"));
  PointLink(root_ / "here", root_ / "v3/connectors");
  EXPECT_TRUE(listener_.Sees("a=v3"));
  WriteFile(root_ / "v3/connectors/a.toml", "edited");
  EXPECT_TRUE(listener_.Sees("a=edited"));
  fs::remove(root_ / "here");
  EXPECT_TRUE(listener_.Sees("none"));
}

TEST_F(WatcherTest, SeesADirectoryCreatedLaterWithItsParents) {
  watched_ = root_ / "some/where/very/deep/in/a/row/of/directories";
  Watch();
  for (int i = 0; i < 200; ++i) {
    const std::string content = std::to_string(i);
    fs::create_directories(watched_);
    WriteFile(watched_ / "a.toml", content);
    ASSERT_TRUE(listener_.Sees("a=" + content));
    fs::remove_all(root_ / "some");
    ASSERT_TRUE(listener_.Sees("none"));
  }
}

TEST_F(WatcherTest, SeesADirectoryRemovedAndRecreated) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  fs::remove_all(directory_);
  EXPECT_TRUE(listener_.Sees("none"));
  fs::create_directory(directory_);
  EXPECT_TRUE(listener_.Sees(""));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(listener_.Sees("a=2"));
}

TEST_F(WatcherTest, SeesADirectoryMovedAwayAndAnotherMovedIn) {
  watched_ = directory_ / "deep";
  fs::create_directories(directory_ / "deep");
  fs::create_directories(outside_ / "other/deep");
  WriteFile(outside_ / "other/deep/a.toml", "2");
  Watch();
  fs::rename(directory_, outside_ / "old");
  EXPECT_TRUE(listener_.Sees("none"));
  fs::rename(outside_ / "other", directory_);
  EXPECT_TRUE(listener_.Sees("a=2"));
  WriteFile(directory_ / "deep/a.toml", "3");
  EXPECT_TRUE(listener_.Sees("a=3"));
}

TEST_F(WatcherTest, SeesASingleFileAndNoneOfItsNeighbours) {
  const fs::path file = directory_ / "credentials";
  WriteFile(file, "1");
  RecordingListener ear([&] {
    std::string content;
    std::ifstream(file) >> content;
    return content;
  });
  const Watcher watcher({file}, ear.Listener(), kOnlyEvents);
  for (int i = 0; i < 1000; ++i) WriteFile(directory_ / "neighbour", std::to_string(i));
  fs::rename(Make("2"), file);
  EXPECT_TRUE(ear.Sees("2"));
  EXPECT_EQ(ear.changes().size(), 1u);
  WriteFile(file, "3");
  EXPECT_TRUE(ear.Sees("3"));
  fs::remove(file);
  EXPECT_TRUE(ear.Sees(""));
}

TEST_F(WatcherTest, SeesASingleFileInAVolumeSwapped) {
  VolumeForTests volume(directory_);
  volume.Put({{"token", "1"}});
  RecordingListener ear([&] {
    std::string content;
    std::ifstream(directory_ / "token") >> content;
    return content;
  });
  const Watcher watcher({directory_ / "token"}, ear.Listener(), kOnlyEvents);
  for (const char* content : {"2", "3", "4"}) {
    volume.Put({{"token", content}});
    EXPECT_TRUE(ear.Sees(content));
  }
}

TEST_F(WatcherTest, DoesNotLookForNoiseInAParent) {
  Watch();
  for (int i = 0; i < 2000; ++i) {
    WriteFile(root_ / "noise", "x");
    fs::rename(root_ / "noise", root_ / "more noise");
  }
  fs::rename(Make("1"), directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=1"));
  EXPECT_EQ(listener_.changes().size(), 1u);
}

TEST_F(WatcherTest, DoesNotLookForReadingAndPermissions) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  for (int i = 0; i < 1000; ++i) {
    (void)Show(directory_);
    fs::permissions(directory_ / "a.toml", i % 2 == 0 ? fs::perms::owner_all : fs::perms::all);
  }
  fs::rename(Make("2"), directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=2"));
  EXPECT_EQ(listener_.changes().size(), 1u);
}

TEST_F(WatcherTest, ReportsWritingUntilAFileIsClosed) {
  WriteFile(directory_ / "a.toml", "old");
  Watch();
  base::UniqueFd file(::open((directory_ / "a.toml").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  ASSERT_TRUE(file);
  EXPECT_TRUE(listener_.Sees("a="));
  std::string content;
  for (int i = 0; i < 10; ++i) {
    const size_t heard = listener_.changes().size();
    ASSERT_EQ(::write(file.get(), "x", 1), 1);
    EXPECT_TRUE(listener_.HasChanges(heard + 1));
    content += 'x';
    EXPECT_TRUE(listener_.Sees("a=" + content));
  }
  EXPECT_THAT(listener_.changes(), Each(Activity::kWriting));
  file = base::UniqueFd();
  EXPECT_TRUE(listener_.EndsWith(Activity::kQuiet));
  EXPECT_TRUE(listener_.Sees("a=" + content));
}

TEST_F(WatcherTest, ReportsWritingOfAnEmptyFile) {
  Watch();
  base::UniqueFd file(
      ::open((directory_ / "a.toml").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_TRUE(listener_.Sees("a="));
  EXPECT_THAT(listener_.changes(), Each(Activity::kWriting));
  // Other files are created and removed meanwhile.
  fs::rename(Make("1"), directory_ / "b.toml");
  EXPECT_TRUE(listener_.Sees("a= b=1"));
  EXPECT_THAT(listener_.changes(), Each(Activity::kWriting));
  file = base::UniqueFd();
  EXPECT_TRUE(listener_.EndsWith(Activity::kQuiet));
}

TEST_F(WatcherTest, IgnoresWritesToAReplacedFile) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  const base::UniqueFd old(::open((directory_ / "a.toml").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::write(old.get(), "x", 1), 1);
  EXPECT_TRUE(listener_.Sees("a=x"));
  fs::rename(Make("2"), directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=2"));
  EXPECT_THAT(listener_.changes(), ElementsAre(Activity::kWriting, Activity::kQuiet));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(::write(old.get(), "x", 1), 1);
  fs::rename(Make("3"), directory_ / "b.toml");
  EXPECT_TRUE(listener_.Sees("a=2 b=3"));
  EXPECT_THAT(listener_.changes(),
              ElementsAre(Activity::kWriting, Activity::kQuiet, Activity::kQuiet));
}

TEST_F(WatcherTest, DoesNotTakeNewLinksForWrites) {
  const fs::path made = Make("1");
  Watch();
  fs::create_symlink(made, directory_ / "a.toml");
  fs::create_hard_link(made, directory_ / "b.toml");
  fs::create_directory(directory_ / "c.toml");
  EXPECT_TRUE(listener_.Sees("a=1 b=1 c=?"));
  EXPECT_THAT(listener_.changes(), Each(Activity::kQuiet));
}

TEST_F(WatcherTest, LooksAndRearmsAfterAQueueOverflow) {
  fs::create_directory(outside_ / "other");
  size_t limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  ASSERT_GT(limit, 0u);
  Watch();
  {
    const auto blocked = listener_.Block();
    fs::rename(Make("1"), directory_ / "a.toml");
    // Irrelevant events, more than the watcher reads until it blocks plus the size of the queue.
    const fs::path names[] = {directory_ / "1~", directory_ / "2~"};
    WriteFile(names[0], "");
    for (size_t i = 0; i < limit + 2000; ++i) fs::rename(names[i % 2], names[(i + 1) % 2]);
    fs::rename(directory_, outside_ / "old");
    fs::rename(outside_ / "other", directory_);
  }
  EXPECT_TRUE(listener_.Sees(""));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(listener_.Sees("a=2"));
}

TEST_F(WatcherTest, LooksAfterItsPathsWereReplaced) {
  fs::create_directory(root_ / "second");
  WriteFile(root_ / "second/a.toml", "1");
  Watch();
  // The Look runs on the watcher's thread, which is idle.
  watched_ = root_ / "second";
  watcher_->Watch({watched_});
  EXPECT_TRUE(listener_.Sees("a=1"));
  WriteFile(directory_ / "of no interest any more.toml", "");
  fs::rename(Make("2"), root_ / "second/a.toml");
  EXPECT_TRUE(listener_.Sees("a=2"));
  EXPECT_EQ(listener_.changes().size(), 2u);
  watcher_->Watch({});
  EXPECT_TRUE(listener_.HasChanges(3));
}

TEST_F(WatcherTest, StopsAtOnce) {
  Watch();
  watcher_.reset();  // or else after an hour
  EXPECT_THAT(listener_.changes(), IsEmpty());
}

}  // namespace
}  // namespace khs::watch
