#include "base/secret_filter.h"

#include <gtest/gtest.h>

#include <string>

namespace khs::base {
namespace {

TEST(SecretFilter, HidesSecretsHoweverTheyAreEncoded) {
  const SecretFilter filter({"s3cret/+", "pass\"word", "line\nend"});
  const struct {
    std::string text;
    std::string shown;
  } cases[] = {
      {"", ""},
      {"nothing here", "nothing here"},
      {"s3cret/+", "***"},
      {"token s3cret/+ is invalid", "token *** is invalid"},
      {"s3cret/+s3cret/+", "******"},
      {"?t=s3cret%2F%2b&x", "?t=***&x"},
      {"?t=s3cret/%2B&x", "?t=***&x"},
      {R"({"t":"s3cret\/+"})", R"({"t":"***"})"},
      {R"({"t":"s3cret\u002f\u002B"})", R"({"t":"***"})"},
      {R"({"p":"pass\"word"})", R"({"p":"***"})"},
      {"pass\"word", "***"},
      {R"(line\nend line)"
       "\nend",
       "*** ***"},
      {"s3cre", "s3cre"},
      {"s3cret%2", "s3cret%2"},
      {R"(s3cret\u00)", R"(s3cret\u00)"},
      {"%", "%"},
      {"\\", "\\"},
  };
  for (const auto& [text, shown] : cases) EXPECT_EQ(filter.Hide(text), shown) << text;
}

TEST(SecretFilter, PrefersTheLongestSecret) {
  const SecretFilter filter({"abc", "abcdef", ""});
  EXPECT_EQ(filter.Hide("abcdef abcde"), "*** ***de");
}

TEST(SecretFilter, HidesASecretThatReachesBeyondTheLimit) {
  const SecretFilter filter({"secret"});
  EXPECT_EQ(filter.Hide("a secret b", 4), "a ***");
  EXPECT_EQ(filter.Hide("a secret b", 2), "a ");
  EXPECT_EQ(filter.Hide("a secret b", 9), "a *** ");
  EXPECT_EQ(filter.Hide("a secret b", 100), "a *** b");
}

TEST(SecretFilter, WithoutSecretsHidesNothing) { EXPECT_EQ(SecretFilter().Hide("a", 1), "a"); }

}  // namespace
}  // namespace khs::base
