#include "rest/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "base/encoding.h"
#include "support/certificates.h"

namespace khs::rest {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr base::MonotonicTime kStart{};
constexpr std::chrono::milliseconds kSecond{1000};

std::string Basic(const std::string& text) { return "Basic " + base::Base64Encode(text); }

class CredentialsTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& content) const {
    const std::string path = directory_.path() / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  static std::string RefusalOf(const config::CredentialFiles& files) {
    try {
      const Credentials credentials(files, kStart);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return {};
  }

  const testing::TemporaryDirectory directory_;
};

TEST_F(CredentialsTest, AcceptThoseInTheFile) {
  const std::string file = Write("users", "# those who may\r\n\r\nada:love:lace\r\nbob:\nünï:çödé");
  Credentials credentials({file, {}}, kStart);
  for (const std::string good : {"ada:love:lace", "bob:", "ünï:çödé"}) {
    EXPECT_TRUE(credentials.Accepts(Basic(good), kStart)) << good;
  }
  EXPECT_TRUE(credentials.Accepts("bASIC  " + base::Base64Encode("bob:"), kStart));
  for (const std::string bad : {"ada:love", "ada:love:lace ", "ada:love:lace\r", "Ada:love:lace",
                                "bob", "", ":", "# those who may", "bob:\nünï:çödé"}) {
    EXPECT_FALSE(credentials.Accepts(Basic(bad), kStart)) << bad;
  }
  for (const std::string bad : {"", "Basic", "Basic ", "Basic !!", "Basicx YTpi", "ada:love:lace",
                                "Bearer ada:love:lace"}) {
    EXPECT_FALSE(credentials.Accepts(bad, kStart)) << bad;
  }
  EXPECT_EQ(credentials.Challenge(), R"(Basic realm="kafka-http-sink")");
}

TEST_F(CredentialsTest, AcceptTokensBesideUsers) {
  Credentials credentials({Write("users", "a:b"), Write("tokens", "one\n#two\nthree\n")}, kStart);
  EXPECT_TRUE(credentials.Accepts("Bearer one", kStart));
  EXPECT_TRUE(credentials.Accepts("bearer three", kStart));
  EXPECT_TRUE(credentials.Accepts(Basic("a:b"), kStart));
  EXPECT_FALSE(credentials.Accepts("Bearer two", kStart));
  EXPECT_FALSE(credentials.Accepts("Bearer #two", kStart));
  EXPECT_FALSE(credentials.Accepts("Bearer a:b", kStart));
  EXPECT_FALSE(credentials.Accepts(Basic("one"), kStart));
  EXPECT_EQ(credentials.Challenge(), R"(Basic realm="kafka-http-sink", Bearer)");
}

TEST_F(CredentialsTest, AreReloadedWhenTheFileChanges) {
  const std::string file = Write("tokens", "old");
  Credentials credentials({{}, file}, kStart);
  Write("tokens", "new");
  EXPECT_TRUE(credentials.Accepts("Bearer old", kStart + kSecond / 2));
  EXPECT_FALSE(credentials.Accepts("Bearer old", kStart + kSecond));
  EXPECT_TRUE(credentials.Accepts("Bearer new", kStart + kSecond));
}

TEST_F(CredentialsTest, AreKeptWhileTheFileIsUnusable) {
  const std::string file = Write("tokens", "good");
  Credentials credentials({{}, file}, kStart);
  base::MonotonicTime now = kStart;
  const auto admits = [&](const std::string& token) {
    now += kSecond;
    return credentials.Accepts("Bearer " + token, now);
  };
  for (const std::string content : {"", "# nobody\n", "better\nwith blanks\n"}) {
    Write("tokens", content);
    EXPECT_TRUE(admits("good")) << content;
    EXPECT_FALSE(admits("better")) << content;
  }
  std::filesystem::remove(file);
  EXPECT_TRUE(admits("good"));
  Write("tokens", "better");
  EXPECT_FALSE(admits("good"));
  EXPECT_TRUE(admits("better"));
}

TEST_F(CredentialsTest, LogAProblemOnceWithoutQuoting) {
  const std::string file = Write("tokens", "geheim");
  Credentials credentials({{}, file}, kStart);
  Write("tokens", "noch geheim");
  ::testing::internal::CaptureStderr();
  for (int i = 1; i <= 5; ++i) (void)credentials.Accepts("Bearer geheim", kStart + i * kSecond);
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("line 1 is not one token"));
  EXPECT_EQ(log.find("line 1"), log.rfind("line 1"));
  EXPECT_THAT(log, Not(HasSubstr("geheim")));
}

TEST_F(CredentialsTest, ErrorsNameKeyFileAndLine) {
  EXPECT_THAT(
      RefusalOf({Write("a", "x:y\nnopassword\n"), {}}),
      ::testing::AllOf(HasSubstr("rest.auth.basic.file: cannot use /"),
                       HasSubstr("line 2 is not user:password"), Not(HasSubstr("nopassword"))));
  EXPECT_THAT(RefusalOf({Write("b", ":y"), {}}), HasSubstr("line 1 is not user:password"));
  EXPECT_THAT(RefusalOf({{}, Write("c", "\n# none\n")}), HasSubstr("holds no credentials"));
  EXPECT_THAT(RefusalOf({{}, "/no/such/file"}),
              HasSubstr("rest.auth.bearer.file: cannot use /no/such/file: "));
  EXPECT_THAT(RefusalOf({{}, directory_.path()}), HasSubstr("not a regular file"));
}

TEST_F(CredentialsTest, AreNotRequiredForLocalHooks) {
  const Authorizer authorizer = MakeAuthorizer({Write("users", "a:b"), {}}, kStart);
  const auto status = [&](const std::string& path, bool loopback, const std::string& header = {}) {
    Request request{"POST", path, {}, {}, {}, loopback};
    if (!header.empty()) request.headers["authorization"] = header;
    const auto refused = authorizer(request, kStart);
    return refused ? refused->status : 0;
  };
  EXPECT_EQ(status("/-/drain", true), 0);
  EXPECT_EQ(status("/-/reload", true), 0);
  EXPECT_EQ(status("/-/drain", false), 401);
  EXPECT_EQ(status("/-/drain/", true), 401);
  EXPECT_EQ(status("/connectors", true), 401);
  EXPECT_EQ(status("/connectors", false, Basic("a:b")), 0);
  EXPECT_EQ(status("/connectors", false, Basic("a:c")), 401);
  const auto refused = authorizer({"GET", "/", {}, {}, {}, true}, kStart);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->headers.at("WWW-Authenticate"), R"(Basic realm="kafka-http-sink")");
  EXPECT_EQ(refused->body, R"({"error_code":401,"message":"HTTP 401 Unauthorized"})");
}

}  // namespace
}  // namespace khs::rest
