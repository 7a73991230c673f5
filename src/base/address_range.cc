#include "base/address_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace khs::base {
namespace {

constexpr size_t kIpv4Bytes = 4;
constexpr size_t kIpv6Bytes = 16;
constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<size_t> ParsePrefix(std::string_view text) {
  size_t prefix = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, prefix);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return prefix;
}

}  // namespace

std::optional<AddressRange> AddressRange::Parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  AddressRange range;
  Bytes& first = range.first_;
  if (::inet_pton(AF_INET, address.c_str(), first.bytes.data()) == 1) {
    first.size = kIpv4Bytes;
  } else if (::inet_pton(AF_INET6, address.c_str(), first.bytes.data()) == 1) {
    first.size = kIpv6Bytes;
  } else {
    return std::nullopt;
  }
  range.prefix_ = first.size * 8;
  if (slash != std::string_view::npos) {
    const auto prefix = ParsePrefix(text.substr(slash + 1));
    if (!prefix || *prefix > range.prefix_) return std::nullopt;
    range.prefix_ = *prefix;
  }
  constexpr size_t kMappedBits = kMapped.size() * 8;
  if (first.size == kIpv6Bytes && range.prefix_ >= kMappedBits) {
    first = Unmap(first);
    if (first.size == kIpv4Bytes) range.prefix_ -= kMappedBits;
  }
  return range;
}

bool AddressRange::IsReachedBy(const sockaddr& address) const {
  Bytes bytes;
  if (address.sa_family == AF_INET) {
    bytes.size = kIpv4Bytes;
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    std::copy_n(reinterpret_cast<const uint8_t*>(&ipv4), bytes.size, bytes.bytes.begin());
  } else if (address.sa_family == AF_INET6) {
    bytes.size = kIpv6Bytes;
    const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    std::copy_n(reinterpret_cast<const uint8_t*>(&ipv6), bytes.size, bytes.bytes.begin());
  } else {
    return false;
  }
  bytes = Unmap(bytes);
  if (Contains(bytes)) return true;
  const bool is_unspecified = bytes.bytes == std::array<uint8_t, 16>{};
  if (!is_unspecified) return false;
  if (bytes.size == kIpv4Bytes) {
    bytes.bytes = {127, 0, 0, 1};
  } else {
    bytes.bytes.back() = 1;
  }
  return Contains(bytes);
}

AddressRange::Bytes AddressRange::Unmap(const Bytes& address) {
  if (address.size != kIpv6Bytes ||
      !std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin())) {
    return address;
  }
  Bytes ipv4;
  ipv4.size = kIpv4Bytes;
  std::copy_n(address.bytes.begin() + kMapped.size(), kIpv4Bytes, ipv4.bytes.begin());
  return ipv4;
}

bool AddressRange::Contains(const Bytes& address) const {
  if (address.size != first_.size) return false;
  for (size_t bit = 0; bit < prefix_; bit += 8) {
    const size_t unused = bit + 8 > prefix_ ? bit + 8 - prefix_ : 0;
    const int difference = address.bytes[bit / 8] ^ first_.bytes[bit / 8];
    if (difference >> unused != 0) return false;
  }
  return true;
}

}  // namespace khs::base
