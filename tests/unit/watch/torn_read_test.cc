// Tests of readers with writers that write continuously.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>

#include "unit/watch/directory_for_tests.h"
#include "unit/watch/volume_for_tests.h"
#include "watch/snapshot.h"

namespace khs::watch {
namespace {

constexpr int kKeys = 41;

// How long each writer writes.
std::chrono::duration<double> SwapTime() {
  const char* seconds = std::getenv("SWAP_SECONDS");
  return std::chrono::duration<double>(seconds != nullptr ? std::atof(seconds) : 2.0) / 2;
}

// The keys depend on the version, which each file contains.
VolumeForTests::Files FilesOf(uint64_t version) {
  VolumeForTests::Files files;
  for (uint64_t key = 0; key < kKeys + 6; ++key) {
    if ((key + version) % 8 == 0) continue;
    files["key" + std::to_string(key) + ".toml"] = std::to_string(version);
  }
  return files;
}

// Returns the version of a snapshot, which must be consistent and not older than `oldest`.
uint64_t CheckOneVersion(const Snapshot& snapshot, uint64_t oldest) {
  EXPECT_FALSE(snapshot.files.empty());
  if (snapshot.files.empty()) return oldest;
  const uint64_t version = std::strtoull(snapshot.files.front().content.c_str(), nullptr, 10);
  EXPECT_GE(version, oldest);
  VolumeForTests::Files files;
  for (const DefinitionFile& file : snapshot.files) {
    EXPECT_EQ(file.error, "") << file.path;
    files[fs::path(file.path).filename()] = file.content;
  }
  EXPECT_EQ(files, FilesOf(version));
  EXPECT_EQ(files.size(), snapshot.files.size());
  return version;
}

// Runs a writer until its time limit or a failure.
template <class Write, class Read>
void ReadAgainst(Write write, Read read) {
  std::atomic<bool> is_over = false;
  std::thread writer([&] {
    const auto end = std::chrono::steady_clock::now() + SwapTime();
    while (std::chrono::steady_clock::now() < end && !testing::Test::HasFailure()) write();
    is_over = true;
  });
  while (!is_over && !testing::Test::HasFailure()) read();
  writer.join();
}

class TornReadTest : public testing::TestWithParam<VolumeForTests::Links> {};

TEST_P(TornReadTest, NeverHappensWhileAVolumeIsSwappedInATightLoop) {
  const DirectoryForTests directory;
  VolumeForTests volume(directory.path(), GetParam());
  uint64_t version = 0;
  volume.Put(FilesOf(version));
  uint64_t seen = 0;
  int reads = 0;
  int refused = 0;
  ReadAgainst([&] { volume.Put(FilesOf(++version)); },
              [&] {
                const Snapshot snapshot = ReadDirectory(directory.path());
                if (snapshot.error.empty()) {
                  ++reads;
                  seen = CheckOneVersion(snapshot, seen);
                  for (const DefinitionFile& file : snapshot.files) EXPECT_TRUE(file.atomic);
                } else {
                  ++refused;
                  EXPECT_EQ(snapshot.error, "it keeps changing while it is read");
                }
              });
  RecordProperty("versions", std::to_string(version));
  RecordProperty("reads", reads);
  RecordProperty("refused", refused);
  EXPECT_GT(reads, 0);
  const Snapshot end = ReadDirectory(directory.path());
  EXPECT_EQ(end.error, "");
  EXPECT_EQ(CheckOneVersion(end, seen), version);
}

INSTANTIATE_TEST_SUITE_P(LinksMade, TornReadTest,
                         testing::Values(VolumeForTests::Links::kAfterSwap,
                                         VolumeForTests::Links::kBeforeSwap),
                         [](const auto& param_info) {
                           return param_info.param == VolumeForTests::Links::kAfterSwap
                                      ? "AfterTheSwap"
                                      : "BeforeTheSwap";
                         });

// Like git-sync: a link to a separate directory for each version.
TEST(TornRead, NeverHappensWhileALinkToTheDirectoryIsRetargetedInATightLoop) {
  const DirectoryForTests directory;
  const fs::path link = directory / "current";
  uint64_t version = 0;
  const auto put = [&] {
    const fs::path made = directory / std::to_string(version);
    fs::create_directory(made);
    for (const auto& [name, content] : FilesOf(version)) WriteFile(made / name, content);
    PointLink(link, made.filename());
    if (version > 0) fs::remove_all(directory / std::to_string(version - 1));
  };
  put();
  uint64_t seen = 0;
  int reads = 0;
  ReadAgainst(
      [&] {
        ++version;
        put();
      },
      [&] {
        const Snapshot snapshot = ReadDirectory(link);
        if (!snapshot.error.empty()) return;
        ++reads;
        seen = CheckOneVersion(snapshot, seen);
      });
  EXPECT_GT(reads, 0);
  EXPECT_EQ(CheckOneVersion(ReadDirectory(link), seen), version);
}

}  // namespace
}  // namespace khs::watch
