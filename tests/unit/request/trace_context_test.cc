#include "request/trace_context.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace khs::request {
namespace {

using delivery::RecordHeader;

// The example of W3C Trace Context, section 3.2.
const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kOwn = "00-" + kTrace + "-b7ad6b7169203331-01";
const std::string kDerived = "10fa1aa8c54d24d72d5ba1b3aaed0c4e";
const std::string kHop = "10fa1aa8c54d24d7";
const std::string kContinued = "00-" + kTrace + "-" + kHop + "-01";
const std::string kBegun = "00-" + kDerived + "-" + kHop + "-00";

TraceContext TraceWith(std::vector<RecordHeader> headers) {
  return MakeTraceContext(headers, kDerived);
}

std::string ParentOf(const std::string& own) { return TraceWith({{"traceparent", own}}).parent; }

std::string StateOf(const std::vector<std::string>& own) {
  std::vector<RecordHeader> headers{{"traceparent", kOwn}};
  for (const std::string& one : own) headers.push_back({"tracestate", one});
  return TraceWith(headers).state;
}

TEST(TraceContext, StartsAnUnsampledTrace) {
  const TraceContext trace = TraceWith({{"tenant", "blue"}});
  EXPECT_EQ(trace.parent, kBegun);
  EXPECT_EQ(trace.state, "");
}

TEST(TraceContext, ContinuesTheRecordsOwnWithAnIdOfThisHop) {
  EXPECT_EQ(ParentOf(kOwn), kContinued);
  EXPECT_EQ(TraceWith({{"TraceParent", kOwn}}).parent, kContinued);
}

TEST(TraceContext, KeepsKnownFlagsOnly) {
  const std::string own = kOwn.substr(0, 53);
  const std::string continued = kContinued.substr(0, 53);
  EXPECT_EQ(ParentOf(own + "00"), continued + "00");
  EXPECT_EQ(ParentOf(own + "03"), continued + "03");
  EXPECT_EQ(ParentOf(own + "ff"), continued + "03");
  EXPECT_EQ(ParentOf(own + "0d"), continued + "01");
}

TEST(TraceContext, ReadsLaterVersionsAndSendsItsOwn) {
  const std::string later = "cc" + kOwn.substr(2);
  EXPECT_EQ(ParentOf(later), kContinued);
  EXPECT_EQ(ParentOf(later + "-what-the-future-will-be-like"), kContinued);
  EXPECT_EQ(ParentOf(later + "-"), kContinued);
  EXPECT_EQ(ParentOf(later + "."), kBegun);
  EXPECT_EQ(ParentOf(later + "0"), kBegun);
}

TEST(TraceContext, IgnoresAnInvalidTraceparent) {
  const std::string zeros(32, '0');
  const std::vector<std::string> others{
      "",
      "garbage",
      kOwn.substr(0, 54),
      kOwn + "-",
      kOwn + "-00",
      " " + kOwn,
      kOwn + " ",
      "ff" + kOwn.substr(2),
      "0" + kOwn.substr(1, 1) + "_" + kOwn.substr(3),
      "0A" + kOwn.substr(2),
      "00-" + zeros + "-b7ad6b7169203331-01",
      "00-" + kTrace + "-" + zeros.substr(16) + "-01",
      "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
      "00-" + kTrace + "-B7AD6B7169203331-01",
      "00-" + kTrace + "-b7ad6b7169203331-0A",
      "00-" + kTrace + "-b7ad6b7169203331-g1",
      "00-" + kTrace.substr(1) + "g-b7ad6b7169203331-01",
      "00-" + kTrace + "_b7ad6b7169203331-01",
      "00-" + kTrace + "-b7ad6b7169203331_01",
      kOwn.substr(0, 50) + "\r\nX: 1",
      std::string(55, '\0'),
  };
  for (const std::string& other : others) EXPECT_EQ(ParentOf(other), kBegun) << other;
  EXPECT_EQ(TraceWith({{"traceparent", std::nullopt}}).parent, kBegun);
}

TEST(TraceContext, TakesTheLastOfSeveral) {
  EXPECT_EQ(TraceWith({{"traceparent", "garbage"}, {"traceparent", kOwn}}).parent, kContinued);
  EXPECT_EQ(TraceWith({{"traceparent", kOwn}, {"traceparent", "garbage"}}).parent, kBegun);
}

TEST(TraceContext, PassesOnTheState) {
  EXPECT_EQ(StateOf({"rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}),
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  EXPECT_EQ(StateOf({"a=1", " ", "b=2 , c=3\t", ""}), "a=1,b=2 , c=3");
  EXPECT_EQ(StateOf({"a=1,,b=2"}), "a=1,,b=2");
  EXPECT_EQ(StateOf({"fw529a3039@dt=FfAAhcLU: x~!"}), "fw529a3039@dt=FfAAhcLU: x~!");
  EXPECT_EQ(StateOf({"0tenant@sys/a-b_c*=x"}), "0tenant@sys/a-b_c*=x");
}

TEST(TraceContext, DropsAnInvalidState) {
  std::string many = "a0=x";
  for (int i = 1; i < 33; ++i) many += ",a" + std::to_string(i) + "=x";
  for (const std::string& state :
       {std::string("a"), std::string("=1"), std::string("a="), std::string("A=1"),
        std::string("a=1=2"), std::string("a=1,a=2"), std::string("a =1"),
        std::string("a=\xc3\xa9"), std::string("a=1\r\nX: 1"), std::string("_a=1"),
        std::string(","), many, "a=" + std::string(257, 'x'), std::string(257, 'k') + "=1"}) {
    EXPECT_EQ(StateOf({state}), "") << state;
  }
  EXPECT_EQ(StateOf({"a=1", "a=2"}), "");
  EXPECT_EQ(StateOf({"a=1", "b"}), "");
}

TEST(TraceContext, DropsAStateOfMoreThan512Characters) {
  const std::string half = "a=" + std::string(253, 'x');  // 255
  EXPECT_EQ(StateOf({half, "b=" + std::string(254, 'x')}).size(), 512u);
  EXPECT_EQ(StateOf({half, "bb=" + std::string(254, 'x')}), "");
}

TEST(TraceContext, HasNoStateWithoutATraceThatIsContinued) {
  EXPECT_EQ(TraceWith({{"tracestate", "a=1"}}).state, "");
  EXPECT_EQ(TraceWith({{"traceparent", "garbage"}, {"tracestate", "a=1"}}).state, "");
}

}  // namespace
}  // namespace khs::request
