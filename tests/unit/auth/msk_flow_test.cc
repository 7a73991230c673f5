#include "auth/msk_flow.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "unit/auth/fake_transport.h"

namespace khs::auth {
namespace {

using khs::testing::HeaderOf;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const base::WallTime kNow{seconds(1'700'000'000)};  // 2023-11-14T22:13:20Z

// A file with a token, which is removed at the end.
class TokenFile {
 public:
  explicit TokenFile(const std::string& text) {
    std::string path = std::filesystem::temp_directory_path() / "khs-token-XXXXXX";
    const int file = ::mkstemp(path.data());
    EXPECT_GE(file, 0);
    ::close(file);
    path_ = path;
    std::ofstream(path_) << text;
  }
  ~TokenFile() { std::filesystem::remove(path_); }
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class MskFlowTest : public ::testing::Test {
 protected:
  using Step = TokenFlow::Step;

  Step Begin(const std::map<std::string, std::string>& environment) {
    flow_ =
        MakeMskFlow({"eu-west-1", ReadAwsSettings(environment)}, [this](const std::string& url) {
          urls_.push_back(url);
          return nullptr;
        });
    return flow_->Begin(kNow);
  }
  Step Answer(const std::string& body, int status = 200) {
    return flow_->OnResponse({status, {}, body}, kNow);
  }
  static request::Request RequestOf(Step step) {
    auto* const send = std::get_if<TokenFlow::Send>(&step);
    EXPECT_NE(send, nullptr) << ProblemOf(step);
    return send != nullptr ? std::move(send->request) : request::Request();
  }
  static std::string ProblemOf(const Step& step) {
    const auto* failed = std::get_if<TokenFlow::Failed>(&step);
    return failed != nullptr ? failed->why : "";
  }
  static milliseconds LifetimeOf(const Step& step) {
    const auto* obtained = std::get_if<TokenFlow::Obtained>(&step);
    EXPECT_NE(obtained, nullptr) << ProblemOf(step);
    return obtained != nullptr ? *obtained->lifetime : milliseconds(-1);
  }

  std::unique_ptr<TokenFlow> flow_;
  std::vector<std::string> urls_;
};

TEST_F(MskFlowTest, SignsWithTheKeysOfTheEnvironment) {
  EXPECT_EQ(LifetimeOf(Begin({{"AWS_ACCESS_KEY_ID", "A"}, {"AWS_SECRET_ACCESS_KEY", "S"}})),
            seconds(900));
  EXPECT_TRUE(urls_.empty());
}

TEST_F(MskFlowTest, AssumesTheRoleOfAServiceAccount) {
  const TokenFile file("j.w.t\n");
  const request::Request request = RequestOf(Begin({{"AWS_ROLE_ARN", "arn:aws:iam::1:role/sink"},
                                                    {"AWS_WEB_IDENTITY_TOKEN_FILE", file.path()}}));
  EXPECT_THAT(urls_, ElementsAre("https://sts.eu-west-1.amazonaws.com/"));
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.Body(),
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
            "&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fsink&RoleSessionName=kafka-http-sink"
            "&WebIdentityToken=j.w.t");
  const std::string answer =
      R"({"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":)"
      R"({"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":1.7000036E9}}}})";
  EXPECT_EQ(LifetimeOf(Answer(answer)), seconds(900));
}

TEST_F(MskFlowTest, ReadsTheTokenOfTheRoleEachTime) {
  EXPECT_THAT(ProblemOf(Begin(
                  {{"AWS_ROLE_ARN", "arn"}, {"AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token"}})),
              HasSubstr("cannot read /nowhere/token"));
}

TEST_F(MskFlowTest, AsksTheContainersAgent) {
  const TokenFile file("agent-token");
  const request::Request request =
      RequestOf(Begin({{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/c"},
                       {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.path()}}));
  EXPECT_EQ(request.target, "/v1/c");
  EXPECT_EQ(HeaderOf(request, "Authorization"), "agent-token");
  EXPECT_EQ(LifetimeOf(Answer(R"({"AccessKeyId":"A","SecretAccessKey":"S","Token":"T",)"
                              R"("Expiration":"2023-11-14T22:18:20Z"})")),
            seconds(300))
      << "the credentials end before the token would";
}

TEST_F(MskFlowTest, AsksTheInstance) {
  const request::Request session = RequestOf(Begin({}));
  EXPECT_EQ(session.method, "PUT");
  const request::Request role = RequestOf(Answer("session-token"));
  EXPECT_EQ(HeaderOf(role, "X-aws-ec2-metadata-token"), "session-token");
  const request::Request keys = RequestOf(Answer("sink\n"));
  EXPECT_EQ(HeaderOf(keys, "X-aws-ec2-metadata-token"), "session-token");
  const std::string base = "http://169.254.169.254/latest/";
  EXPECT_THAT(urls_, ElementsAre(base + "api/token", base + "meta-data/iam/security-credentials/",
                                 base + "meta-data/iam/security-credentials/sink"));
  EXPECT_EQ(LifetimeOf(Answer(R"({"AccessKeyId":"A","SecretAccessKey":"S","Token":"T",)"
                              R"("Expiration":"2023-11-15T22:13:20Z"})")),
            seconds(900));
}

TEST_F(MskFlowTest, RejectsAnswersWithoutUsableCredentials) {
  const struct {
    int status;
    std::string body;
    std::string problem;
  } cases[] = {
      {403, "", "the container's credentials: HTTP 403"},
      {200, "<xml>", "not JSON"},
      {200, "{}", "no keys"},
      {200, R"({"AccessKeyId":"A","SecretAccessKey":"S","Expiration":"2023-11-14T22:13:20Z"})",
       "have expired"},
  };
  for (const auto& one : cases) {
    RequestOf(Begin({{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/c"}}));
    EXPECT_EQ(urls_.back(), "http://169.254.170.2/v2/c");
    EXPECT_THAT(ProblemOf(Answer(one.body, one.status)), HasSubstr(one.problem));
  }
}

}  // namespace
}  // namespace khs::auth
