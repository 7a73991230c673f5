#include "http/response_framing.h"

#include <gtest/gtest.h>

namespace khs::http {
namespace {

using Body = Framing::Body;

FramingHeaders Headers(int status = 200) {
  FramingHeaders headers;
  headers.status = status;
  return headers;
}

TEST(ResponseFraming, TakesTheContentLength) {
  FramingHeaders headers = Headers();
  headers.content_length = {" 12 "};
  EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kSized, 12, true}));
}

TEST(ResponseFraming, TakesARepeatedContentLengthOnlyWhenItAgrees) {
  FramingHeaders headers = Headers();
  headers.content_length = {"12", "12"};
  EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kSized, 12, true}));
  headers.content_length = {"12", "13"};
  EXPECT_FALSE(DecideFraming(headers));
}

TEST(ResponseFraming, RefusesAContentLengthThatIsNoNumber) {
  for (const char* value : {"", "-1", "+1", "1,2", "0x1", "99999999999999999999"}) {
    FramingHeaders headers = Headers();
    headers.content_length = {value};
    EXPECT_FALSE(DecideFraming(headers)) << value;
  }
}

TEST(ResponseFraming, TakesChunksAndNothingElseAsTransferEncoding) {
  FramingHeaders headers = Headers();
  headers.transfer_encoding = {"Chunked"};
  EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kChunked, 0, true}));
  headers.transfer_encoding = {"gzip, chunked"};
  EXPECT_FALSE(DecideFraming(headers));
  headers.transfer_encoding = {"chunked", "chunked"};
  EXPECT_FALSE(DecideFraming(headers));
}

TEST(ResponseFraming, DoesNotReuseAConnectionWithBothLengthAndChunks) {
  FramingHeaders headers = Headers();
  headers.transfer_encoding = {"chunked"};
  headers.content_length = {"5"};
  EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kChunked, 0, false}));
}

TEST(ResponseFraming, ReadsUntilTheEndWithoutEither) {
  EXPECT_EQ(DecideFraming(Headers()).value(), (Framing{Body::kUntilClose, 0, false}));
}

TEST(ResponseFraming, KnowsThat204And304HaveNoBody) {
  for (const int status : {204, 304}) {
    FramingHeaders headers = Headers(status);
    EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kNone, 0, true})) << status;
    headers.content_length = {" 0 "};
    EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kNone, 0, true})) << status;
    headers.connection = {"close"};
    EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kNone, 0, false})) << status;
  }
}

TEST(ResponseFraming, DoesNotReuseAConnectionOnWhich204Or304AnnounceABody) {
  for (const int status : {204, 304}) {
    for (const std::vector<std::string_view>& length :
         {std::vector<std::string_view>{"12"}, {"0", "12"}, {"x"}, {""}}) {
      FramingHeaders headers = Headers(status);
      headers.content_length = length;
      EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kNone, 0, false}))
          << status << ' ' << length.back();
    }
    FramingHeaders headers = Headers(status);
    headers.transfer_encoding = {"chunked"};
    EXPECT_EQ(DecideFraming(headers).value(), (Framing{Body::kNone, 0, false})) << status;
  }
}

TEST(ResponseFraming, KeepsAConnectionAsItsVersionAndHeadersSay) {
  struct Case {
    bool http_1_1;
    std::vector<std::string_view> connection;
    bool kept;
  };
  for (const Case& each :
       {Case{true, {}, true}, Case{true, {"keep-alive"}, true}, Case{true, {"close"}, false},
        Case{true, {"foo, CLOSE"}, false}, Case{true, {"foo", "close"}, false},
        Case{false, {}, false}, Case{false, {"Keep-Alive"}, true}}) {
    FramingHeaders headers = Headers();
    headers.content_length = {"0"};
    headers.http_1_1 = each.http_1_1;
    headers.connection = each.connection;
    EXPECT_EQ(DecideFraming(headers)->keeps_alive, each.kept)
        << each.http_1_1 << (each.connection.empty() ? "" : each.connection.front());
  }
}

TEST(ResponseFraming, TellsHowLongTheEndpointKeepsAnIdleConnection) {
  using std::chrono::seconds;
  struct Case {
    std::vector<std::string_view> keep_alive;
    std::optional<seconds> timeout;
  };
  for (const Case& each :
       {Case{{}, std::nullopt}, Case{{""}, std::nullopt}, Case{{"timeout=5"}, seconds(5)},
        Case{{"timeout=0"}, seconds(0)}, Case{{"max=100, Timeout = 15 "}, seconds(15)},
        Case{{"max=100"}, std::nullopt}, Case{{"timeout=7", "timeout=6, timeout=8"}, seconds(6)},
        Case{{"timeout"}, std::nullopt}, Case{{"timeout="}, std::nullopt},
        Case{{"timeout=-1"}, std::nullopt}, Case{{"timeout=5s"}, std::nullopt},
        Case{{"xtimeout=5"}, std::nullopt}, Case{{"timeout=99999999999"}, seconds(86'400)}}) {
    FramingHeaders headers = Headers();
    headers.content_length = {"0"};
    headers.keep_alive = each.keep_alive;
    EXPECT_EQ(DecideFraming(headers)->idle_timeout, each.timeout)
        << (each.keep_alive.empty() ? "" : each.keep_alive.front());
  }
}

TEST(ResponseFraming, ReadsChunkSizes) {
  EXPECT_EQ(ParseChunkSize("0"), 0u);
  EXPECT_EQ(ParseChunkSize("1aF"), 0x1afu);
  EXPECT_EQ(ParseChunkSize("5 ;name=value"), 5u);
  for (const char* malformed : {"", " ", ";x", "g", "-1", "0x5", "5 5", "11111111111111111"}) {
    EXPECT_EQ(ParseChunkSize(malformed), std::nullopt) << malformed;
  }
}

}  // namespace
}  // namespace khs::http
