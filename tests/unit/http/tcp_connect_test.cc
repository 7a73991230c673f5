#include "http/tcp_connect.h"

#include <gmock/gmock.h>
#include <netinet/in.h>

#include <chrono>
#include <optional>

#include "base/descriptors.h"
#include "http/fault.h"
#include "support/scripted_endpoint.h"
#include "support/silent_ports.h"

namespace khs::http {
namespace {

using khs::testing::ClosedPort;
using khs::testing::FullListener;
using khs::testing::ScriptedEndpoint;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Address Local(uint16_t port) { return {"127.0.0.1", port}; }

class ConnectTcpTest : public ::testing::Test {
 protected:
  // Connects on a fiber. Returns the connected address, or sets `fault_`.
  std::optional<Address> Connect(const std::vector<Address>& addresses,
                                 seconds limit = seconds(20)) {
    const auto begun = std::chrono::steady_clock::now();
    std::optional<Address> connected;
    bool ended = false;
    loop_.Start([&] {
      loop_.SetDeadline(loop_.Now() + limit);
      try {
        connected =
            ConnectTcp(loop_, addresses, {"the.host:80", false}, disallowed_, [](int family) {
              return base::OpenSocket(family, SOCK_STREAM, IPPROTO_TCP, base::Claim::kMore);
            }).address;
      } catch (const Fault& fault) {
        fault_ = fault.fault;
      }
      ended = true;
    });
    while (!ended) (void)loop_.Poll(loop_.Now() + seconds(1), std::chrono::microseconds(0));
    took_ = std::chrono::steady_clock::now() - begun;
    return connected;
  }

  ScriptedEndpoint alive_{
      [](const khs::testing::Request&) { return khs::testing::Answer::Of(200); }};
  std::vector<base::AddressRange> disallowed_;
  delivery::RequestFault fault_;
  std::chrono::steady_clock::duration took_{};
  base::SystemClock clock_;
  net::Loop loop_{clock_};
};

TEST_F(ConnectTcpTest, TriesTheNextAddressBesideOneThatDoesNotAnswer) {
  const FullListener dead;
  EXPECT_EQ(Connect({Local(dead.port()), Local(alive_.port())}), Local(alive_.port()));
  EXPECT_GE(took_, milliseconds(250));
  EXPECT_LT(took_, seconds(5));
}

TEST_F(ConnectTcpTest, TriesTheNextAddressAtOnceWhenOneFails) {
  const ClosedPort closed;
  EXPECT_EQ(Connect({Local(closed.port()), Local(closed.port()), Local(alive_.port())}),
            Local(alive_.port()));
  EXPECT_LT(took_, milliseconds(250));
}

TEST_F(ConnectTcpTest, NamesAllAddressesThatFailed) {
  const ClosedPort closed;
  const FullListener dead;
  EXPECT_EQ(Connect({Local(closed.port()), Local(dead.port())}, seconds(1)), std::nullopt);
  EXPECT_EQ(fault_.kind, delivery::FaultKind::kTimeout);
  EXPECT_THAT(fault_.detail,
              AllOf(HasSubstr("the.host:80"), HasSubstr(Local(closed.port()).toString() + ": Conn"),
                    HasSubstr(Local(dead.port()).toString() + ": Connection timed out")));
}

TEST_F(ConnectTcpTest, ConnectsToNoDisallowedAddress) {
  disallowed_ = {*base::AddressRange::Parse("127.0.0.0/8")};
  EXPECT_EQ(Connect({Local(alive_.port())}), std::nullopt);
  EXPECT_EQ(fault_.kind, delivery::FaultKind::kConnect);
  EXPECT_EQ(fault_.detail, "cannot connect to the.host:80 (" + Local(alive_.port()).toString() +
                               ": endpoint.disallow.cidr.ranges disallows this address)");
  EXPECT_EQ(Connect({Address("::ffff:127.0.0.1", alive_.port())}), std::nullopt);
  EXPECT_EQ(Connect({Address("0.0.0.0", alive_.port())}), std::nullopt);
  EXPECT_TRUE(alive_.Requests().empty());
}

TEST_F(ConnectTcpTest, PassesOverADisallowedAddress) {
  disallowed_ = {*base::AddressRange::Parse("127.0.0.2")};
  EXPECT_EQ(Connect({Address("127.0.0.2", alive_.port()), Local(alive_.port())}),
            Local(alive_.port()));
}

TEST(SortAddressesTest, PutsThePreferredAddressFirstAndAlternatesFamilies) {
  const Address six("::1", 80);
  const Address six_too("::2", 80);
  const Address four("127.0.0.1", 80);
  const Address four_too("127.0.0.2", 80);
  EXPECT_THAT(SortAddresses({six, six_too, four, four_too}, {}),
              ElementsAre(six, four, six_too, four_too));
  EXPECT_THAT(SortAddresses({six, six_too, four}, four), ElementsAre(four, six, six_too));
  EXPECT_THAT(SortAddresses({six, six_too}, four), ElementsAre(six, six_too));
  EXPECT_THAT(SortAddresses({four}, {}), ElementsAre(four));
  EXPECT_TRUE(SortAddresses({}, four).empty());
}

}  // namespace
}  // namespace khs::http
