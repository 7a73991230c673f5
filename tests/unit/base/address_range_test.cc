#include "base/address_range.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

namespace khs::base {
namespace {

bool IsReached(const char* range, const char* address) {
  const auto parsed = AddressRange::Parse(range);
  EXPECT_TRUE(parsed) << range;
  sockaddr_storage storage{};
  if (std::string(address).find(':') == std::string::npos) {
    auto& ipv4 = reinterpret_cast<sockaddr_in&>(storage);
    ipv4.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, address, &ipv4.sin_addr), 1) << address;
  } else {
    auto& ipv6 = reinterpret_cast<sockaddr_in6&>(storage);
    ipv6.sin6_family = AF_INET6;
    EXPECT_EQ(::inet_pton(AF_INET6, address, &ipv6.sin6_addr), 1) << address;
  }
  return parsed && parsed->IsReachedBy(reinterpret_cast<const sockaddr&>(storage));
}

TEST(AddressRange, ContainsTheAddressesWithItsPrefix) {
  const struct {
    const char* range;
    const char* inside;
    const char* outside;
  } cases[] = {
      {"10.0.0.0/8", "10.255.0.1", "11.0.0.1"},
      {"10.1.2.3/8", "10.255.0.1", "11.0.0.1"},
      {"172.16.0.0/12", "172.31.255.255", "172.32.0.0"},
      {"169.254.169.254", "169.254.169.254", "169.254.169.253"},
      {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
      {"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
      {"fc00::/7", "fdff::1", "fe00::1"},
      {"::1", "::1", "::2"},
      {"::/0", "2001:db8::1", "8.8.8.8"},
      {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
  };
  for (const auto& [range, inside, outside] : cases) {
    EXPECT_TRUE(IsReached(range, inside)) << range;
    EXPECT_FALSE(IsReached(range, outside)) << range;
  }
}

TEST(AddressRange, UnwrapsMappedAddresses) {
  EXPECT_TRUE(IsReached("10.0.0.0/8", "::ffff:10.0.0.1"));
  EXPECT_TRUE(IsReached("::ffff:10.0.0.0/104", "10.0.0.1"));
  EXPECT_TRUE(IsReached("::ffff:10.0.0.1", "::ffff:a00:1"));
  EXPECT_FALSE(IsReached("::/0", "::ffff:10.0.0.1"));
}

TEST(AddressRange, OfTheLoopbackInterfaceIsReachedByTheUnspecifiedAddress) {
  EXPECT_TRUE(IsReached("127.0.0.0/8", "0.0.0.0"));
  EXPECT_TRUE(IsReached("127.0.0.0/8", "::ffff:0.0.0.0"));
  EXPECT_TRUE(IsReached("::1/128", "::"));
  EXPECT_FALSE(IsReached("10.0.0.0/8", "0.0.0.0"));
}

TEST(AddressRange, IsNothingElse) {
  for (const char* text : {"", "10", "10.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1",
                           "10.0.0.0/8 ", "010.0.0.0/8", "fc00::/129", "fc00::%eth0/64",
                           "localhost", "[::1]", "/8", "10.0.0.0/8/8", "10.0.0.0/08x"}) {
    EXPECT_FALSE(AddressRange::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace khs::base
