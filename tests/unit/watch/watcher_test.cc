// Real inotify on real directories.

#include "watch/watcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "unit/watch/directory_for_tests.h"
#include "unit/watch/volume_for_tests.h"
#include "watch/snapshot.h"

namespace khs::watch {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Activity = Watcher::Activity;
using Mode = Watcher::Mode;

constexpr auto kPatience = 20s;
// Nothing but events may bring such a watcher to look.
constexpr Watcher::Settings kOnlyEvents{.poll_interval = 1h, .retry_interval = 1h};

// What a watcher told, and what whoever looked then saw.
class Ear {
 public:
  using Look = std::function<std::string()>;

  explicit Ear(Look look) : look_(std::move(look)) {}

  Watcher::Listener Listener() {
    return {[this](Activity activity) {
              std::string seen = look_();
              Hear([&] {
                changes_.push_back(activity);
                seen_ = std::move(seen);
              });
            },
            [this](Mode mode) { Hear([&] { modes_.push_back(mode); }); },
            [this](const std::string& error) { Hear([&] { errors_.push_back(error); }); }};
  }

  // Waits until the last look saw this.
  testing::AssertionResult Sees(const std::string& state) {
    std::unique_lock lock(mutex_);
    if (heard_.wait_for(lock, kPatience, [&] { return seen_ == state; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "saw `" << seen_ << "` and not `" << state << "`";
  }
  testing::AssertionResult HearsChanges(size_t count) {
    return Waits([&] { return changes_.size() >= count; });
  }
  testing::AssertionResult HearsMode(Mode mode) {
    return Waits([&] { return !modes_.empty() && modes_.back() == mode; });
  }
  testing::AssertionResult HearsLastly(Activity activity) {
    return Waits([&] { return !changes_.empty() && changes_.back() == activity; });
  }

  std::vector<Activity> changes() const { return Copy(changes_); }
  std::vector<Mode> modes() const { return Copy(modes_); }
  std::vector<std::string> errors() const { return Copy(errors_); }

  // Whoever calls waits until the lock is given back.
  std::unique_lock<std::mutex> Block() { return std::unique_lock(mutex_); }

 private:
  template <class Note>
  void Hear(Note note) {
    const std::lock_guard lock(mutex_);
    note();
    heard_.notify_all();
  }
  template <class Condition>
  testing::AssertionResult Waits(Condition condition) {
    std::unique_lock lock(mutex_);
    return heard_.wait_for(lock, kPatience, condition) ? testing::AssertionSuccess()
                                                       : testing::AssertionFailure() << "not heard";
  }
  template <class T>
  T Copy(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }

  const Look look_;
  mutable std::mutex mutex_;
  std::condition_variable heard_;
  std::string seen_ = "nothing yet";
  std::vector<Activity> changes_;
  std::vector<Mode> modes_;
  std::vector<std::string> errors_;
};

// `a=1 b=2` for the definitions in a directory; `none` when it can't be read.
std::string Show(const fs::path& directory) {
  const Snapshot snapshot = ReadDirectory(directory);
  if (!snapshot.error.empty()) return "none";
  std::string text;
  for (const DefinitionFile& file : snapshot.files) {
    if (!text.empty()) text += ' ';
    text += file.stem + "=" + (file.error.empty() ? file.content : "?");
  }
  return text;
}

size_t CountInotifyInstances() {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code none;
    if (fs::read_symlink(entry.path(), none) == "anon_inode:inotify") ++count;
  }
  return count;
}

class WatcherTest : public testing::Test {
 protected:
  WatcherTest() {
    fs::create_directory(directory_);
    fs::create_directory(outside_);
  }

  void Watch(std::vector<fs::path> paths, Watcher::Settings settings = kOnlyEvents) {
    watcher_ = std::make_unique<Watcher>(std::move(paths), ear_.Listener(), settings);
  }
  void Watch() {
    Watch({watched_});
    ASSERT_THAT(ear_.modes(), ElementsAre(Mode::kInotify));
  }
  // A file that can be moved to where it is wanted.
  fs::path Make(const std::string& content) {
    const fs::path path = outside_ / std::to_string(++made_);
    WriteFile(path, content);
    return path;
  }

  DirectoryForTests root_;
  const fs::path directory_ = root_ / "watched";
  const fs::path outside_ = root_ / "outside";
  fs::path watched_ = directory_;  // what is looked at; may be another path before Watch
  int made_ = 0;
  Ear ear_{[this] { return Show(watched_); }};
  std::unique_ptr<Watcher> watcher_;  // last: it tells the ear
};

TEST_F(WatcherTest, SeesAFileThatIsMadeAsSoonAsItIsConstructed) {
  for (int i = 0; i < 50; ++i) {
    const std::string content = std::to_string(i);
    Ear ear([this] { return Show(directory_); });
    const Watcher watcher({directory_}, ear.Listener(), kOnlyEvents);
    WriteFile(directory_ / "a.toml", content);
    ASSERT_TRUE(ear.Sees("a=" + content));
  }
}

TEST_F(WatcherTest, SeesFilesWrittenInPlace) {
  Watch();
  WriteFile(directory_ / "a.toml", "1");
  EXPECT_TRUE(ear_.Sees("a=1"));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(ear_.Sees("a=2"));
  std::ofstream(directory_ / "a.toml", std::ios::app) << "3";
  EXPECT_TRUE(ear_.Sees("a=23"));
}

TEST_F(WatcherTest, SeesFilesMovedInOverOutAndWithin) {
  Watch();
  fs::rename(Make("1"), directory_ / "a.toml");
  EXPECT_TRUE(ear_.Sees("a=1"));
  fs::rename(Make("2"), directory_ / "a.toml");
  EXPECT_TRUE(ear_.Sees("a=2"));
  fs::rename(directory_ / "a.toml", directory_ / "b.toml");
  EXPECT_TRUE(ear_.Sees("b=2"));
  fs::rename(directory_ / "b.toml", outside_ / "b");
  EXPECT_TRUE(ear_.Sees(""));
}

TEST_F(WatcherTest, SeesFilesRemovedAndMadeAnew) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  fs::remove(directory_ / "a.toml");
  EXPECT_TRUE(ear_.Sees(""));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(ear_.Sees("a=2"));
}

TEST_F(WatcherTest, SeesAnEditorSave) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  // vim: a backup by renaming, a new file, and the backup removed; a swap file all the while.
  std::ofstream swap(directory_ / ".a.toml.swp");
  swap << "x" << std::flush;
  fs::rename(directory_ / "a.toml", directory_ / "a.toml~");
  WriteFile(directory_ / "a.toml", "2");
  fs::remove(directory_ / "a.toml~");
  EXPECT_TRUE(ear_.Sees("a=2"));
  EXPECT_TRUE(ear_.HearsLastly(Activity::kQuiet)) << "the swap file stays open";
  // sed -i: a file of another name, renamed.
  WriteFile(directory_ / "sedAbCdEf", "3");
  fs::rename(directory_ / "sedAbCdEf", directory_ / "a.toml");
  EXPECT_TRUE(ear_.Sees("a=3"));
}

TEST_F(WatcherTest, SeesEachSwapOfAVolume) {
  for (const auto links : {VolumeForTests::Links::kAfterSwap, VolumeForTests::Links::kBeforeSwap}) {
    const fs::path path = root_ / (links == VolumeForTests::Links::kAfterSwap ? "new" : "old");
    VolumeForTests volume(path, links);
    volume.Put({{"a.toml", "1"}});
    watched_ = path;
    Watch({path});
    volume.Put({{"a.toml", "2"}, {"b.toml", "2"}});
    EXPECT_TRUE(ear_.Sees("a=2 b=2"));
    volume.Put({{"b.toml", "3"}});
    EXPECT_TRUE(ear_.Sees("b=3"));
    volume.Put({});
    EXPECT_TRUE(ear_.Sees(""));
    watcher_.reset();
  }
}

TEST_F(WatcherTest, SeesALinkOfAFarmRetargetedAndItsTargetEdited) {
  const fs::path one = Make("1");
  const fs::path two = Make("2");
  Watch();
  fs::create_symlink(one, directory_ / "a.toml");
  EXPECT_TRUE(ear_.Sees("a=1"));
  PointLink(directory_ / "a.toml", two);
  EXPECT_TRUE(ear_.Sees("a=2"));
  WriteFile(two, "3");
  EXPECT_TRUE(ear_.Sees("a=3"));
  fs::remove(two);
  EXPECT_TRUE(ear_.Sees("a=?"));
  fs::rename(one, two);
  EXPECT_TRUE(ear_.Sees("a=1"));
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
  EXPECT_TRUE(ear_.Sees("a=v2"));
  PointLink(root_ / "here", root_ / "v3/connectors");
  EXPECT_TRUE(ear_.Sees("a=v3"));
  WriteFile(root_ / "v3/connectors/a.toml", "edited");
  EXPECT_TRUE(ear_.Sees("a=edited"));
  fs::remove(root_ / "here");
  EXPECT_TRUE(ear_.Sees("none"));
}

TEST_F(WatcherTest, SeesADirectoryThatIsMadeLaterWithItsParents) {
  watched_ = root_ / "some/where/very/deep/in/a/row/of/directories";
  Watch();
  for (int i = 0; i < 200; ++i) {
    const std::string content = std::to_string(i);
    fs::create_directories(watched_);
    WriteFile(watched_ / "a.toml", content);
    ASSERT_TRUE(ear_.Sees("a=" + content));
    fs::remove_all(root_ / "some");
    ASSERT_TRUE(ear_.Sees("none"));
  }
}

TEST_F(WatcherTest, SeesADirectoryRemovedAndMadeAnew) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  fs::remove_all(directory_);
  EXPECT_TRUE(ear_.Sees("none"));
  fs::create_directory(directory_);
  EXPECT_TRUE(ear_.Sees(""));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(ear_.Sees("a=2"));
}

