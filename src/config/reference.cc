#include "config/definitions.h"

namespace khs::config {
std::string_view TypeName(KeyType type) {
  switch (type) {
    case KeyType::kString:
      return "string";
    case KeyType::kInt:
      return "int";
    case KeyType::kLong:
      return "long";
    case KeyType::kDouble:
      return "double";
    case KeyType::kBoolean:
      return "boolean";
    case KeyType::kList:
      return "list";
    case KeyType::kClass:
      return "class";
    case KeyType::kPassword:
      return "password";
  }
  return "";
}

std::string_view ImportanceName(Importance importance) {
  switch (importance) {
    case Importance::kHigh:
      return "high";
    case Importance::kMedium:
      return "medium";
    case Importance::kLow:
      return "low";
  }
  return "";
}

namespace {

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

}  // namespace

std::string RenderReference(std::span<const KeyDefinition> keys) {
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

}  // namespace khs::config
