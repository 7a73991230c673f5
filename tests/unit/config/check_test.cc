#include "config/check.h"

#include <gmock/gmock.h>

#include "unit/config/listing.h"

namespace khs::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Check, RecognizesSidecarTomlByNameOrKeys) {
  EXPECT_EQ(CheckFile("/a/sidecar.toml", "").role, FileRole::kProcess);
  EXPECT_EQ(CheckFile("other.toml", "kafka.bootstrap.servers = 'b:1'").role, FileRole::kProcess);
  EXPECT_EQ(CheckFile("other.toml", "topics = 'a'").role, FileRole::kConnector);
  EXPECT_EQ(CheckFile("other.toml", "").role, FileRole::kConnector);
}

TEST(Check, ValidatesConnectorsInTomlAndJson) {
  const CheckedFile toml =
      CheckFile("/a/orders.toml", "topics = 'a'\ncallback.request.url = 'http://h/'\n");
  EXPECT_THAT(toml.problems, IsEmpty());
  EXPECT_EQ(toml.connector->name, "orders");
  const CheckedFile json = CheckFile(
      "o.json",
      R"({"name":"x","config":{"topics":"a","callback.request.url":"http://h/","tasks.max":0}})");
  EXPECT_THAT(Listing(json.problems), ElementsAre(HasSubstr("o.json:1:71: error: tasks.max: ")));
  EXPECT_EQ(json.connector->name, "x");
}

TEST(Check, ReturnsTheDefaultsOfSidecarToml) {
  const CheckedFile sidecar =
      CheckFile("sidecar.toml",
                "kafka.bootstrap.servers = 'b:1'\ndefaults.callback.request.url = 'http://h/'\n");
  ASSERT_TRUE(sidecar.process);
  const CheckContext context{{}, sidecar.process->defaults, "sidecar.toml"};
  EXPECT_THAT(CheckFile("a.toml", "topics = 'a'", context).problems, IsEmpty());
}

TEST(Check, ReportsBothPlacesOfADuplicateName) {
  EXPECT_THAT(
      Listing(FindDuplicateNames(
          {{"a", "x.toml", {1, 1}}, {"b", "y.toml", {2, 1}}, {"a", "z.toml", {3, 5}}})),
      ElementsAre("z.toml:3:5: error: name: The connector a is already defined at x.toml:1:1"));
}

}  // namespace
}  // namespace khs::config