TEST_F(WatcherTest, SeesADirectoryMovedAwayAndAnotherMovedIn) {
  watched_ = directory_ / "deep";
  fs::create_directories(directory_ / "deep");
  fs::create_directories(outside_ / "other/deep");
  WriteFile(outside_ / "other/deep/a.toml", "2");
  Watch();
  fs::rename(directory_, outside_ / "old");
  EXPECT_TRUE(ear_.Sees("none"));
  fs::rename(outside_ / "other", directory_);
  EXPECT_TRUE(ear_.Sees("a=2"));
  WriteFile(directory_ / "deep/a.toml", "3");
  EXPECT_TRUE(ear_.Sees("a=3"));
}

TEST_F(WatcherTest, SeesASingleFileAndNoneOfItsNeighbours) {
  const fs::path file = directory_ / "credentials";
  WriteFile(file, "1");
  Ear ear([&] {
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
  Ear ear([&] {
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
  EXPECT_TRUE(ear_.Sees("a=1"));
  EXPECT_EQ(ear_.changes().size(), 1u);
}

TEST_F(WatcherTest, DoesNotLookForReadingAndPermissions) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  for (int i = 0; i < 1000; ++i) {
    (void)Show(directory_);
    fs::permissions(directory_ / "a.toml", i % 2 == 0 ? fs::perms::owner_all : fs::perms::all);
  }
  fs::rename(Make("2"), directory_ / "a.toml");
  EXPECT_TRUE(ear_.Sees("a=2"));
  EXPECT_EQ(ear_.changes().size(), 1u);
}

TEST_F(WatcherTest, TellsThatAFileIsBeingWrittenUntilItIsClosed) {
  WriteFile(directory_ / "a.toml", "old");
  Watch();
  base::UniqueFd file(::open((directory_ / "a.toml").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  ASSERT_TRUE(file);
  EXPECT_TRUE(ear_.Sees("a="));
  std::string content;
  for (int i = 0; i < 10; ++i) {
    const size_t heard = ear_.changes().size();
    ASSERT_EQ(::write(file.get(), "x", 1), 1);
    EXPECT_TRUE(ear_.HearsChanges(heard + 1));
    content += 'x';
    EXPECT_TRUE(ear_.Sees("a=" + content));
  }
  EXPECT_THAT(ear_.changes(), Each(Activity::kWriting));
  file = base::UniqueFd();
  EXPECT_TRUE(ear_.HearsLastly(Activity::kQuiet));
  EXPECT_TRUE(ear_.Sees("a=" + content));
}

TEST_F(WatcherTest, TellsThatAFileIsBeingWrittenBeforeAnythingIsInIt) {
  Watch();
  base::UniqueFd file(
      ::open((directory_ / "a.toml").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_TRUE(ear_.Sees("a="));
  EXPECT_THAT(ear_.changes(), Each(Activity::kWriting));
  // Meanwhile others come and go.
  fs::rename(Make("1"), directory_ / "b.toml");
  EXPECT_TRUE(ear_.Sees("a= b=1"));
  EXPECT_THAT(ear_.changes(), Each(Activity::kWriting));
  file = base::UniqueFd();
  EXPECT_TRUE(ear_.HearsLastly(Activity::kQuiet));
}

TEST_F(WatcherTest, DoesNotMindTheWritingOfAFileThatWasReplaced) {
  WriteFile(directory_ / "a.toml", "1");
  Watch();
  const base::UniqueFd old(::open((directory_ / "a.toml").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::write(old.get(), "x", 1), 1);
  EXPECT_TRUE(ear_.Sees("a=x"));
  fs::rename(Make("2"), directory_ / "a.toml");
  EXPECT_TRUE(ear_.Sees("a=2"));
  EXPECT_THAT(ear_.changes(), ElementsAre(Activity::kWriting, Activity::kQuiet));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(::write(old.get(), "x", 1), 1);
  fs::rename(Make("3"), directory_ / "b.toml");
  EXPECT_TRUE(ear_.Sees("a=2 b=3"));
  EXPECT_THAT(ear_.changes(), ElementsAre(Activity::kWriting, Activity::kQuiet, Activity::kQuiet));
}

TEST_F(WatcherTest, TakesNewLinksForNoWriting) {
  const fs::path made = Make("1");
  Watch();
  fs::create_symlink(made, directory_ / "a.toml");
  fs::create_hard_link(made, directory_ / "b.toml");
  fs::create_directory(directory_ / "c.toml");
  EXPECT_TRUE(ear_.Sees("a=1 b=1 c=?"));
  EXPECT_THAT(ear_.changes(), Each(Activity::kQuiet));
}

TEST_F(WatcherTest, LooksAndFollowsPathsAnewAfterItsQueueOverflowed) {
  fs::create_directory(outside_ / "other");
  size_t limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  ASSERT_GT(limit, 0u);
  Watch();
  {
    const auto blocked = ear_.Block();
    fs::rename(Make("1"), directory_ / "a.toml");
    // What it reads before it comes to a stop, and what the queue holds: all of no interest.
    const fs::path names[] = {directory_ / "1~", directory_ / "2~"};
    WriteFile(names[0], "");
    for (size_t i = 0; i < limit + 2000; ++i) fs::rename(names[i % 2], names[(i + 1) % 2]);
    fs::rename(directory_, outside_ / "old");
    fs::rename(outside_ / "other", directory_);
  }
  EXPECT_TRUE(ear_.Sees(""));
  WriteFile(directory_ / "a.toml", "2");
  EXPECT_TRUE(ear_.Sees("a=2"));
}

TEST_F(WatcherTest, LooksAfterItsPathsWereReplaced) {
  fs::create_directory(root_ / "second");
  WriteFile(root_ / "second/a.toml", "1");
  Watch();
  // The Look runs in the watcher's thread, which is at rest.
  watched_ = root_ / "second";
  watcher_->Watch({watched_});
  EXPECT_TRUE(ear_.Sees("a=1"));
  WriteFile(directory_ / "of no interest any more.toml", "");
  fs::rename(Make("2"), root_ / "second/a.toml");
  EXPECT_TRUE(ear_.Sees("a=2"));
  EXPECT_EQ(ear_.changes().size(), 2u);
  watcher_->Watch({});
  EXPECT_TRUE(ear_.HearsChanges(3));
}

TEST_F(WatcherTest, StopsAtOnce) {
  Watch();
  watcher_.reset();  // or else after an hour
  EXPECT_THAT(ear_.changes(), IsEmpty());
}

TEST_F(WatcherTest, PollsWhileThereIsNoInotifyInstanceToBeHad) {
  const auto exists = [&] { return fs::exists(directory_ / "a.toml") ? "there" : "not there"; };
  fs::path made = Make("1");
  Ear ear(exists);
  // As at the user's limit of instances, but of this process alone: no descriptor is left but one.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  std::vector<base::UniqueFd> taken;
  taken.emplace_back(::dup(0));
  const rlimit few{static_cast<rlim_t>(taken.front().get() + 20), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  while (taken.back()) taken.emplace_back(::dup(0));
  taken.pop_back();
  taken.pop_back();

  const Watcher watcher({directory_}, ear.Listener(),
                        {.poll_interval = 2ms, .retry_interval = 5ms});
  EXPECT_THAT(ear.modes(), ElementsAre(Mode::kPoll));
  EXPECT_TRUE(ear.Sees("not there"));
  fs::rename(made, directory_ / "a.toml");
  EXPECT_TRUE(ear.Sees("there"));
  EXPECT_TRUE(ear.HearsChanges(20));
  ASSERT_EQ(ear.errors().size(), 1u) << "and not once an attempt";
  EXPECT_THAT(ear.errors()[0], HasSubstr("inotify cannot be used: Too many open files"));

  taken.clear();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(ear.HearsMode(Mode::kInotify));
  EXPECT_THAT(ear.modes(), ElementsAre(Mode::kPoll, Mode::kInotify));
  EXPECT_EQ(ear.errors().size(), 1u);
  EXPECT_EQ(CountInotifyInstances(), 1u);
}

TEST_F(WatcherTest, PollsWhileADirectoryMayNotBeRead) {
  fs::permissions(root_.path(), fs::perms::all);
  fs::permissions(directory_, fs::perms::none);
  // Root may read everything, so whoever watches is somebody else: threads inherit that.
  const int before = ::setfsuid(65534);
  Watch({watched_}, {.poll_interval = 2ms, .retry_interval = 5ms});
  ::setfsuid(static_cast<uid_t>(before));
  EXPECT_THAT(ear_.modes(), ElementsAre(Mode::kPoll));
  EXPECT_TRUE(ear_.HearsChanges(20));
  ASSERT_EQ(ear_.errors().size(), 1u);
  EXPECT_THAT(ear_.errors()[0], HasSubstr("cannot be listed: Permission denied"));

  WriteFile(directory_ / "a.toml", "1");
  fs::permissions(directory_ / "a.toml", fs::perms::all);
  fs::permissions(directory_, fs::perms::all);
  EXPECT_TRUE(ear_.HearsMode(Mode::kInotify));
  EXPECT_TRUE(ear_.Sees("a=1"));
  EXPECT_EQ(CountInotifyInstances(), 1u) << "none of the attempts left one";
}

TEST_F(WatcherTest, PollsAgainWhenWatchingFailsLater) {
  fs::permissions(root_.path(), fs::perms::all);
  fs::permissions(directory_, fs::perms::all);
  const int before = ::setfsuid(65534);
  Watch({watched_}, {.poll_interval = 2ms, .retry_interval = 1h});
  ::setfsuid(static_cast<uid_t>(before));
  ASSERT_THAT(ear_.modes(), ElementsAre(Mode::kInotify));
  fs::create_directory(outside_ / "closed");
  fs::permissions(outside_ / "closed", fs::perms::none);
  fs::rename(directory_, outside_ / "old");
  EXPECT_TRUE(ear_.Sees("none"));
  fs::rename(outside_ / "closed", directory_);
  EXPECT_TRUE(ear_.HearsMode(Mode::kPoll));
  const size_t heard = ear_.changes().size();
  EXPECT_TRUE(ear_.HearsChanges(heard + 3));
  EXPECT_EQ(CountInotifyInstances(), 0u);
  // New paths are an occasion to try again.
  watcher_->Watch({outside_ / "old"});
  EXPECT_TRUE(ear_.HearsMode(Mode::kInotify));
}

TEST_F(WatcherTest, FindsWhatIsMountedOverItsDirectory) {
  bool is_permitted = false;
  // A thread can have mounts of its own, and the watcher's thread inherits them.
  std::thread([&] {
    is_permitted = ::unshare(CLONE_NEWNS) == 0 &&
                   ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (!is_permitted) return;
    Watch({watched_}, {.poll_interval = 1h, .retry_interval = 5ms});
    ASSERT_EQ(::mount("none", directory_.c_str(), "tmpfs", 0, nullptr), 0);
    WriteFile(directory_ / "a.toml", "1");
    EXPECT_TRUE(ear_.Sees("a=1"));
    ASSERT_EQ(::umount2(directory_.c_str(), 0), 0);
    EXPECT_TRUE(ear_.Sees(""));
    EXPECT_THAT(ear_.modes(), ElementsAre(Mode::kInotify));
  }).join();
  if (!is_permitted) GTEST_SKIP() << "mounting is not permitted here";
}

}  // namespace
}  // namespace khs::watch
