#include "http/response_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delivery/retry_indicator.h"
#include "http/response_head.h"

namespace khs::http {
namespace {

using ::testing::HasSubstr;

const std::string kChunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// The answer that these bytes make when they arrive in pieces of this size.
Response Read(const std::string& bytes, size_t piece) {
  ResponseReader reader;
  reader.Start();
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const auto whole = reader.Add(std::string_view(bytes).substr(at, piece));
    if (!whole) {
      ADD_FAILURE() << whole.error().detail;
      break;
    }
    if (*whole) {
      // Nothing of these answers is left over, but when it is cut off on purpose.
      return reader.response();
    }
  }
  const auto ended = reader.End();
  EXPECT_TRUE(ended && *ended) << "piece of " << piece;
  return reader.response();
}

std::string ProblemOf(const std::string& bytes, size_t piece) {
  ResponseReader reader;
  reader.Start();
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const auto whole = reader.Add(std::string_view(bytes).substr(at, piece));
    if (!whole) return whole.error().detail;
    if (*whole) return "none";
  }
  const auto ended = reader.End();
  return ended ? "none" : ended.error().detail;
}

TEST(ResponseReader, MakesTheSameAnswerHoweverItsBytesArrive) {
  struct Case {
    std::string bytes;
    std::string body;
    bool reusable;
  };
  for (const Case& each : {
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", "body", true},
           Case{"HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", "body", true},
           Case{"HTTP/1.1 200\r\ncontent-length:4\r\n\r\nbody", "body", true},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true},
           Case{"HTTP/1.1 200 OK\r\nX: folded\r\n line\r\nContent-Length: 1\r\n\r\nx", "x", true},
           Case{"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5,\r\n max=9\r\nContent-Length: 0\r\n\r\n",
                "", true},
           Case{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "x",
                true},
           Case{kChunkedHead + "2\r\nbo\r\n2;x=y\r\ndy\r\n0\r\nTrailer: x\r\n\r\n", "body", true},
           Case{kChunkedHead + "0\r\n\r\n", "", true},
           Case{"HTTP/1.1 200 OK\r\n\r\nbody", "body", false},
           Case{"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", "body", false},
       }) {
    for (const size_t piece : {size_t{1}, size_t{2}, size_t{7}, each.bytes.size()}) {
      const Response response = Read(each.bytes, piece);
      EXPECT_EQ(response.status, 200) << each.bytes;
      EXPECT_EQ(response.body, each.body) << each.bytes;
      EXPECT_EQ(response.reusable, each.reusable) << each.bytes;
    }
  }
}

