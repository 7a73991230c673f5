#include "http/response.h"

#include <gtest/gtest.h>

namespace khs::http {
namespace {

// The tests of EndpointClient cover what it reads of such responses.
TEST(ParseChunksEnd, RecognizesTheLastChunk) {
  for (const char* read :
       {"0\r\n\r\n", "1\r\na\r\n0\r\n\r\n", "1\r\na\r\n000\r\n\r\n",
        "1\r\na\r\n0;ext=\"x\"\r\n\r\n", "1\na\n0\n\n", "1\r\na\r\n 0 \r\n\r\n"}) {
    EXPECT_EQ(ParseChunksEnd(read), ChunksEnd::kWhole) << read;
  }
}

TEST(ParseChunksEnd, RecognizesTrailers) {
  // Poco 1.13 reads all trailers, Poco 1.11 only the first.
  EXPECT_EQ(ParseChunksEnd("0\r\nA: 1\r\nB: 2\r\n\r\n"), ChunksEnd::kWithTrailers);
  EXPECT_EQ(ParseChunksEnd("0\r\nA: 1\r\n"), ChunksEnd::kWithTrailers);
}

TEST(ParseChunksEnd, RejectsAnyOtherEnd) {
  for (const char* read : {"", "\r\n", "0\r\n", "0\r\n\r", "1\r\na\r\n", "1\r\na\r\nz",
                           "1\r\na\r\n\r\n\r\n", ";e\r\n\r\n", "1\r\na\r\n0x\r\n\r\n",
                           "1\r\na\r\n10\r\n\r\n", "-0\r\n\r\n", "0\r\nno trailer\r\n\r\n"}) {
    EXPECT_EQ(ParseChunksEnd(read), ChunksEnd::kMalformed) << read;
  }
}

}  // namespace
}  // namespace khs::http
