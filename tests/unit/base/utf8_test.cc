#include "base/utf8.h"

#include <gtest/gtest.h>

namespace khs::base {
namespace {

TEST(Utf8, DecodesCharacters) {
  for (const auto& [text, character] :
       {std::pair("a", U'a'), std::pair("\xc3\xa9", U'\u00e9'),
        std::pair("\xe2\x82\xac", U'\u20ac'), std::pair("\xf0\x9f\x98\x80", U'\U0001f600')}) {
    const Utf8Character first = Utf8At(text, 0);
    EXPECT_TRUE(first.valid);
    EXPECT_EQ(first.character, character);
    EXPECT_EQ(first.length, std::string_view(text).size());
  }
}

TEST(Utf8, SkipsOneInvalidByte) {
  // A continuation byte alone, an overlong form, a surrogate, a code point that is too large, a
  // truncated sequence.
  for (const char* text : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"}) {
    EXPECT_FALSE(Utf8At(text, 0).valid);
    EXPECT_EQ(Utf8At(text, 0).length, 1u);
    EXPECT_FALSE(IsUtf8(text));
  }
}

TEST(Printable, EscapesCharactersThatBreakOrReorderALine) {
  EXPECT_EQ(Printable("Zo\xc3\xab"), "Zo\xc3\xab");
  EXPECT_EQ(Printable("a\n\x1b[31m\x7f"), "a\\x0a\\x1b[31m\\x7f");
  EXPECT_EQ(Printable("\xc2\x85"), "\\xc2\\x85");
  EXPECT_EQ(Printable("\xe2\x80\xa8\xe2\x80\xae"), "\\xe2\\x80\\xa8\\xe2\\x80\\xae");
  EXPECT_EQ(Printable("\xff"), "\\xff");
}

}  // namespace
}  // namespace khs::base
