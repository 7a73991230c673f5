#include <gmock/gmock.h>

#include <fstream>
#include <stdexcept>

#include "support/certificates.h"
#include "support/silent_ports.h"
#include "unit/http/client_fixture.h"

namespace khs::http {
namespace {

using delivery::Aborted;
using delivery::FaultKind;
using delivery::NullValues;
using khs::testing::CertificateAuthority;
using khs::testing::EndpointTls;
using khs::testing::Gate;
using khs::testing::SilentListener;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Ended = Sender::Ended;
using Slot = task::Endpoint::Slot;

class EndpointClientReconfigure : public EndpointClientTest {
 protected:
  static ScriptedEndpoint::Script Always(const Answer& answer) {
    return [answer](const Request&) { return answer; };
  }

  void Lead(Sender& client, const std::string& url) {
    config_.url = url;
    client.Reconfigure(config_, NullValues::kSend);
  }

  // Starts an attempt and waits until its request has reached the endpoint.
  void BeginAt(Sender& client, Slot slot, const ScriptedEndpoint& endpoint) {
    const size_t before = endpoint.RequestCount();
    client.Begin(slot, record_);
    std::vector<Ended> ended;
    while (!endpoint.WaitForRequests(before + 1, milliseconds(0))) {
      client.Wait(clock_.Read().monotonic + milliseconds(1), ended);
      ASSERT_TRUE(ended.empty()) << Fault(ended[0].result.reply, false).detail;
    }
  }

  // Waits for the next attempt to end.
  static Ended Next(Sender& client) {
    std::vector<Ended> ended;
    while (ended.empty()) client.Wait(std::nullopt, ended);
    EXPECT_EQ(ended.size(), 1u);
    return std::move(ended.front());
  }
};

class EndpointClientReconfigureTls : public EndpointClientReconfigure {
 protected:
  EndpointClientReconfigureTls() { config_.tls.ca_location = authority_.ca_file(); }

  EndpointTls Localhost() {
    const auto issued = authority_.Issue("server", {"DNS:localhost", "IP:127.0.0.1"});
    return {issued.certificate_file, issued.key_file, ""};
  }

