#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace khs::base {

// A range of IPv4 or IPv6 addresses. IPv4 addresses that are mapped to IPv6 (::ffff:10.0.0.1) count
// as IPv4.
class AddressRange {
 public:
  // Parses CIDR notation (10.0.0.0/8, fc00::/7), or one address.
  static std::optional<AddressRange> Parse(std::string_view text);

  // Returns whether a connection to the address reaches the range. To the unspecified address it
  // reaches the loopback interface.
  bool IsReachedBy(const sockaddr& address) const;

  bool operator==(const AddressRange&) const = default;

 private:
  struct Bytes {
    std::array<uint8_t, 16> bytes{};
    size_t size = 0;  // 4 or 16

    bool operator==(const Bytes&) const = default;
  };

  static Bytes Unmap(const Bytes& address);
  bool Contains(const Bytes& address) const;

  Bytes first_;
  size_t prefix_ = 0;  // bits
};

}  // namespace khs::base
