#include "kafka/properties.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <stdexcept>

#include "kafka/configuration.h"
#include "support/certificates.h"

namespace khs::kafka {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Properties, AreRefusedInLibrdkafkasWords) {
  const auto problems = CheckProperties({{"security.protocol", "canary"}, {"no.such", "x"}});
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].property, "no.such");
  EXPECT_THAT(problems[0].message, HasSubstr("No such configuration property"));
  EXPECT_THAT(problems[1].message, HasSubstr("canary"));
}

TEST(Properties, FromASecretAreNotQuoted) {
  const Properties properties = {{"security.protocol", base::Secret::FromReference("canary")}};
  const auto problems = CheckProperties(properties);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_THAT(problems[0].message, AllOf(HasSubstr("security.protocol"), HasSubstr("[hidden]"),
                                         Not(HasSubstr("canary"))));
  try {
    MakeConfiguration(properties);
    ADD_FAILURE() << "was taken";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), Not(HasSubstr("canary")));
  }
  EXPECT_THAT(CheckProperties({{"no.such", base::Secret::FromReference("canary")}}).at(0).message,
              AllOf(HasSubstr("No such configuration property"), Not(HasSubstr("canary"))));
}

TEST(Properties, FromASecretAreNotQuotedWhereTheyMakeNoClientEither) {
  const auto secret = base::Secret::FromReference("canary");
  for (const Properties& properties :
       {Properties{{"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", secret}},
        Properties{{"group.id", "g"}, {"partition.assignment.strategy", secret}}}) {
    EXPECT_THAT(TryClient(properties).value_or(""),
                AllOf(HasSubstr("[hidden]"), Not(HasSubstr("canary"))));
  }
}

// That is, before any client has a log of its own.
TEST(Properties, FromASecretAreNotToldWhileTheyAreSet) {
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(CheckProperties({{"debug", "plugin"},
                                {"log_level", "7"},
                                {"plugin.library.paths", base::Secret::FromReference("canary")}})
                   .empty());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("canary")));
}

TEST(Properties, ThatNameWhatIsNoFileMakeNoClient) {
  const khs::testing::TemporaryDirectory directory;
  const std::string fifo = directory.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const char* name : {"ssl.ca.location", "ssl.certificate.location", "ssl.key.location",
                           "ssl.keystore.location", "ssl.crl.location", "sasl.kerberos.keytab"}) {
    const auto problems = CheckProperties({{name, fifo}});
    ASSERT_EQ(problems.size(), 1u) << name;
    EXPECT_EQ(problems[0].property, name);
    EXPECT_EQ(problems[0].message, "cannot use " + fifo + ": not a regular file");
    EXPECT_THAT(TryClient({{name, fifo}, {"security.protocol", "ssl"}}).value_or(""),
                AllOf(HasSubstr(name), HasSubstr(fifo)));
  }
  EXPECT_THAT(
      CheckProperties({{"ssl.key.location", base::Secret::FromReference(fifo)}}).at(0).message,
      AllOf(HasSubstr("[hidden]"), Not(HasSubstr(fifo))));
}

TEST(Properties, MayNameADirectoryOfAuthoritiesAndWhatOnlyLibrdkafkaKnows) {
  const khs::testing::TemporaryDirectory directory;
  const std::string path = directory.path();
  EXPECT_TRUE(CheckProperties({{"ssl.ca.location", path}}).empty());
  EXPECT_TRUE(CheckProperties({{"ssl.ca.location", "probe"}}).empty());
  EXPECT_TRUE(CheckProperties({{"sasl.kerberos.keytab", "KEYRING:user"}}).empty());
  EXPECT_EQ(CheckProperties({{"ssl.key.location", path}}).size(), 1u);
  EXPECT_EQ(CheckProperties({{"sasl.kerberos.keytab", "FILE:" + path}}).size(), 1u);
}

}  // namespace
}  // namespace khs::kafka