TEST(ResponseReader, FindsTheSameFaultHoweverItsBytesArrive) {
  for (const auto& [bytes, problem] : std::vector<std::pair<std::string, std::string>>{
           {"", "before the answer"},
           {"HTTP/1.1 2", "within the answer's head"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbod", "within the answer's body"},
           {kChunkedHead + "2\r\nbo", "within the answer's body"},
           {kChunkedHead + "0\r\n", "within the answer's body"},
           {"SSH-2.0-x\r\n", "status line"},
           {"HTTP/2 200\r\n\r\n", "status line"},
           {"HTTP/1.1 200OK\r\n\r\n", "status line"},
           {"HTTP/1.1 20\r\n\r\n", "status line"},
           {"HTTP/1.1 099 x\r\n\r\n", "status line"},
           {"HTTP/1.1 101 x\r\n\r\n", "switched protocols"},
           {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "its head is malformed"},
           {"HTTP/1.1 200 OK\r\nName : x\r\n\r\n", "its head is malformed"},
           {"HTTP/1.1 200 OK\r\n folded: first\r\n\r\n", "its head is malformed"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\nx", "its head is malformed"},
           {kChunkedHead + "1\r\nab\r\n0\r\n\r\n", "longer than its size"},
           {kChunkedHead + "x\r\n", "chunk's size"},
       }) {
    for (const size_t piece : {size_t{1}, size_t{3}, std::max<size_t>(bytes.size(), 1)}) {
      EXPECT_THAT(ProblemOf(bytes, piece), HasSubstr(problem)) << bytes;
    }
  }
}

TEST(ResponseReader, BoundsWhatItHolds) {
  const std::string line(100'000, 'x');
  EXPECT_THAT(ProblemOf("HTTP/1.1 200 OK\r\nX: " + line, 1000), HasSubstr("too large"));
  EXPECT_THAT(ProblemOf(kChunkedHead + "1;" + line, 1000), HasSubstr("too long"));
  EXPECT_THAT(ProblemOf(kChunkedHead + "0\r\nX: " + line, 1000), HasSubstr("too large"));
  std::string trailers = kChunkedHead + "0\r\n";
  for (int i = 0; i < 20'000; ++i) trailers += "A: 1\r\n";
  EXPECT_THAT(ProblemOf(trailers, 1000), HasSubstr("too large"));
}

TEST(ResponseReader, TakesTheLongestLineHoweverItsBytesArrive) {
  // 4,096 bytes of a chunk's line, 65,536 of trailers with their ends.
  const std::string chunk = "1;" + std::string(4094, 'x');
  const std::string trailer = "T:" + std::string(65'532, 'x');
  for (const size_t piece : {size_t{1}, size_t{1000}, size_t{200'000}}) {
    EXPECT_EQ(Read(kChunkedHead + chunk + "\r\na\r\n0\r\n\r\n", piece).body, "a");
    EXPECT_EQ(Read(kChunkedHead + "1\r\na\r\n0\r\n" + trailer + "\r\n\r\n", piece).body, "a");
    EXPECT_THAT(ProblemOf(kChunkedHead + chunk + "x\r\n", piece), HasSubstr("too long"));
    EXPECT_THAT(ProblemOf(kChunkedHead + "0\r\n" + trailer + "x\r\n\r\n", piece),
                HasSubstr("too large"));
  }
}

TEST(ResponseReader, LeavesABodyUnreadThatIsTooLargeToJudge) {
  const std::string body(delivery::kMaxIndicatorBody + 1, 'x');
  for (const std::string& bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + body, "HTTP/1.1 200 OK\r\n\r\n" + body,
        kChunkedHead + "10001\r\n" + body}) {
    const Response response = Read(bytes, 5000);
    EXPECT_EQ(response.body, "");
    EXPECT_FALSE(response.reusable);
  }
}

TEST(ResponseReader, TakesTheLargestBodyAByteAChunk) {
  std::string bytes = kChunkedHead;
  for (size_t i = 0; i < delivery::kMaxIndicatorBody; ++i) bytes += "1\r\nx\r\n";
  bytes += "0\r\n\r\n";
  const Response response = Read(bytes, 5000);
  EXPECT_EQ(response.body, std::string(delivery::kMaxIndicatorBody, 'x'));
  EXPECT_TRUE(response.reusable);
}

TEST(ResponseReader, LeavesABodyUnreadWhoseChunksSayMoreThanTheyHold) {
  const std::string chunk = "1;" + std::string(4000, 'x') + "\r\na\r\n";
  ResponseReader reader;
  reader.Start();
  ASSERT_FALSE(*reader.Add(kChunkedHead));
  size_t chunks = 0;
  while (chunks < 1000 && !*reader.Add(chunk)) ++chunks;
  EXPECT_LT(chunks, 200u);
  EXPECT_EQ(reader.response().status, 200);
  EXPECT_EQ(reader.response().body, "");
  EXPECT_FALSE(reader.response().reusable);
}

TEST(ResponseReader, ForgetsOneAnswerBeforeTheNext) {
  ResponseReader reader;
  reader.Start();
  EXPECT_TRUE(*reader.Add("HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 1\r\n\r\nxy"));
  EXPECT_EQ(reader.response().retry_after, "7");
  EXPECT_FALSE(reader.response().reusable);  // more came than the answer
  reader.Start();
  EXPECT_TRUE(*reader.Add("HTTP/1.1 204 Fine\r\n\r\n"));
  EXPECT_EQ(reader.response().status, 204);
  EXPECT_EQ(reader.response().body, "");
  EXPECT_EQ(reader.response().retry_after, std::nullopt);
  EXPECT_TRUE(reader.response().reusable);
}

}  // namespace
}  // namespace khs::http
