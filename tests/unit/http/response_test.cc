#include "http/response.h"

#include <gtest/gtest.h>

namespace khs::http {
namespace {

// What a client reads of these is in the tests of the endpoint client.
TEST(HowChunksEnd, KnowsTheLastChunkWhateverItLooksLike) {
  for (const char* read :
       {"0\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "1\r\na\r\n000\r\n\r\n",
        "1\r\na\r\n0;ext=\"x\"\r\n\r\n", "1\na\n0\n\n", "1\r\na\r\n 0 \r\n\r\n"}) {
    EXPECT_EQ(HowChunksEnd(read), ChunksEnd::kWhole) << read;
  }
}

TEST(HowChunksEnd, KnowsTrailers) {
  // All of them, as Poco 1.13 reads, and the first one alone.
  EXPECT_EQ(HowChunksEnd("0\r\nA: 1\r\nB: 2\r\n\r\n"), ChunksEnd::kWithTrailers);
  EXPECT_EQ(HowChunksEnd("0\r\nA: 1\r\n"), ChunksEnd::kWithTrailers);
}

TEST(HowChunksEnd, TakesNoOtherEndForTheLastChunk) {
  for (const char* read : {"", "\r\n", "0\r\n", "0\r\n\r", "1\r\na\r\n", "1\r\na\r\nz",
                           "1\r\na\r\n\r\n\r\n", ";e\r\n\r\n", "1\r\na\r\n0x\r\n\r\n",
                           "1\r\na\r\n10\r\n\r\n", "-0\r\n\r\n", "0\r\nno trailer\r\n\r\n"}) {
    EXPECT_EQ(HowChunksEnd(read), ChunksEnd::kMalformed) << read;
  }
}

}  // namespace
}  // namespace khs::http
