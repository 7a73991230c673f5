#include "config/jaas.h"

#include <utility>
#include <vector>

namespace khs::config {
namespace {

struct Token {
  std::string text;
  bool is_quoted = false;

  bool Is(char c) const { return !is_quoted && text.size() == 1 && text.front() == c; }
  bool IsWord() const { return is_quoted || (!text.empty() && !Is(';') && !Is('=')); }
};

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool IsQuote(char c) { return c == '"' || c == '\''; }
bool EndsWord(char c) { return IsBlank(c) || IsQuote(c) || c == ';' || c == '='; }

// Returns nullopt if a closing quote is missing.
std::optional<std::vector<Token>> Split(std::string_view text) {
  std::vector<Token> tokens;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (IsBlank(c)) {
      ++at;
    } else if (c == ';' || c == '=') {
      tokens.push_back({std::string(1, c)});
      ++at;
    } else if (IsQuote(c)) {
      Token token{{}, true};
      for (++at; at < text.size() && text[at] != c; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        token.text += text[at];
      }
      if (at == text.size()) return std::nullopt;
      ++at;
      tokens.push_back(std::move(token));
    } else {
      const size_t begin = at;
      while (at < text.size() && !EndsWord(text[at])) ++at;
      tokens.push_back({std::string(text.substr(begin, at - begin))});
    }
  }
  return tokens;
}

}  // namespace

std::optional<LoginModule> ParseJaas(std::string_view text) {
  const auto tokens = Split(text);
  if (!tokens || tokens->size() < 3 || !tokens->back().Is(';')) return std::nullopt;
  if (!(*tokens)[0].IsWord() || !(*tokens)[1].IsWord()) return std::nullopt;
  LoginModule module;
  const std::string& type = (*tokens)[0].text;
  module.name = type.substr(type.rfind('.') + 1);
  size_t at = 2;
  for (; at + 3 < tokens->size(); at += 3) {
    const Token& key = (*tokens)[at];
    const Token& value = (*tokens)[at + 2];
    if (!key.IsWord() || !(*tokens)[at + 1].Is('=') || !value.IsWord()) return std::nullopt;
    module.options[key.text] = value.text;
  }
  if (at + 1 != tokens->size()) return std::nullopt;
  return module;
}

}  // namespace khs::config
