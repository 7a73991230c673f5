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
  const Consequence consequence = Judge(interest, {1, mask, name});
  EXPECT_EQ(consequence.look, expected.look) << std::hex << mask << " " << name;
  EXPECT_EQ(consequence.rearm, expected.rearm) << std::hex << mask << " " << name;
}

TEST(Judge, LooksAndFollowsPathsAnewWhenAComponentComesOrGoes) {
  const Interest parent{.everything = false, .is_end = false, .names = {"component"}};
  for (const uint32_t mask : {IN_CREATE, IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO}) {
    Expect({true, true}, parent, mask, "component");
    Expect({true, true}, parent, mask | IN_ISDIR, "component");
    Expect({false, false}, parent, mask, "noise");
  }
}

TEST(Judge, OnlyLooksWhenAFileIsWritten) {
  const Interest file{.everything = false, .is_end = true, .names = {"file"}};
  const Interest directory{.everything = true, .is_end = true, .names = {}};
  for (const uint32_t mask : {IN_MODIFY, IN_CLOSE_WRITE}) {
    Expect({true, false}, file, mask, "file");
    Expect({false, false}, file, mask, "noise");
    Expect({true, false}, directory, mask, "any.toml");
    Expect({false, false}, directory, mask, "any.toml~");
  }
}

TEST(Judge, TakesAComponentForOneWhateverItsName) {
  const Interest directory{.everything = true, .is_end = true, .names = {"..2026", "key~"}};
  Expect({true, true}, directory, IN_DELETE | IN_ISDIR, "..2026");
  Expect({true, false}, directory, IN_MODIFY, "key~");
  Expect({false, false}, directory, IN_CREATE | IN_ISDIR, "..2027");
}

TEST(Judge, FollowsPathsAnewWhenADirectoryItselfGoes) {
  const Interest parent{.everything = false, .is_end = false, .names = {"component"}};
  for (const uint32_t mask : {IN_DELETE_SELF, IN_MOVE_SELF, IN_IGNORED, IN_UNMOUNT}) {
    Expect({true, true}, parent, mask, "");
  }
}

TEST(MaskFor, AsksForWritingOnlyWhereItMatters) {
  EXPECT_EQ(MaskFor({.everything = false, .is_end = false, .names = {"a"}}) & IN_MODIFY, 0u);
  EXPECT_NE(MaskFor({.everything = false, .is_end = true, .names = {"a"}}) & IN_MODIFY, 0u);
  for (const uint32_t never : {IN_OPEN, IN_ACCESS, IN_ATTRIB, IN_CLOSE_NOWRITE}) {
    EXPECT_EQ(MaskFor({.everything = true, .is_end = true, .names = {}}) & never, 0u);
  }
}

TEST(OpenFiles, AreThoseThatWereWrittenAndNotClosed) {
  OpenFiles files;
  EXPECT_FALSE(files.AnyAt(kStart));
  files.Note({1, IN_MODIFY, "a"}, kStart);
  files.Note({1, IN_MODIFY, "b"}, kStart);
  files.Note({1, IN_CLOSE_WRITE, "a"}, kStart);
  EXPECT_TRUE(files.AnyAt(kStart));
  files.Note({2, IN_CLOSE_WRITE, "b"}, kStart);  // another directory's
  EXPECT_TRUE(files.AnyAt(kStart));
  files.Note({1, IN_CLOSE_WRITE, "b"}, kStart);
  EXPECT_FALSE(files.AnyAt(kStart));
}

TEST(OpenFiles, IncludeANewFileButNoNewLinkOrDirectory) {
  OpenFiles files;
  files.Note({1, IN_CREATE, "link", false}, kStart);
  EXPECT_FALSE(files.AnyAt(kStart));
  files.Note({1, IN_CREATE, "file", true}, kStart);
  EXPECT_TRUE(files.AnyAt(kStart));
}

TEST(OpenFiles, DoNotOutliveTheirNames) {
  for (const uint32_t end : {IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO}) {
    OpenFiles files;
    files.Note({1, IN_MODIFY, "a"}, kStart);
    files.Note({1, end, "a"}, kStart);
    EXPECT_FALSE(files.AnyAt(kStart)) << std::hex << end;
  }
  OpenFiles files;
  files.Note({1, IN_MODIFY, "a"}, kStart);
  files.ForgetWatch(2);
  EXPECT_TRUE(files.AnyAt(kStart));
  files.ForgetWatch(1);
  EXPECT_FALSE(files.AnyAt(kStart));
}

TEST(OpenFiles, AreNotWaitedForOnceTheirWriterIsSilent) {
  OpenFiles files;
  files.Note({1, IN_MODIFY, "a"}, kStart);
  files.Note({1, IN_MODIFY, "a"}, kStart + 1s);
  EXPECT_TRUE(files.AnyAt(kStart + 1s + kWriterSilence));
  EXPECT_FALSE(files.AnyAt(kStart + 1s + kWriterSilence + 1ms));
}

}  // namespace
}  // namespace khs::watch
