#include "base/encoding.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace khs::base {
namespace {

TEST(Encoding, PercentEncodesAllButUnreservedCharacters) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode(std::string_view("/ %+\0\xff", 6)), "%2F%20%25%2B%00%FF");
}

TEST(Encoding, PercentDecodesWhatItEncodes) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(PercentDecode(PercentEncode(all)), all);
  EXPECT_EQ(PercentDecode("%2f+"), "/+");
  for (const char* broken : {"%", "%2", "%2g", "%g2", "a%"}) {
    EXPECT_FALSE(PercentDecode(broken)) << broken;
  }
}

}  // namespace
}  // namespace khs::base
