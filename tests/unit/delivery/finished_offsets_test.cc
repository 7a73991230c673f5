#include "delivery/finished_offsets.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/encoding.h"

namespace khs::delivery {
namespace {

OffsetRanges Every(int64_t step, int64_t count) {
  OffsetRanges ranges;
  for (int64_t i = 1; i <= count; ++i) ranges.push_back({i * step, i * step});
  return ranges;
}

TEST(FinishedOffsets, EncodeToNothingWhenThereAreNone) {
  EXPECT_EQ(EncodeFinished(5, {}), "");
  EXPECT_EQ(DecodeFinished(5, ""), OffsetRanges{});
}

TEST(FinishedOffsets, DecodeToWhatWasEncoded) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 500; ++round) {
    const auto position = static_cast<int64_t>(random() % 3 == 0 ? random() >> 2 : random() % 1000);
    const uint64_t longest = uint64_t{1} << (1 + random() % 20);
    OffsetRanges ranges;
    int64_t next = position + 1;
    for (uint64_t i = random() % 200; i > 0; --i) {
      const int64_t first = next + static_cast<int64_t>(random() % longest);
      const int64_t last = first + static_cast<int64_t>(random() % longest);
      ranges.push_back({first, last});
      next = last + 2;
    }
    const std::string text = EncodeFinished(position, ranges);
    ASSERT_LE(text.size(), kMaxMetadataBytes);
    EXPECT_EQ(DecodeFinished(position, text), ranges) << "round " << round;
  }
}

TEST(FinishedOffsets, UseTheShorterEncoding) {
  // One stuck record and a hundred thousand behind it.
  EXPECT_LT(EncodeFinished(0, {{1, 100'000}}).size(), 32u);
  // Every other one: a bit each.
  EXPECT_LT(EncodeFinished(0, Every(2, 8'000)).size(), 2'800u);
}

TEST(FinishedOffsets, LeaveOutTheHighestOffsetsThatDoNotFit) {
  for (const int64_t step : {2, 3, 100, 1'000'000}) {
    const OffsetRanges all = Every(step, 50'000);
    const std::string text = EncodeFinished(0, all);
    EXPECT_LE(text.size(), kMaxMetadataBytes);
    EXPECT_GT(text.size(), kMaxMetadataBytes * 9 / 10);
    const auto kept = DecodeFinished(0, text);
    ASSERT_TRUE(kept.has_value());
    ASSERT_GT(kept->size(), 100u);
    EXPECT_TRUE(std::equal(kept->begin(), kept->end(), all.begin()));
  }
}

TEST(FinishedOffsets, FitIntoAnySize) {
  for (size_t room = 0; room < 300; ++room) {
    const std::string text = EncodeFinished(0, Every(3, 1'000), room);
    EXPECT_LE(text.size(), room);
    EXPECT_TRUE(DecodeFinished(0, text).has_value());
  }
}

TEST(FinishedOffsets, FromAnotherProgramAreRefused) {
  const std::string good = EncodeFinished(5, {{7, 8}, {20, 29}});
  EXPECT_EQ(DecodeFinished(5, "hello").error(), "it was written by another program");
  EXPECT_EQ(DecodeFinished(5, "khs2:AAAA").error(), "it was written by another version");
  EXPECT_EQ(DecodeFinished(5, "khs1:?").error(), "it is not base64");
  EXPECT_EQ(DecodeFinished(5, "khs1:").error(), "it is too short");
  EXPECT_EQ(DecodeFinished(6, good).error(), "its checksum is wrong");
  // Every text that lost its end or in which a character was changed.
  for (size_t at = 0; at < good.size(); ++at) {
    EXPECT_FALSE(DecodeFinished(5, good.substr(0, at == 0 ? 1 : at)).has_value()) << at;
    std::string changed = good;
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(DecodeFinished(5, changed).has_value()) << at;
  }
}

// Forged with a valid checksum.
std::string Forged(int64_t position, const std::string& body) {
  const uint32_t sum = base::Crc32(std::to_string(position) + body);
  std::string bytes;
  for (unsigned shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(sum >> shift & 0xff);
  return "khs1:" + base::Base64Encode(bytes + body);
}

TEST(FinishedOffsets, ThatAreImpossibleAreRefused) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(DecodeFinished(5, Forged(5, "b\x02")), (OffsetRanges{{6, 6}}));
  EXPECT_FALSE(DecodeFinished(5, Forged(5, "b\x03")).has_value());  // the position itself
  EXPECT_FALSE(DecodeFinished(kMost - 3, Forged(kMost - 3, "b\x08")).has_value());
  EXPECT_FALSE(DecodeFinished(kMost - 3, Forged(kMost - 3, "r\x01\x05")).has_value());
}

TEST(FinishedOffsets, DecodeAtTheHighestOffset) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const OffsetRanges ranges{{kMost - 9, kMost - 5}, {kMost - 2, kMost - 1}};
  EXPECT_EQ(DecodeFinished(kMost - 20, EncodeFinished(kMost - 20, ranges)), ranges);
}

}  // namespace
}  // namespace khs::delivery
