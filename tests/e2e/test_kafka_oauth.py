"""OAUTHBEARER between the program and a real broker, with tokens of a real authorization server."""

import os

import pytest

import kafka_cluster
from authorization_server import LIFETIME_OF_AN_OUTAGE, AuthorizationServer
from endpoint import DELIVERED, Answer
from load import Load
from observing import undisturbed
from waiting import eventually

LIFETIME = 5
RENEWALS = 10
RATE = 50
PACKAGE = "org.apache.kafka.common.security.oauthbearer"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = AuthorizationServer(tmp_path_factory.mktemp("oauth") / "server", LIFETIME)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def oauth_kafka(server):
    """A broker that takes tokens of the server, and ends connections whose token has expired."""
    keys = server.jwks.as_uri()
    settings = (
        "sasl.enabled.mechanisms=PLAIN,OAUTHBEARER",
        f"listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config={PACKAGE}.OAuthBearerLoginModule required;",
        "listener.name.sasl_plaintext.oauthbearer.sasl.server.callback.handler.class="
        f"{PACKAGE}.OAuthBearerValidatorCallbackHandler",
        f"listener.name.sasl_plaintext.oauthbearer.connections.max.reauth.ms={LIFETIME * 1000}",
        # Tokens that name an audience are rejected without this.
        "sasl.oauthbearer.expected.audience=sink",
        f"sasl.oauthbearer.jwks.endpoint.url={keys}")
    node, before = kafka_cluster.load_node(), os.environ.get("JAVA_TOOL_OPTIONS")
    os.environ["JAVA_TOOL_OPTIONS"] = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"
    try:
        broker = node.Broker(settings=settings)
    except node.Unavailable as error:
        kafka_cluster.without(str(error))
    finally:
        os.environ.pop("JAVA_TOOL_OPTIONS")
        if before is not None:
            os.environ["JAVA_TOOL_OPTIONS"] = before
    yield kafka_cluster.KafkaCluster(broker.bootstrap, broker.sasl_bootstrap)
    broker.stop()


@pytest.fixture
def secured(sidecar_without_broker, oauth_kafka, server):
    """The program with OAUTHBEARER for every client."""
    sidecar = sidecar_without_broker
    (sidecar.secrets / "client").write_text("sink-secret")
    sidecar.settings.update({
        "kafka.bootstrap.servers": oauth_kafka.sasl_bootstrap, "kafka.security.protocol": "SASL_PLAINTEXT",
        "kafka.sasl.mechanism": "OAUTHBEARER", "kafka.sasl.oauthbearer.method": "oidc",
        "kafka.sasl.oauthbearer.token.endpoint.url": server.url, "kafka.sasl.oauthbearer.client.id": "sink",
        "kafka.sasl.oauthbearer.client.secret": f"${{file:{sidecar.secrets}/client}}",
        "kafka.sasl.oauthbearer.scope": "kafka",
        # The delay grows with each connection that lasts for less than this, and here the broker ends all after LIFETIME.
        "kafka.reconnect.backoff.max.ms": "1000"})
    return sidecar


def test_consumers_and_dead_letters_survive_ten_renewals(oauth_kafka, secured, endpoint, name, server):
    topic, dead = oauth_kafka.topic(), oauth_kafka.topic()
    endpoint.decide = lambda one: Answer(422, b"") if int(one.body) % 10 == 0 else DELIVERED
    secured.connector(name, topic, endpoint, {"exception.strategy": "DROP_MESSAGE",
                                              "errors.deadletterqueue.topic.name": dead})
    secured.start()
    secured.wait_running(name)
    before = len(server.issued())
    with undisturbed(oauth_kafka, secured, name), Load(oauth_kafka, topic, RATE) as load:
        eventually(lambda: len(server.issued()) - before >= RENEWALS,
                   lambda: f"{RENEWALS} renewals; log:\n{secured.log.tail()}", timeout=RENEWALS * LIFETIME * 4)
        count = load.stop()
        eventually(lambda: oauth_kafka.all_committed(name, topic),
                   lambda: f"everything is committed; log:\n{secured.log.tail()}")
    assert sorted({int(one.body) for one in endpoint.of(topic)}) == list(range(count))
    assert sorted(int(one.value()) for one in oauth_kafka.read(dead)) == list(range(0, count, 10))
    assert secured.value("dead_letter_records_total", connector=name, outcome="failed") == 0
    assert secured.log.find("sink-secret") == []


def test_a_server_that_is_down_for_a_minute_is_not_noticed(oauth_kafka, secured, endpoint, name, server):
    topic = oauth_kafka.topic()
    server.stop()
    server.lifetime = LIFETIME_OF_AN_OUTAGE
    server.start()
    try:
        secured.connector(name, topic, endpoint)
        secured.start()
        secured.wait_running(name)
        with undisturbed(oauth_kafka, secured, name), Load(oauth_kafka, topic, RATE) as load:
            issued = len(server.issued())
            server.be_down_for_a_minute(lambda: secured.value("token_requests_total", outcome="failed"))
            eventually(lambda: len(server.issued()) > issued, lambda: f"a new token; log:\n{secured.log.tail()}")
            count = load.stop()
            eventually(lambda: oauth_kafka.all_committed(name, topic),
                       lambda: f"everything is committed; log:\n{secured.log.tail()}")
    finally:
        server.lifetime = LIFETIME
    assert sorted({int(one.body) for one in endpoint.of(topic)}) == list(range(count))


def test_clients_wait_for_a_server_that_is_down_at_the_start(oauth_kafka, secured, endpoint, name, server):
    topic = oauth_kafka.topic()
    oauth_kafka.produce(topic, [b"0"])
    server.stop()
    secured.connector(name, topic, endpoint)
    secured.start()
    secured.log.wait_for("token request failed, will retry")
    assert endpoint.requests == []
    server.start()
    endpoint.wait_for(1)


def test_a_corrected_client_secret_recovers_a_connector_without_a_restart(oauth_kafka, secured, endpoint, name):
    topic = oauth_kafka.topic()
    oauth_kafka.produce(topic, [b"0"])
    secret = secured.secrets / "client"
    secret.write_text("wr0ng-s3cret")
    secured.connector(name, topic, endpoint)
    secured.start()
    secured.log.wait_for("token request failed, will retry", "invalid_client")
    new = secret.with_name(".client.new")
    new.write_text("sink-secret")
    new.rename(secret)
    endpoint.wait_for(1)
    assert secured.value("connector_restarts_total", connector=name, reason="secret") == 0
    assert secured.log.find("wr0ng-s3cret") == []


def test_an_incomplete_client_is_rejected_at_the_start(sidecar_without_broker):
    sidecar = sidecar_without_broker
    sidecar.settings.update({"kafka.bootstrap.servers": "127.0.0.1:1", "kafka.sasl.mechanism": "OAUTHBEARER",
                             "kafka.security.protocol": "SASL_PLAINTEXT"})
    sidecar.start(wait=False)
    log = sidecar.log
    assert sidecar.wait_exit() == 1
    assert log.find("configuration rejected", "sasl.oauthbearer.token.endpoint.url"), log.tail()
