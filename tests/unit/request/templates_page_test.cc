// Tries the examples of etc/templates.md.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "config/connector_config.h"
#include "request/builder.h"

namespace khs::request {
namespace {

using ::testing::HasSubstr;

struct Block {
  std::string language;
  std::string text;
};

std::vector<Block> BlocksOf(const std::string& path) {
  std::ifstream file(path);
  std::vector<Block> blocks;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("```")) {
      inside = !inside;
      if (inside) blocks.push_back({line.substr(3), ""});
    } else if (inside) {
      blocks.back().text += line + '\n';
    }
  }
  return blocks;
}

base::Expected<Request, delivery::RecordFault> BuildFor(const std::string& definition,
                                                        const delivery::Record& record) {
  const auto parsed =
      config::ParseConnectorToml({"f", "orders"}, "topics = 'orders'\n" + definition);
  if (!parsed.config) {
    return base::Unexpected<delivery::RecordFault>(
        delivery::RecordFault{config::Format(parsed.problems.at(0))});
  }
  const Builder builder(parsed.config->endpoint, {"orders", "connect-orders"},
                        parsed.config->policy.null_values);
  return builder.Build(record, {});
}

void ExpectRequest(const Request& request, const std::string& expected) {
  std::istringstream lines(expected);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(request.method + ' ' + request.target, line);
  while (std::getline(lines, line) && !line.empty()) {
    EXPECT_THAT(request.headers.lines(), HasSubstr(line + "\r\n"));
  }
  const std::string body(std::istreambuf_iterator<char>(lines), {});
  if (body.empty()) return;
  const std::string end = request.Body().ends_with('\n') ? "" : "\n";
  EXPECT_EQ(std::string(request.Body()) + end, body);
}

TEST(TemplatesPage, HasExamplesThatAreTrue) {
  const std::vector<Block> blocks = BlocksOf(std::string(KHS_ETC_DIR) + "/templates.md");
  delivery::Record record;
  record.topic_partition = {"orders", 3};
  record.offset = 42;
  record.timestamp = std::chrono::milliseconds(1'700'000'000'123);
  record.key = "A/7";
  record.headers = {{"tenant", "blue"}};
  for (const Block& block : blocks) {
    if (block.language == "json") record.value = block.text;
  }
  int tried = 0;
  std::string definition;
  for (const Block& block : blocks) {
    if (block.language == "toml") definition = block.text;
    if (block.language != "http" && block.language != "text") continue;
    const auto request = BuildFor(definition, record);
    if (block.language == "http") {
      ASSERT_TRUE(request) << definition << request.error().text;
      ExpectRequest(*request, block.text);
    } else {
      ASSERT_FALSE(request) << definition;
      EXPECT_EQ(request.error().text + '\n', block.text);
    }
    ++tried;
  }
  EXPECT_EQ(tried, 7);
}

}  // namespace
}  // namespace khs::request