  CertificateAuthority authority_;
};

TEST_F(EndpointClientReconfigure, NewAttemptsUseTheNewUrlAndRunningOnesKeepTheirs) {
  const auto gate = std::make_shared<Gate>();
  ScriptedEndpoint old(Always(Answer::Of(201).When(gate)));
  ScriptedEndpoint next(Always(Answer::Of(202)));
  Sender& client = ClientOf(old.Url());
  BeginAt(client, 0, old);
  Lead(client, next.Url());
  client.Begin(1, record_);
  Ended ended = Next(client);
  EXPECT_EQ(ended.slot, 1u);
  EXPECT_EQ(Http(ended.result.reply).status, 202);
  gate->Open();
  ended = Next(client);
  EXPECT_EQ(ended.slot, 0u);
  EXPECT_EQ(Http(ended.result.reply).status, 201);
  // The new definition needs another connection.
  EXPECT_TRUE(old.WaitUntilDisconnected());
  EXPECT_EQ(Http(Send(client).reply).status, 202);
  EXPECT_EQ(old.RequestCount(), 1u);
  EXPECT_EQ(next.ConnectionCount(), 1);
}

TEST_F(EndpointClientReconfigure, KeepsConnectionsWhenOnlyRequestsChange) {
  ScriptedEndpoint endpoint(Always(Answer::Of(200)));
  config_.headers = {{"Token", "first"}};
  Sender& client = ClientOf(endpoint.Url("/first"));
  (void)Send(client);
  config_.url = endpoint.Url("/second?x=y");
  config_.method = "PUT";
  config_.headers = {{"Token", "second"}};
  config_.connect_timeout += seconds(1);
  config_.read_timeout -= seconds(1);
  config_.forward_kafka_headers = true;
  config_.tls.ca_location = "/not/used/by/http";
  record_.headers = {{"Own", "header"}};
  client.Reconfigure(config_, NullValues::kDelete);
  (void)Send(client);
  record_.value.reset();
  (void)Send(client);
  const auto requests = endpoint.Requests();
  ASSERT_EQ(requests.size(), 3u);
  EXPECT_EQ(requests[0].Header("Token"), "first");
  EXPECT_EQ(requests[1].method, "PUT");
  EXPECT_EQ(requests[1].target, "/second?x=y");
  EXPECT_EQ(requests[1].Header("Token"), "second");
  EXPECT_EQ(requests[1].Header("Own"), "header");
  EXPECT_EQ(requests[2].method, "DELETE");
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
}

TEST_F(EndpointClientReconfigure, ARunningAttemptPassesItsConnectionToTheNextOne) {
  const auto gate = std::make_shared<Gate>();
  ScriptedEndpoint endpoint(Always(Answer::Of(200).When(gate)));
  Sender& client = ClientOf(endpoint.Url());
  BeginAt(client, 0, endpoint);
  config_.headers = {{"Token", "new"}};
  client.Reconfigure(config_, NullValues::kSend);
  gate->Open();
  EXPECT_EQ(Http(Next(client).result.reply).status, 200);
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  EXPECT_EQ(endpoint.Requests().back().Header("Token"), "new");
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
}

TEST_F(EndpointClientReconfigure, ClosesIdleConnectionsToTheOldUrlAtOnce) {
  ScriptedEndpoint old(Always(Answer::Of(200)));
  ScriptedEndpoint next(Always(Answer::Of(200)));
  Sender& client = ClientOf(old.Url());
  (void)Send(client);
  Lead(client, next.Url());
  EXPECT_TRUE(old.WaitUntilDisconnected());
  EXPECT_EQ(next.ConnectionCount(), 0);
}

TEST_F(EndpointClientReconfigure, ReturnsToThePreviousUrl) {
  ScriptedEndpoint one(Always(Answer::Of(201)));
  ScriptedEndpoint other(Always(Answer::Of(202)));
  Sender& client = ClientOf(one.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 201);
  Lead(client, other.Url());
  Lead(client, one.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 201);
  EXPECT_EQ(other.ConnectionCount(), 0);
}

// The deadlines are then in a different order than the starts.
TEST_F(EndpointClientReconfigure, AShorterReadTimeoutIsForNewAttemptsOnly) {
  ScriptedEndpoint endpoint(Always(Answer::Hang()));
  AdjustableClock clock;
  config_.url = endpoint.Url();
  Sender client(config_, {"sink", "connect-sink"}, NullValues::kSend, clock);
  client.Begin(0, record_);
  config_.read_timeout = milliseconds(100);
  client.Reconfigure(config_, NullValues::kSend);
  client.Begin(1, record_);
  Ended ended = Next(client);
  EXPECT_EQ(ended.slot, 1u);
  EXPECT_THAT(Fault(ended.result.reply).detail, HasSubstr(" 100 ms"));
  clock.ahead = seconds(20);
  ended = Next(client);
  EXPECT_EQ(ended.slot, 0u);
  EXPECT_THAT(Fault(ended.result.reply).detail, HasSubstr(" 20000 ms"));
}

TEST_F(EndpointClientReconfigure, ALongerReadTimeoutIsForNewAttemptsOnly) {
  ScriptedEndpoint endpoint(Always(Answer::Hang()));
  AdjustableClock clock;
  config_.url = endpoint.Url();
  config_.read_timeout = milliseconds(100);
  Sender client(config_, {"sink", "connect-sink"}, NullValues::kSend, clock);
  client.Begin(0, record_);
  config_.read_timeout = seconds(20);
  client.Reconfigure(config_, NullValues::kSend);
  client.Begin(1, record_);
  Ended ended = Next(client);
  EXPECT_EQ(ended.slot, 0u);
  EXPECT_THAT(Fault(ended.result.reply).detail, HasSubstr(" 100 ms"));
  clock.ahead = seconds(20);
  ended = Next(client);
  EXPECT_EQ(ended.slot, 1u);
  EXPECT_THAT(Fault(ended.result.reply).detail, HasSubstr(" 20000 ms"));
}

TEST_F(EndpointClientReconfigureTls, AConnectTimeoutIsForNewAttemptsOnly) {
  const SilentListener silent;
  AdjustableClock clock;
  config_.url = "https://127.0.0.1:" + std::to_string(silent.port());
  Sender client(config_, {"sink", "connect-sink"}, NullValues::kSend, clock);
  client.Begin(0, record_);
  config_.connect_timeout = milliseconds(100);
  client.Reconfigure(config_, NullValues::kSend);
  client.Begin(1, record_);
  config_.connect_timeout = seconds(40);
  client.Reconfigure(config_, NullValues::kSend);
  client.Begin(2, record_);
  for (const auto& [slot, timeout] : {std::pair(1u, "100"), {0u, "20000"}, {2u, "40000"}}) {
    const Ended ended = Next(client);
    EXPECT_EQ(ended.slot, slot);
    EXPECT_THAT(Fault(ended.result.reply).detail, HasSubstr(std::string(timeout) + " ms"));
    clock.ahead = clock.ahead.load() + seconds(20);
  }
}

TEST_F(EndpointClientReconfigureTls, SwitchesToHttpsAndBack) {
  auto gate = std::make_shared<Gate>();
  ScriptedEndpoint plain([&](const Request&) { return Answer::Of(201).When(gate); });
  ScriptedEndpoint secure([&](const Request&) { return Answer::Of(202).When(gate); }, Localhost());
  Sender& client = ClientOf(plain.Url());
  BeginAt(client, 0, plain);
  Lead(client, secure.Url());
  BeginAt(client, 1, secure);
  Lead(client, plain.Url());
  BeginAt(client, 2, plain);
  gate->Open();
  for (int i = 0; i < 3;) {
    std::vector<Ended> ended;
    client.Wait(std::nullopt, ended);
    for (const Ended& each : ended) {
      EXPECT_EQ(Http(each.result.reply).status, each.slot == 1 ? 202 : 201);
      ++i;
    }
  }
  EXPECT_TRUE(secure.WaitUntilDisconnected());
  EXPECT_EQ(plain.ConnectionCount(), 2);
  EXPECT_EQ(secure.ConnectionCount(), 1);
}

TEST_F(EndpointClientReconfigureTls, OtherTlsSettingsNeedAnotherConnection) {
  ScriptedEndpoint endpoint(Always(Answer::Of(200)), Localhost());
  Sender& client = ClientOf(endpoint.Url());
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  const CertificateAuthority other("Other Authority");
  config_.tls.ca_location = other.ca_file();
  client.Reconfigure(config_, NullValues::kSend);
  EXPECT_EQ(Fault(Send(client).reply).kind, FaultKind::kTls);
  config_.tls.ca_location = authority_.ca_file();
  config_.headers = {{"Token", "new"}};
  client.Reconfigure(config_, NullValues::kSend);
  EXPECT_EQ(Http(Send(client).reply).status, 200);
  EXPECT_EQ(endpoint.ConnectionCount(), 3);
}

TEST_F(EndpointClientReconfigureTls, ChangesNothingWhenTheDefinitionCannotBeUsed) {
  ScriptedEndpoint endpoint(Always(Answer::Of(200)), Localhost());
  config_.headers = {{"Token", "good"}};
  Sender& client = ClientOf(endpoint.Url());
  (void)Send(client);
  const config::EndpointConfig good = config_;
  const std::string garbage = authority_.directory() / "garbage.pem";
  std::ofstream(garbage) << "no certificate";

  config_.headers = {{"Token", "bad"}};
  config_.tls.ca_location = garbage;
  EXPECT_THROW(client.Reconfigure(config_, NullValues::kSend), std::runtime_error);
  config_ = good;
  config_.headers = {{"Token", "bad\r\n"}};
  EXPECT_THROW(client.Reconfigure(config_, NullValues::kSend), std::runtime_error);
  config_ = good;
  config_.url = "ftp://elsewhere/";
  EXPECT_THROW(client.Reconfigure(config_, NullValues::kSend), std::runtime_error);

  EXPECT_EQ(Http(Send(client).reply).status, 200);
  EXPECT_EQ(endpoint.Requests().back().Header("Token"), "good");
  EXPECT_EQ(endpoint.ConnectionCount(), 1);
}

TEST_F(EndpointClientReconfigure, ResolvesANameForTheAttemptThatAskedForIt) {
  ScriptedEndpoint old(Always(Answer::Of(201)));
  ScriptedEndpoint next(Always(Answer::Of(202)));
  Sender& client = ClientOf(old.Url("/", "localhost"));
  client.Begin(0, record_);  // only Wait takes the result of a lookup
  Lead(client, next.Url("/", "localhost"));
  client.Begin(1, record_);
  Lead(client, "http://no-such-host.invalid/");
  client.Begin(2, record_);
  Lead(client, next.Url());
  client.Begin(3, record_);
  for (size_t left = 4; left > 0;) {
    std::vector<Ended> ended;
    client.Wait(std::nullopt, ended);
    left -= ended.size();
    for (const Ended& each : ended) {
      if (each.slot == 2) {
        EXPECT_THAT(Fault(each.result.reply).detail, HasSubstr("no-such-host.invalid"));
      } else {
        EXPECT_EQ(Http(each.result.reply).status, each.slot == 0 ? 201 : 202);
      }
    }
  }
  EXPECT_EQ(old.RequestCount(), 1u);
  EXPECT_EQ(next.RequestCount(), 2u);
}

TEST_F(EndpointClientReconfigureTls, AbortEndsAttemptsOfBothDefinitions) {
  ScriptedEndpoint old(Always(Answer::Hang()), Localhost());
  ScriptedEndpoint next(Always(Answer::Hang()));
  Sender& client = ClientOf(old.Url());
  BeginAt(client, 0, old);
  Lead(client, next.Url());
  BeginAt(client, 1, next);
  Lead(client, old.Url());
  client.Abort();
  client.Begin(2, record_);
  std::vector<Ended> ended;
  client.Wait(std::nullopt, ended);
  ASSERT_EQ(ended.size(), 3u);
  for (const Ended& each : ended) {
    EXPECT_TRUE(std::holds_alternative<Aborted>(each.result.reply));
  }
  Lead(client, next.Url());
  EXPECT_TRUE(std::holds_alternative<Aborted>(Send(client).reply));
  EXPECT_TRUE(old.WaitUntilDisconnected());
  EXPECT_TRUE(next.WaitUntilDisconnected());
}

TEST_F(EndpointClientReconfigureTls, IsDestroyedWithRunningAttemptsOfBothDefinitions) {
  ScriptedEndpoint old(Always(Answer::Hang()), Localhost());
  ScriptedEndpoint next(Always(Answer::Hang()), Localhost());
  Sender& client = ClientOf(old.Url());
  BeginAt(client, 0, old);
  client.Begin(1, record_);
  Lead(client, next.Url());
  BeginAt(client, 2, next);
  Lead(client, "https://localhost:" + std::to_string(next.port()));
  client.Begin(3, record_);
  client.Reconfigure(config_, NullValues::kDelete);
  client_.reset();
  EXPECT_TRUE(old.WaitUntilDisconnected());
  EXPECT_TRUE(next.WaitUntilDisconnected());
}

// No request mixes two definitions.
TEST_F(EndpointClientReconfigureTls, SwitchesUnderLoad) {
  constexpr size_t kAtOnce = 8;
  constexpr size_t kRounds = 40;
  ScriptedEndpoint plain(Always(Answer::Of(200)));
  ScriptedEndpoint secure(Always(Answer::Of(200)), Localhost());
  std::vector<config::EndpointConfig> definitions;
  for (const auto& [endpoint, token] :
       {std::pair(&plain, "plain"), {&plain, "plain again"}, {&secure, "secure"}}) {
    config_.url = endpoint->Url();
    config_.headers = {{"Token", token}};
    definitions.push_back(config_);
  }
  Sender client(definitions[0], {"sink", "connect-sink"}, NullValues::kSend, clock_);
  std::vector<Ended> ended;
  for (size_t round = 0; round < kRounds; ++round) {
    for (Slot slot = 0; slot < kAtOnce; ++slot) {
      client.Reconfigure(definitions[(round + slot) % definitions.size()], NullValues::kSend);
      client.Begin(slot, record_);
    }
    for (size_t left = kAtOnce; left > 0; left -= ended.size()) {
      client.Wait(std::nullopt, ended);
      for (const Ended& each : ended) EXPECT_EQ(Http(each.result.reply).status, 200);
    }
  }
  for (const Request& request : plain.Requests()) {
    EXPECT_THAT(request.Header("Token").value_or(""), HasSubstr("plain"));
  }
  for (const Request& request : secure.Requests()) EXPECT_EQ(request.Header("Token"), "secure");
  EXPECT_EQ(plain.RequestCount() + secure.RequestCount(), kAtOnce * kRounds);
}

}  // namespace
}  // namespace khs::http
