#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <utility>

#include "config/check.h"
#include "config/connector_config.h"
#include "config/convert.h"
#include "config/definitions.h"
#include "config/foreign_connector.h"
#include "config/java_client.h"
#include "unit/config/listing.h"

namespace khs::config {
namespace {

const std::string kEtc = KHS_ETC_DIR;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A bar ends a cell of a Markdown table even inside of code.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

std::string DefaultCell(const KeyDefinition& key) {
  if (key.required) return "**required**";
  if (!key.default_value) return "–";
  return key.default_value->empty() ? "empty" : '`' + Cell(*key.default_value) + '`';
}

std::string RenderKeys(std::span<const KeyDefinition> keys) {
  std::string table = "| key | type | default | importance | meaning |\n|---|---|---|---|---|\n";
  for (const KeyDefinition& key : keys) {
    table += "| `" + std::string(key.key) + '`';
    if (!key.alias.empty()) table += ", alias `" + std::string(key.alias) + '`';
    table += " | " + std::string(TypeName(key.type)) + " | " + DefaultCell(key) + " | " +
             std::string(ImportanceName(key.importance)) + " | " + Cell(key.documentation);
    table += " |\n";
  }
  return table;
}

std::string RenderJavaProperties() {
  std::string table = "| Java's name | here |\n|---|---|\n";
  for (const JavaProperty& property : JavaProperties()) {
    table += "| `" + std::string(property.name) + "` | ";
    table += property.librdkafka.empty() ? "accepted without effect"
                                         : '`' + std::string(property.librdkafka) + '`';
    if (!property.note.empty()) table += ", " + std::string(property.note);
    table += " |\n";
  }
  return table;
}

std::string RenderForeignKeys(std::span<const ForeignKey> rows) {
  std::string table = "| key there | here | default there | |\n|---|---|---|---|\n";
  for (const ForeignKey& row : rows) {
    table += "| `" + std::string(row.key) + "` | " +
             (row.ours.empty() ? "–" : '`' + std::string(row.ours) + '`') + " | " +
             (row.default_value ? '`' + Cell(*row.default_value) + '`' : "") + " | " +
             Cell(row.note) + " |\n";
  }
  return table;
}

// Returns the text with the table between the markers replaced.
std::string WithTable(const std::string& text, const std::string& name, const std::string& table,
                      const std::string& page = "this page") {
  const std::string begin = "<!-- " + name + ": generated, see the end of " + page + " -->\n";
  const std::string end = "<!-- end of " + name + " -->";
  const size_t from = text.find(begin);
  const size_t to = text.find(end);
  EXPECT_NE(from, std::string::npos) << name;
  EXPECT_NE(to, std::string::npos) << name;
  if (from == std::string::npos || to == std::string::npos) return text;
  return text.substr(0, from + begin.size()) + table + text.substr(to);
}

TEST(Reference, HasTheTablesOfTheDefinitions) {
  const std::string path = kEtc + "/README.md";
  const std::string text = ReadFile(path);
  std::string expected = WithTable(text, "process keys", RenderKeys(ProcessKeys()));
  expected = WithTable(expected, "connector keys", RenderKeys(ConnectorKeys()));
  expected = WithTable(expected, "Java's names", RenderJavaProperties());
  if (std::getenv("UPDATE_REFERENCE")) {
    std::ofstream(path, std::ios::binary) << expected;
    return;
  }
  EXPECT_EQ(text, expected) << "Run this test with UPDATE_REFERENCE=1 to rewrite " << path;
}

TEST(Reference, HasTheTablesOfTheKeysOfOtherSinks) {
  const std::string path = kEtc + "/migrating-from-http-sinks.md";
  const std::string text = ReadFile(path);
  const auto confluent = ForeignKeys(ForeignKind::kConfluent);
  const auto v2 = ForeignKeys(ForeignKind::kConfluentV2);
  ASSERT_EQ(confluent.size(), 3u);
  const std::pair<const char*, std::string> tables[] = {
      {"Confluent's keys", RenderForeignKeys(confluent[0])},
      {"Confluent's keys of V2", RenderForeignKeys(v2[0])},
      {"Confluent's common keys", RenderForeignKeys(confluent[1])},
      {"Aiven's keys", RenderForeignKeys(ForeignKeys(ForeignKind::kAiven)[0])},
      {"Lenses' keys", RenderForeignKeys(ForeignKeys(ForeignKind::kLenses)[0])},
      {"Kafka Connect's keys", RenderForeignKeys(confluent[2])},
  };
  std::string expected = text;
  for (const auto& [name, table] : tables) expected = WithTable(expected, name, table, "README.md");
  if (std::getenv("UPDATE_REFERENCE")) {
    std::ofstream(path, std::ios::binary) << expected;
    return;
  }
  EXPECT_EQ(text, expected) << "Run this test with UPDATE_REFERENCE=1 to rewrite " << path;
}

// Each definition in JSON is followed by the one that it is converted to.
TEST(Reference, DefinitionsOfOtherSinksAreConvertedAsShown) {
  const std::string text = ReadFile(kEtc + "/migrating-from-http-sinks.md");
  const auto block = [&text](const std::string& language, size_t from) {
    const std::string begin = "```" + language + '\n';
    const size_t start = text.find(begin, from);
    if (start == std::string::npos) return std::string();
    const size_t first = start + begin.size();
    return text.substr(first, text.find("```", first) - first);
  };
  int tried = 0;
  for (size_t at = text.find("```json"); at != std::string::npos;
       at = text.find("```json", at + 1)) {
    const auto conversion = ConvertDefinition("f", block("json", at));
    ASSERT_TRUE(conversion) << Listing(conversion.error()).at(0);
    EXPECT_EQ(conversion->toml, block("toml", at));
    ++tried;
  }
  EXPECT_EQ(tried, 3);
}

TEST(Reference, ExamplesAreValid) {
  const std::string sidecar = kEtc + "/sidecar.toml";
  const CheckedFile process = CheckFile(sidecar, ReadFile(sidecar));
  EXPECT_EQ(process.role, FileRole::kProcess);
  EXPECT_TRUE(process.problems.empty()) << Listing(process.problems).at(0);

  const std::string orders = kEtc + "/connectors/orders.toml";
  const ConnectorResult connector = ParseConnectorToml({orders, "orders"}, ReadFile(orders));
  EXPECT_TRUE(connector.problems.empty()) << Listing(connector.problems).at(0);
  ASSERT_TRUE(connector.config);
  EXPECT_EQ(connector.config->endpoint.url, "http://127.0.0.1:8080/orders");
  EXPECT_EQ(connector.config->subscription.group, "connect-orders");
}

}  // namespace
}  // namespace khs::config
