#include "watch/settler.h"

#include <gtest/gtest.h>

#include <ostream>
#include <sstream>

namespace khs::watch {
namespace {

// Each word is a look: `a1` is a plain file a with content 1, `A1` the same in a volume, `-` an
// empty directory, `!` an unreadable one; the files of one look are joined by `+`.
Snapshot Parse(const std::string& word) {
  Snapshot snapshot;
  if (word == "!") snapshot.error = "cannot be read";
  if (word == "!" || word == "-") return snapshot;
  std::istringstream files(word);
  for (std::string file; std::getline(files, file, '+');) {
    const char name = file.front();
    const bool atomic = name >= 'A' && name <= 'Z';
    const std::string stem(1, atomic ? static_cast<char>(name - 'A' + 'a') : name);
    snapshot.files.push_back({stem + ".toml", stem, file.substr(1), {}, atomic});
  }
  return snapshot;
}

// The format of Parse, followed by `?` if another look is required.
std::string Format(const Settler::Settled& settled) {
  if (!settled.snapshot.error.empty()) return settled.look_again ? "!?" : "!";
  std::string text;
  for (const DefinitionFile& file : settled.snapshot.files) {
    const char name = file.stem.front();
    if (!text.empty()) text += '+';
    text += file.atomic ? static_cast<char>(name - 'a' + 'A') : name;
    text += file.content;
  }
  if (text.empty()) text = "-";
  return settled.look_again ? text + "?" : text;
}

struct Sequence {
  const char* name;
  const char* looks;
  const char* believed;
};

void PrintTo(const Sequence& sequence, std::ostream* out) { *out << sequence.looks; }

class SettlerTest : public testing::TestWithParam<Sequence> {};

TEST_P(SettlerTest, AcceptsSettledFiles) {
  Settler settler;
  std::string believed;
  std::istringstream looks(GetParam().looks);
  for (std::string look; looks >> look;) {
    if (!believed.empty()) believed += ' ';
    believed += Format(settler.Look(Parse(look)));
  }
  EXPECT_EQ(believed, GetParam().believed);
}

INSTANTIATE_TEST_SUITE_P(
    Of, SettlerTest,
    testing::Values(
        Sequence{"NothingAtAll", "- -", "- -"},
        Sequence{"APlainFileSeenTwice", "a1 a1 a1", "-? a1 a1"},
        Sequence{"APlainFileThatLooksDifferentEachTime", "a1 a2 a3 a3", "-? -? -? a3"},
        Sequence{"APlainFileThatWasThereForOneLook", "a1 - -", "-? - -"},
        Sequence{"AChangeSeenTwice", "a1 a1 a2 a2", "-? a1 a1? a2"},
        Sequence{"AChangeThatWasTakenBack", "a1 a1 a2 a1 a1", "-? a1 a1? a1 a1"},
        Sequence{"AChangeTakenBackAndMadeAgain", "a1 a1 a2 a1 a2 a2", "-? a1 a1? a1 a1? a2"},
        Sequence{"AFileThatIsTruncatedAndWrittenInPieces", "a123 a123 a a1 a12 a129 a129",
                 "-? a123 a123? a123? a123? a123? a129"},
        Sequence{"AnAbsenceSeenTwice", "a1 a1 - - -", "-? a1 a1? - -"},
        Sequence{"AnAbsenceForOneLook", "a1 a1 - a1", "-? a1 a1? a1"},
        Sequence{"AFileThatIsRemovedAndWrittenAnew", "a1 a1 - a2 a2", "-? a1 a1? a1? a2"},
        Sequence{"OneFileHeldUpByNoOther", "a1+b1 a1+b1 a2+b1 a2+b2 a2+b2",
                 "-? a1+b1 a1+b1? a2+b1? a2+b2"},
        Sequence{"FilesByPathWhateverCameFirst", "b1 b1 a1+b1 a1+b1", "-? b1 b1? a1+b1"},
        Sequence{"AVolume", "A1 A2 -", "A1 A2 -"},
        Sequence{"AVolumeThatGainsAndLosesKeys", "A1+B1 B2+C2 A3", "A1+B1 B2+C2 A3"},
        Sequence{"AVolumeBesidePlainFiles", "A1+b1 A2+b1 A3+b2 b2 b2", "A1? A2+b1 A3+b1? b2 b2"},
        Sequence{"AVolumeInThePlaceOfAPlainFile", "a1 a1 A2 A3", "-? a1 A2 A3"},
        Sequence{"AVolumeInThePlaceOfAPlainFileOfTheSameContent", "a1 a1 A1 -", "-? a1 A1 -"},
        Sequence{"APlainFileInThePlaceOfAVolume", "A1 a1 a1 - -", "A1 A1? a1 a1? -"},
        Sequence{"AVolumeThatInterruptsADoubt", "a1 a1 a2 A3 a2 a2", "-? a1 a1? A3 A3? a2"},
        Sequence{"AnErrorBeforeAnything", "! a1 a1", "! -? a1"},
        Sequence{"AnErrorWhileAllIsDecided", "a1 a1 ! a1", "-? a1 ! a1"},
        Sequence{"AnErrorThatChangesNothing", "A1 ! ! A1 -", "A1 ! ! A1 -"},
        Sequence{"AnErrorThatIsNoLook", "a1 a1 a2 ! a2", "-? a1 a1? !? a2"},
        Sequence{"AnErrorThatIsNoAbsence", "a1 a1 - ! - a1", "-? a1 a1? !? - -?"},
        Sequence{"ADoubtBehindAnErrorThatIsNotConfirmed", "a1 a1 a2 ! a1", "-? a1 a1? !? a1"}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

TEST(Settler, TreatsAFilesErrorAsAChange) {
  Settler settler;
  const Snapshot good{{{"a.toml", "a", "1", {}}}, {}};
  const Snapshot bad{{{"a.toml", "a", {}, "Permission denied"}}, {}};
  settler.Look(good);
  EXPECT_EQ(settler.Look(good).snapshot, good);
  EXPECT_EQ(settler.Look(bad).snapshot, good);
  EXPECT_EQ(settler.Look(good).snapshot, good);
  EXPECT_EQ(settler.Look(bad).snapshot, good);
  EXPECT_EQ(settler.Look(bad).snapshot, bad);
}

TEST(Settler, ReturnsASnapshotsErrorUnchanged) {
  Settler settler;
  const Settler::Settled settled = settler.Look({{}, "more than 1000 definition files"});
  EXPECT_EQ(settled.snapshot.error, "more than 1000 definition files");
  EXPECT_FALSE(settled.look_again);
}

}  // namespace
}  // namespace khs::watch
