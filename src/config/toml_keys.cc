#include "config/toml_keys.h"

#include <algorithm>
#include <cstddef>

#include "config/json_value.h"
#include "config/text.h"

namespace khs::config {
namespace {

constexpr size_t kMaxParts = 128;

bool IsBare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
bool StartsCodePoint(char c) { return !base::IsContinuation(c); }

size_t SkipBlanksBack(std::string_view line, size_t end) {
  while (end > 0 && IsBlank(line[end - 1])) --end;
  return end;
}

// Returns the start of the part of a key that ends before `end`.
size_t PartStart(std::string_view line, size_t end) {
  if (end == 0) return end;
  const char quote = line[end - 1];
  if (quote != '"' && quote != '\'') {
    while (end > 0 && IsBare(line[end - 1])) --end;
    return end;
  }
  size_t start = end - 1;
  while (start > 0) {
    --start;
    const bool escaped = quote == '"' && start > 0 && line[start - 1] == '\\';
    if (line[start] == quote && !escaped) break;
  }
  return start;
}

struct BareKey {
  size_t begin = 0;
  size_t end = 0;
  std::string name;  // without blanks
};

// Returns the bare key of a line of the form `key = ...`.
std::optional<BareKey> BareKeyOf(std::string_view line) {
  BareKey key;
  while (key.begin < line.size() && IsBlank(line[key.begin])) ++key.begin;
  for (size_t at = key.begin; at < line.size(); ++at) {
    const char c = line[at];
    if (IsBare(c) || c == '.') {
      key.name += c;
      key.end = at + 1;
    } else if (c == '=') {
      const bool has_empty_part = key.name.empty() || key.name.front() == '.' ||
                                  key.name.back() == '.' ||
                                  key.name.find("..") != std::string::npos;
      if (has_empty_part) return std::nullopt;
      return key;
    } else if (!IsBlank(c)) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (true) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

TomlLines::TomlLines(std::string_view text) : lines_(SplitLines(text)) {}

Position TomlLines::KeyStart(Position last_part) const {
  const size_t index = static_cast<size_t>(last_part.line) - 1;
  if (last_part.line < 1 || index >= lines_.size()) return last_part;
  const std::string& line = lines_[index];
  size_t at = 0;
  for (int column = 0; at < line.size(); ++at) {
    if (StartsCodePoint(line[at]) && ++column == last_part.column) break;
  }
  while (true) {
    const size_t dot = SkipBlanksBack(line, at);
    if (dot == 0 || line[dot - 1] != '.') break;
    at = PartStart(line, SkipBlanksBack(line, dot - 1));
  }
  Position start{last_part.line, 1};
  for (size_t i = 0; i < at; ++i) start.column += StartsCodePoint(line[i]) ? 1 : 0;
  return start;
}

Position TomlLines::Within(Position place) const {
  const size_t index = static_cast<size_t>(place.line) - 1;
  if (place.line < 1 || index >= lines_.size()) return place;
  const auto characters =
      std::count_if(lines_[index].begin(), lines_[index].end(), StartsCodePoint);
  return {place.line, std::min(place.column, static_cast<int>(characters) + 1)};
}

std::optional<Position> FindTooDeepKey(std::string_view text) {
  Position here{1, 1};
  size_t dots = 0;
  bool after_part = false;
  bool comment = false;
  for (const char c : text) {
    if (c == '\n') {
      here = {here.line + 1, 1};
      dots = 0;
      after_part = comment = false;
      continue;
    }
    if (c == '#' && here.column == 1) comment = true;
    if (c == '.' && after_part && !comment) {
      if (++dots >= kMaxParts) return here;
      after_part = false;
    } else if (IsBare(c) || c == '"' || c == '\'') {
      after_part = true;
    } else if (!IsBlank(c)) {
      dots = 0;
      after_part = false;
    }
    ++here.column;
  }
  return std::nullopt;
}

std::map<int, std::string> QuoteClashingKeys(std::string& text, int line) {
  std::map<int, std::string> quoted;
  std::vector<std::string> lines = SplitLines(text);
  const size_t index = static_cast<size_t>(line) - 1;
  if (line < 1 || index >= lines.size()) return quoted;
  const std::optional<BareKey> clashing = BareKeyOf(lines[index]);
  if (!clashing) return quoted;
  const auto quote = [&](size_t i, const BareKey& key) {
    lines[i].replace(key.begin, key.end - key.begin, '"' + key.name + '"');
    quoted.emplace(static_cast<int>(i) + 1, key.name);
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::optional<BareKey> key = BareKeyOf(lines[i]);
    if (key && key->name.starts_with(clashing->name + '.')) quote(i, *key);
  }
  if (quoted.empty() && clashing->name.find('.') != std::string::npos) quote(index, *clashing);
  text.clear();
  for (size_t i = 0; i < lines.size(); ++i) text += (i == 0 ? "" : "\n") + lines[i];
  return quoted;
}

std::string QuoteToml(std::string_view text) {
  std::string quoted;
  for (const char c : QuoteJson(text)) {
    if (c == 0x7f) {
      quoted += "\\u007f";
    } else {
      quoted += c;
    }
  }
  return quoted;
}

std::string QuoteTomlKey(std::string_view key) {
  const bool is_bare = !key.empty() && std::all_of(key.begin(), key.end(), IsBare);
  return is_bare ? std::string(key) : QuoteToml(key);
}

}  // namespace khs::config
