#include "watch/events.h"

#include <gtest/gtest.h>
#include <sys/inotify.h>

namespace khs::watch {
namespace {

using namespace std::chrono_literals;

constexpr base::MonotonicTime kStart{};

struct Expected {
  bool look;
  bool rearm;
};

void Expect(Expected expected, const Interest& interest, uint32_t mask, const char* name) {
  const RequiredActions actions = ActionsFor(interest, {1, mask, name});
  EXPECT_EQ(actions.look, expected.look) << std::hex << mask << " " << name;
  EXPECT_EQ(actions.rearm, expected.rearm) << std::hex << mask << " " << name;
}

TEST(ActionsFor, LooksAndRearmsWhenAComponentIsAddedOrRemoved) {
  const Interest parent{.everything = false, .is_end = false, .names = {"component"}};
  for (const uint32_t mask : {IN_CREATE, IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO}) {
    Expect({true, true}, parent, mask, "component");
    Expect({true, true}, parent, mask | IN_ISDIR, "component");
    Expect({false, false}, parent, mask, "noise");
  }
}

TEST(ActionsFor, OnlyLooksWhenAFileIsWritten) {
  const Interest file{.everything = false, .is_end = true, .names = {"file"}};
  const Interest directory{.everything = true, .is_end = true, .names = {}};
  for (const uint32_t mask : {IN_MODIFY, IN_CLOSE_WRITE}) {
    Expect({true, false}, file, mask, "file");
    Expect({false, false}, file, mask, "noise");
    Expect({true, false}, directory, mask, "any.toml");
    Expect({false, false}, directory, mask, "any.toml~");
  }
}

TEST(ActionsFor, AcceptsAnyNameAsAComponent) {
  const Interest directory{.everything = true, .is_end = true, .names = {"..2026", "key~"}};
  Expect({true, true}, directory, IN_DELETE | IN_ISDIR, "..2026");
  Expect({true, false}, directory, IN_MODIFY, "key~");
  Expect({false, false}, directory, IN_CREATE | IN_ISDIR, "..2027");
}

TEST(ActionsFor, RearmsWhenAWatchedDirectoryIsRemoved) {
  const Interest parent{.everything = false, .is_end = false, .names = {"component"}};
  for (const uint32_t mask : {IN_DELETE_SELF, IN_MOVE_SELF, IN_IGNORED, IN_UNMOUNT}) {
    Expect({true, true}, parent, mask, "");
  }
}

TEST(MaskFor, RequestsWritesOnlyWhereRelevant) {
  EXPECT_EQ(MaskFor({.everything = false, .is_end = false, .names = {"a"}}) & IN_MODIFY, 0u);
  EXPECT_NE(MaskFor({.everything = false, .is_end = true, .names = {"a"}}) & IN_MODIFY, 0u);
  for (const uint32_t never : {IN_OPEN, IN_ACCESS, IN_ATTRIB, IN_CLOSE_NOWRITE}) {
    EXPECT_EQ(MaskFor({.everything = true, .is_end = true, .names = {}}) & never, 0u);
  }
}

TEST(OpenFiles, AreThoseThatWereWrittenAndNotClosed) {
  OpenFiles files;
  EXPECT_FALSE(files.HasAny(kStart));
  files.Update({1, IN_MODIFY, "a"}, kStart);
  files.Update({1, IN_MODIFY, "b"}, kStart);
  files.Update({1, IN_CLOSE_WRITE, "a"}, kStart);
  EXPECT_TRUE(files.HasAny(kStart));
  files.Update({2, IN_CLOSE_WRITE, "b"}, kStart);  // another directory's
  EXPECT_TRUE(files.HasAny(kStart));
  files.Update({1, IN_CLOSE_WRITE, "b"}, kStart);
  EXPECT_FALSE(files.HasAny(kStart));
}

TEST(OpenFiles, IncludeANewFileButNoNewLinkOrDirectory) {
  OpenFiles files;
  files.Update({1, IN_CREATE, "link", false}, kStart);
  EXPECT_FALSE(files.HasAny(kStart));
  files.Update({1, IN_CREATE, "file", true}, kStart);
  EXPECT_TRUE(files.HasAny(kStart));
}

TEST(OpenFiles, AreDroppedWithTheirNames) {
  for (const uint32_t end : {IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO}) {
    OpenFiles files;
    files.Update({1, IN_MODIFY, "a"}, kStart);
    files.Update({1, end, "a"}, kStart);
    EXPECT_FALSE(files.HasAny(kStart)) << std::hex << end;
  }
  OpenFiles files;
  files.Update({1, IN_MODIFY, "a"}, kStart);
  files.RemoveWatch(2);
  EXPECT_TRUE(files.HasAny(kStart));
  files.RemoveWatch(1);
  EXPECT_FALSE(files.HasAny(kStart));
}

TEST(OpenFiles, AreDroppedOnceTheirWriterIsSilent) {
  OpenFiles files;
  files.Update({1, IN_MODIFY, "a"}, kStart);
  files.Update({1, IN_MODIFY, "a"}, kStart + 1s);
  EXPECT_TRUE(files.HasAny(kStart + 1s + kWriterSilence));
  EXPECT_FALSE(files.HasAny(kStart + 1s + kWriterSilence + 1ms));
}

}  // namespace
}  // namespace khs::watch
