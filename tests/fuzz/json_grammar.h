#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace khs::fuzz {

// A strict parser of RFC 8259 in UTF-8, to compare others with.
class JsonGrammar {
 public:
  struct Member {
    std::string_view name;   // without quotes
    std::string_view value;  // as written
  };

  std::vector<Member> members;  // of the object at the top
  bool has_escapes = false;

  // Returns nullopt if the text is not JSON.
  static std::optional<JsonGrammar> Read(std::string_view text) {
    JsonGrammar grammar;
    if (!base::IsUtf8(text)) return std::nullopt;
    grammar.rest_ = text;
    grammar.Blank();
    if (!grammar.Value(1)) return std::nullopt;
    grammar.Blank();
    if (!grammar.rest_.empty()) return std::nullopt;
    return grammar;
  }

 private:
  static constexpr int kMaxLevels = 500;  // deeper text counts as invalid

  bool Take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void Blank() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

  bool Digits() {
    const size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count > 0;
  }

  bool Number() {
    Take("-");
    if (!Take("0") && !Digits()) return false;
    if (Take(".") && !Digits()) return false;
    if (Take("e") || Take("E")) {
      if (!Take("+")) Take("-");
      return Digits();
    }
    return true;
  }

  bool String() {
    if (!Take("\"")) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !Escape()) return false;
    }
    return false;
  }

  bool Escape() {
    has_escapes = true;
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (c != 'u') return std::string_view("\"\\/bfnrt").find(c) != std::string_view::npos;
    constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
    if (rest_.size() < 4 || rest_.substr(0, 4).find_first_not_of(kDigits) != rest_.npos) {
      return false;
    }
    rest_.remove_prefix(4);
    return true;
  }

  bool Array(int level) {
    Blank();
    if (Take("]")) return true;
    do {
      Blank();
      if (!Value(level + 1)) return false;
      Blank();
    } while (Take(","));
    return Take("]");
  }

  bool Object(int level) {
    Blank();
    if (Take("}")) return true;
    do {
      Blank();
      const std::string_view before = rest_;
      if (!String()) return false;
      const std::string_view name = before.substr(1, before.size() - rest_.size() - 2);
      Blank();
      if (!Take(":")) return false;
      Blank();
      const std::string_view at = rest_;
      if (!Value(level + 1)) return false;
      if (level == 1) members.push_back({name, at.substr(0, at.size() - rest_.size())});
      Blank();
    } while (Take(","));
    return Take("}");
  }

  bool Value(int level) {
    if (level > kMaxLevels) return false;
    if (Take("{")) return Object(level);
    if (Take("[")) return Array(level);
    if (Take("true") || Take("false") || Take("null")) return true;
    return rest_.starts_with('"') ? String() : Number();
  }

  std::string_view rest_;
};

}  // namespace khs::fuzz
