#include "kafka/redactor.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace khs::kafka {
namespace {

// Long enough that librdkafka's own words rarely match a piece of a secret.
constexpr size_t kPiece = 6;
constexpr std::string_view kSeparators = " \t\r\n,;:=\"'";

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool IsEdge(std::string_view text, size_t at) {
  return at == 0 || at == text.size() || !IsWordByte(text[at - 1]) || !IsWordByte(text[at]);
}

size_t Hash(std::string_view piece) { return std::hash<std::string_view>()(piece); }

void Sort(std::vector<size_t>& hashes) {
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
}

}  // namespace

Redactor::Redactor(const Properties& properties) {
  for (const auto& [name, value] : properties) {
    if (value.is_from_reference()) Add(value.Reveal(), referred_);
  }
  Sort(referred_);
}

void Redactor::Renew(std::string_view username, std::string_view password) {
  Hashes renewed;
  Add(username, renewed);
  Add(password, renewed);
  Sort(renewed);
  const std::lock_guard lock(mutex_);
  previous_ = std::exchange(renewed_, std::move(renewed));
}

std::string Redactor::Redact(std::string_view text) const {
  const std::lock_guard lock(mutex_);
  if (referred_.empty() && renewed_.empty()) return std::string(text);
  std::string shown;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + HiddenAt(text, i);
    if (end == i) {
      shown += text[i++];
      continue;
    }
    while (i < end) {
      ++i;
      end = std::max(end, i + HiddenAt(text, i));
    }
    shown += "[hidden]";
  }
  return shown;
}

void Redactor::Add(std::string_view value, Hashes& hashes) {
  for (size_t i = 0; i + kPiece <= value.size(); ++i) {
    hashes.push_back(Hash(value.substr(i, kPiece)));
  }
  while (!value.empty()) {
    const size_t end = std::min(value.find_first_of(kSeparators), value.size());
    std::string_view item = value.substr(0, end);
    item.remove_prefix(std::min(item.find_first_not_of('/'), item.size()));  // of SSL://host
    if (!item.empty() && item.size() < kPiece) hashes.push_back(Hash(item));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
}

bool Redactor::IsKnown(std::string_view piece) const {
  const size_t hash = Hash(piece);
  const auto in = [hash](const Hashes& hashes) {
    return std::binary_search(hashes.begin(), hashes.end(), hash);
  };
  return in(referred_) || in(renewed_) || in(previous_);
}

// Returns how many bytes at `at` are a known piece or value; 0 when none are.
size_t Redactor::HiddenAt(std::string_view text, size_t at) const {
  const size_t left = text.size() - at;
  if (left >= kPiece && IsKnown(text.substr(at, kPiece))) return kPiece;
  if (!IsEdge(text, at)) return 0;
  for (size_t size = std::min(left, kPiece - 1); size > 0; --size) {
    if (IsEdge(text, at + size) && IsKnown(text.substr(at, size))) return size;
  }
  return 0;
}

}  // namespace khs::kafka
