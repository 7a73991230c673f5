#include "rest/request_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace khs::rest {
namespace {

using State = RequestReader::State;

struct Result {
  std::vector<Request> requests;
  State end = State::kIdle;
  int status = 0;
};

Result ReadAll(std::string_view bytes, size_t step, const Limits& limits = {}) {
  RequestReader reader(limits);
  Result result;
  while (!bytes.empty()) {
    reader.Append(bytes.substr(0, step));
    bytes.remove_prefix(std::min(step, bytes.size()));
    for (;;) {
      result.end = reader.Advance();
      if (result.end == State::kComplete) {
        result.requests.push_back(reader.TakeRequest());
      } else if (result.end != State::kHeadRead) {
        break;
      }
    }
  }
  if (result.end == State::kRejected) result.status = reader.rejection().status;
  return result;
}

const std::string kPost = "POST /a HTTP/1.1\r\nHost: h\r\n";

// The status of a chunked body that is refused; 0 when it is accepted.
int StatusOf(const std::string& chunks, const Limits& limits = {}) {
  const std::string text = kPost + "Transfer-Encoding: chunked\r\n\r\n" + chunks;
  const Result whole = ReadAll(text, text.size(), limits);
  EXPECT_EQ(ReadAll(text, 1, limits).status, whole.status) << chunks;
  if (whole.status == 0) {
    EXPECT_EQ(whole.requests.size(), 1u) << chunks;
  }
  return whole.status;
}

TEST(RequestReader, FindsRequestsHoweverTheirBytesCome) {
  const std::string text = kPost + "Content-Length: 5\r\n\r\nhello" +
                           "GET /b HTTP/1.1\r\nHost: h\r\n\r\n" + kPost +
                           "Transfer-Encoding: chunked\r\n\r\n" +
                           "5\r\nhello\r\n00A;x=\"y\"\r\n, chunked!\r\n0\r\nTrailer: 1\r\n\r\n" +
                           "\r\n\r\n" + "GET /c HTTP/1.0\r\n\r\n";
  for (size_t step = 1; step <= text.size(); ++step) {
    const Result result = ReadAll(text, step);
    ASSERT_EQ(result.requests.size(), 4u) << step;
    EXPECT_EQ(result.end, State::kIdle);
    EXPECT_EQ(result.requests[0].body, "hello");
    EXPECT_EQ(result.requests[1].path, "/b");
    EXPECT_EQ(result.requests[1].body, "");
    EXPECT_EQ(result.requests[2].body, "hello, chunked!");
    EXPECT_EQ(result.requests[3].path, "/c");
  }
}

TEST(RequestReader, StopsBetweenHeadAndBody) {
  const Limits limits;
  RequestReader reader(limits);
  reader.Append(kPost + "Content-Length: 5\r\n\r\nhel");
  EXPECT_EQ(reader.Advance(), State::kHeadRead);
  EXPECT_EQ(reader.head().request.path, "/a");
  EXPECT_TRUE(reader.has_more());
  EXPECT_EQ(reader.Advance(), State::kBody);
  EXPECT_FALSE(reader.has_more());
  reader.Append("lo");
  EXPECT_EQ(reader.Advance(), State::kComplete);
  EXPECT_EQ(reader.Advance(), State::kComplete);
  EXPECT_EQ(reader.TakeRequest().body, "hello");
  EXPECT_EQ(reader.Advance(), State::kIdle);
  EXPECT_LT(reader.held_bytes(), 100u);
}

TEST(RequestReader, RefusesBadChunks) {
  EXPECT_EQ(StatusOf("0\r\n\r\n"), 0);
  EXPECT_EQ(StatusOf("1\r\na\r\n0\r\n\r\n"), 0);
  for (const std::string chunks : {
           "\r\n",
           "g\r\n",
           "-1\r\n",
           "+1\r\na\r\n0\r\n\r\n",
           "0x1\r\na\r\n0\r\n\r\n",
           " 1\r\na\r\n0\r\n\r\n",
           "1 \r\na\r\n0\r\n\r\n",
           "1\na\r\n0\r\n\r\n",
           "1\r\nab\r\n0\r\n\r\n",
           "1\r\na0\r\n\r\n",
           "1\r\na\n0\r\n\r\n",
           "1;\x01\r\na\r\n0\r\n\r\n",
           "1;a\rb\r\na\r\n0\r\n\r\n",
           ";x\r\n",
           "0\r\nnonsense\r\n\r\n",
           "0\r\n Folded: 1\r\n\r\n",
       }) {
    EXPECT_EQ(StatusOf(chunks), 400) << chunks;
  }
  EXPECT_EQ(StatusOf("1;" + std::string(2000, 'x')), 400);
  EXPECT_EQ(StatusOf(std::string(2000, '0')), 400);
  std::string trailer = "0\r\n";
  while (trailer.size() < 10'000) trailer += "A-Name: and a value\r\n";
  EXPECT_EQ(StatusOf(trailer), 431);
}

TEST(RequestReader, BoundsABodyHoweverItIsFramed) {
  Limits limits;
  limits.body_bytes = 4;
  EXPECT_EQ(StatusOf("4\r\nabcd\r\n0\r\n\r\n", limits), 0);
  EXPECT_EQ(StatusOf("5\r\n", limits), 413);
  EXPECT_EQ(StatusOf("3\r\nabc\r\n2\r\n", limits), 413);
  EXPECT_EQ(StatusOf("ffffffffffffffff\r\n", limits), 413);
  EXPECT_EQ(StatusOf("10000000000000001\r\n", limits), 413);
  EXPECT_EQ(ReadAll(kPost + "Content-Length: 5\r\n\r\n", 10, limits).status, 413);
}

TEST(RequestReader, GoesNoFurtherAfterWhatItRefused) {
  const Result result = ReadAll("nonsense\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 5);
  EXPECT_EQ(result.end, State::kRejected);
  EXPECT_TRUE(result.requests.empty());
}

}  // namespace
}  // namespace khs::rest
