// Tests of a watcher without working inotify.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "unit/watch/directory_for_tests.h"
#include "unit/watch/watcher_for_tests.h"
#include "watch/watcher.h"

namespace khs::watch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

using WatcherPollingTest = WatcherTest;

size_t CountInotifyInstances() {
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code none;
    if (fs::read_symlink(entry.path(), none) == "anon_inode:inotify") ++count;
  }
  return count;
}

// inotify's limits are per user. glibc's function would change the user of all threads.
bool BecomeUser(uid_t user) { return ::syscall(SYS_setresuid, -1, user, -1) == 0; }

TEST_F(WatcherPollingTest, PollsWhileItsUserHasNoMoreInotifyInstances) {
  fs::permissions(root_.path(), fs::perms::all);
  // A user of its own, so that other tests keep their instances.
  if (!BecomeUser(1'000'000 + static_cast<uid_t>(::getpid()))) {
    GTEST_SKIP() << "only root can be somebody else";
  }
  std::vector<base::UniqueFd> taken;
  do {
    taken.emplace_back(::inotify_init1(IN_CLOEXEC));
  } while (taken.back() && taken.size() < 10'000);
  const int error = errno;
  Watch({watched_}, {.poll_interval = 2ms, .retry_interval = 5ms});
  const bool is_back = BecomeUser(0);  // but not the watcher's thread
  ASSERT_TRUE(is_back);
  ASSERT_EQ(error, EMFILE);
  EXPECT_THAT(listener_.modes(), ElementsAre(Mode::kPoll));

  fs::rename(Make("1"), directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=1"));
  EXPECT_TRUE(listener_.HasChanges(20));
  EXPECT_THAT(listener_.errors(), ElementsAre("inotify cannot be used: Too many open files (see "
                                              "fs.inotify.max_user_instances)"))
      << "and not once an attempt";

  taken.clear();
  EXPECT_TRUE(listener_.HasMode(Mode::kInotify));
  EXPECT_THAT(listener_.modes(), ElementsAre(Mode::kPoll, Mode::kInotify));
  EXPECT_EQ(listener_.errors().size(), 1u);
  fs::rename(Make("2"), directory_ / "a.toml");
  EXPECT_TRUE(listener_.Sees("a=2"));
  EXPECT_EQ(CountInotifyInstances(), 1u);
}

TEST_F(WatcherPollingTest, PollsWhileADirectoryIsUnreadable) {
  fs::permissions(root_.path(), fs::perms::all);
  fs::permissions(directory_, fs::perms::none);
  // Root may read every file, so the watcher has another user: threads inherit it.
  const int before = ::setfsuid(65534);
  Watch({watched_}, {.poll_interval = 2ms, .retry_interval = 5ms});
  ::setfsuid(static_cast<uid_t>(before));
  EXPECT_THAT(listener_.modes(), ElementsAre(Mode::kPoll));
  EXPECT_TRUE(listener_.HasChanges(20));
  ASSERT_EQ(listener_.errors().size(), 1u);
  EXPECT_THAT(listener_.errors()[0], HasSubstr("cannot be listed: Permission denied"));

  WriteFile(directory_ / "a.toml", "1");
  fs::permissions(directory_ / "a.toml", fs::perms::all);
  fs::permissions(directory_, fs::perms::all);
  EXPECT_TRUE(listener_.HasMode(Mode::kInotify));
  EXPECT_TRUE(listener_.Sees("a=1"));
  EXPECT_EQ(CountInotifyInstances(), 1u) << "none of the attempts left one";
}

TEST_F(WatcherPollingTest, PollsAgainWhenWatchingFailsLater) {
  fs::permissions(root_.path(), fs::perms::all);
  fs::permissions(directory_, fs::perms::all);
  const int before = ::setfsuid(65534);
  Watch({watched_}, {.poll_interval = 2ms, .retry_interval = 1h});
  ::setfsuid(static_cast<uid_t>(before));
  ASSERT_THAT(listener_.modes(), ElementsAre(Mode::kInotify));
  fs::create_directory(outside_ / "closed");
  fs::permissions(outside_ / "closed", fs::perms::none);
  fs::rename(directory_, outside_ / "old");
  EXPECT_TRUE(listener_.Sees("none"));
  fs::rename(outside_ / "closed", directory_);
  EXPECT_TRUE(listener_.HasMode(Mode::kPoll));
  const size_t heard = listener_.changes().size();
  EXPECT_TRUE(listener_.HasChanges(heard + 3));
  EXPECT_EQ(CountInotifyInstances(), 0u);
  // Replacing the paths retries inotify.
  watcher_->Watch({outside_ / "old"});
  EXPECT_TRUE(listener_.HasMode(Mode::kInotify));
}

TEST_F(WatcherPollingTest, NoticesAMountOverItsDirectory) {
  bool is_permitted = false;
  // A thread can have its own mounts, which the watcher's thread inherits.
  std::thread([&] {
    is_permitted = ::unshare(CLONE_NEWNS) == 0 &&
                   ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    if (!is_permitted) return;
    Watch({watched_}, {.poll_interval = 1h, .retry_interval = 5ms});
    ASSERT_EQ(::mount("none", directory_.c_str(), "tmpfs", 0, nullptr), 0);
    WriteFile(directory_ / "a.toml", "1");
    EXPECT_TRUE(listener_.Sees("a=1"));
    ASSERT_EQ(::umount2(directory_.c_str(), 0), 0);
    EXPECT_TRUE(listener_.Sees(""));
    EXPECT_THAT(listener_.modes(), ElementsAre(Mode::kInotify));
  }).join();
  if (!is_permitted) GTEST_SKIP() << "mounting is not permitted here";
}

}  // namespace
}  // namespace khs::watch
