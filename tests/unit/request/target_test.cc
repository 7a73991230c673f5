#include "request/target.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace khs::request {
namespace {

TEST(Target, ParsesAUrl) {
  const Target target = ParseTarget("http://example.com:8080/a/b?c=d#e");
  EXPECT_FALSE(target.tls);
  EXPECT_EQ(target.host, "example.com");
  EXPECT_EQ(target.port, 8080);
  EXPECT_FALSE(target.is_address);
  EXPECT_EQ(target.path, "/a/b?c=d");
  EXPECT_EQ(target.host_header, "example.com:8080");
  EXPECT_EQ(target.label, "example.com:8080");
}

TEST(Target, OmitsTheDefaultPortInTheHostHeader) {
  EXPECT_EQ(ParseTarget("http://example.com/").host_header, "example.com");
  EXPECT_EQ(ParseTarget("HTTPS://example.com/").host_header, "example.com");
  EXPECT_EQ(ParseTarget("https://example.com:80/").host_header, "example.com:80");
  EXPECT_EQ(ParseTarget("https://example.com/").port, 443);
}

TEST(Target, BracketsAnIpv6AddressInMessagesAndHeadersOnly) {
  const Target target = ParseTarget("https://[::1]:8443/");
  EXPECT_TRUE(target.tls);
  EXPECT_TRUE(target.is_address);
  EXPECT_EQ(target.host, "::1");
  EXPECT_EQ(target.host_header, "[::1]:8443");
  EXPECT_TRUE(ParseTarget("http://127.0.0.1/").is_address);
}

TEST(Target, HasAPathEvenIfTheUrlHasNone) {
  EXPECT_EQ(ParseTarget("http://h").path, "/");
  EXPECT_EQ(ParseTarget("http://h?q=1").path, "/?q=1");
  EXPECT_EQ(ParseTarget("http://h#f").path, "/");
}

TEST(Target, KeepsEscapesAndEscapesWhatARequestLineCannotHold) {
  EXPECT_EQ(ParseTarget("http://h/a%2Fb%20c").path, "/a%2Fb%20c");
  EXPECT_EQ(ParseTarget("http://h/\xc3\xa9").path, "/%C3%A9");
  EXPECT_EQ(ParseTarget("http://h/a\"b").path, "/a%22b");
}

TEST(Target, RefusesWhatIsNotAnHttpUrlWithoutQuotingIt) {
  for (const char* url : {"", "secret", "/secret", "ftp://secret/", "http:///secret", "http://h:x/",
                          "http:secret", "http://h:99999/"}) {
    try {
      ParseTarget(url);
      ADD_FAILURE() << url << " was taken";
    } catch (const std::runtime_error& problem) {
      EXPECT_NE(std::string(problem.what()).find("callback.request.url"), std::string::npos);
      EXPECT_EQ(std::string(problem.what()).find("secret"), std::string::npos);
    }
  }
}

TEST(Target, HidesASecretHost) {
  const Target target = ParseTarget("https://example.com:8443/a", true);
  EXPECT_EQ(target.label, "***");
  EXPECT_EQ(target.shown_host, "***");
  EXPECT_EQ(target.host, "example.com");
  EXPECT_EQ(target.host_header, "example.com:8443");
}

}  // namespace
}  // namespace khs::request
