"""OAuth 2 for the endpoint, with a real authorization server: sharing, renewal, refusals, and a server that is down."""

import time

import pytest

from authorization_server import LIFETIME_OF_AN_OUTAGE, AuthorizationServer
from endpoint import DELIVERED, Answer
from load import Load, assert_all_once
from waiting import eventually, holds

RATE = 200
UNAUTHORIZED = Answer(401, b"")


@pytest.fixture
def server(tmp_path, request):
    one = AuthorizationServer(tmp_path / "server", getattr(request, "param", 3600))
    yield one
    one.stop()


def with_token(server, more=None):
    """Returns the keys of a connector that gets its tokens from the server."""
    return {"auth.type": "OAUTH2", "oauth2.token.url": server.url, "oauth2.client.id": "sink",
            "oauth2.client.secret": "sink-secret", **(more or {})}


def tokens(requests):
    return [one.headers.get("authorization") for one in requests]


def counted(sidecar, outcome):
    return sidecar.value("token_requests_total", outcome=outcome)


@pytest.mark.parametrize("server", [10], indirect=True)
def test_tokens_are_renewed_under_load_without_one_unauthorized_request(kafka, sidecar, endpoint, name, server):
    topic = kafka.topic()
    endpoint.decide = lambda one: DELIVERED if server.is_valid(one.headers.get("authorization")) else UNAUTHORIZED
    sidecar.connector(name, topic, endpoint, with_token(server))
    sidecar.start()
    with Load(kafka, topic, RATE) as load:
        eventually(lambda: len(server.issued()) >= 4, lambda: f"4 tokens; log:\n{sidecar.log.tail()}")
        count = load.stop()
        assert_all_once(kafka, name, topic, count, endpoint)
    assert [one for one in endpoint.requests if one.answer.status == 401] == []
    assert len(set(tokens(endpoint.requests))) >= 3
    assert sidecar.value("token_expiry_timestamp_seconds") > time.time()
    assert sidecar.log.find(endpoint.requests[0].headers["authorization"].partition(" ")[2]) == []


@pytest.mark.parametrize("mode", ["header", "header_raw", "url"])
def test_the_client_authenticates_itself_in_each_mode(kafka, sidecar, endpoint, name, server, mode):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint, with_token(server, {
        "oauth2.client.auth.mode": mode, "oauth2.client.scope": "orders",
        "oauth2.token.params": {"audience": "https://shop.example/"}}))
    sidecar.start()
    kafka.produce(topic, [b"x"])
    assert server.is_valid(endpoint.wait_for(1)[0].headers["authorization"])
    issued, = server.issued()
    assert issued["client"] == "sink" and issued["audience"] == "https://shop.example/"


def test_a_refused_request_is_sent_again_with_a_new_token_at_once(kafka, sidecar, endpoint, name, server):
    topic = kafka.topic()
    endpoint.decide = lambda one: UNAUTHORIZED if one.offset == 1 and one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, with_token(server))
    sidecar.start()
    kafka.produce(topic, [b"0"])
    first = endpoint.wait_for(1)[0]
    eventually(lambda: time.monotonic() - first.time > 1.5, "the token is old enough to be replaced")
    kafka.produce(topic, [b"1"])
    used, refused, repeated = endpoint.wait_for(3)
    assert used.headers["authorization"] == refused.headers["authorization"] != repeated.headers["authorization"]
    assert refused.position == repeated.position and len(server.issued()) == 2
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert sum(value for _, value in sidecar.metrics().series("retries_total", connector=name)) == 0
    assert sidecar.log.find("record will be retried") == []


def test_nothing_is_sent_or_dropped_while_the_server_is_down(kafka, sidecar, endpoint, name, server):
    topic = kafka.topic()
    server.stop()
    kafka.produce(topic, [b"%d" % number for number in range(20)])
    sidecar.connector(name, topic, endpoint, with_token(server, {
        "exception.strategy": "DROP_MESSAGE", "request.retry.backoff.sec": [0.5] * 200}))
    sidecar.start()
    eventually(lambda: sidecar.value("retries_total", connector=name, reason="auth"),
               lambda: f"a retry for lack of a token; log:\n{sidecar.log.tail()}")
    sidecar.log.wait_for("token request failed, will retry", f"127.0.0.1:{server.port}")
    holds(lambda: endpoint.requests == [], "nothing is sent", seconds=3)
    server.start()
    endpoint.wait_for(20)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets(topic) == list(range(20))
    assert all(server.is_valid(header) for header in tokens(endpoint.requests))
    assert sum(value for _, value in sidecar.metrics().series("records_dropped_total", connector=name)) == 0
    assert counted(sidecar, "failed") >= 1 and counted(sidecar, "ok") == 1


def test_a_connector_without_a_token_stops_and_drops_nothing(kafka, sidecar, endpoint, name, server):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, endpoint, with_token(server, {
        "oauth2.client.secret": "wr0ng-s3cret", "exception.strategy": "DROP_MESSAGE",
        "request.retry.backoff.sec": [0.1]}))
    sidecar.start()
    sidecar.wait_for_value(1, "connector_state", connector=name, state="failed")
    line = sidecar.log.wait_for("record stops the connector")[0]
    assert "reason=auth" in line and "HTTP 401 (invalid_client)" in line
    assert endpoint.requests == [] and kafka.committed(name, topic).get(0) in (None, 0)
    assert sidecar.log.find("wr0ng-s3cret") == []


def test_a_corrected_secret_applies_without_a_restart(kafka, sidecar, endpoint, name, server):
    topic, secret = kafka.topic(), sidecar.secrets / "client"
    secret.write_text("wr0ng-s3cret")
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, endpoint, with_token(server, {"oauth2.client.secret": f"${{file:{secret}}}"}))
    sidecar.start()
    sidecar.log.wait_for("token request failed, will retry", "invalid_client")
    new = secret.with_name(".client.new")
    new.write_text("sink-secret")
    new.rename(secret)
    assert server.is_valid(endpoint.wait_for(1)[0].headers["authorization"])
    assert sidecar.value("connector_restarts_total", connector=name, reason="secret") == 0


@pytest.mark.parametrize("server", [LIFETIME_OF_AN_OUTAGE], indirect=True)
def test_a_server_that_is_down_for_a_minute_is_not_noticed(kafka, sidecar, endpoint, name, server):
    topic = kafka.topic()
    endpoint.decide = lambda one: DELIVERED if server.is_valid(one.headers.get("authorization")) else UNAUTHORIZED
    sidecar.connector(name, topic, endpoint, with_token(server))
    sidecar.start()
    with Load(kafka, topic, RATE) as load:
        endpoint.wait_for(1)
        server.be_down_for_a_minute(lambda: counted(sidecar, "failed"))
        eventually(lambda: len(server.issued()) >= 2, lambda: f"another token; log:\n{sidecar.log.tail()}")
        endpoint.wait_for(len(endpoint.requests) + RATE)
        count = load.stop()
        assert_all_once(kafka, name, topic, count, endpoint)
    assert [one for one in endpoint.requests if one.answer.status == 401] == []
    assert sidecar.value("retries_total", connector=name, reason="auth") == 0
    sidecar.log.wait_for("token obtained")


def test_twenty_connectors_with_one_identity_share_one_token(kafka, sidecar, endpoint, name, server):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    names = [f"{name}-{number}" for number in range(20)]
    for one in names:
        sidecar.connector(one, topic, endpoint, with_token(server))
    sidecar.start()
    endpoint.wait_for(20)
    assert len(server.issued()) == 1 and len(set(tokens(endpoint.requests))) == 1
    sidecar.connector(f"{name}-other", topic, endpoint, with_token(server, {"oauth2.client.scope": "other"}))
    endpoint.wait_for(21)
    assert len(server.issued()) == 2 and len(set(tokens(endpoint.requests))) == 2


@pytest.mark.parametrize("keys, header, target", [
    ({"auth.type": "BASIC", "connection.user": "Aladdin", "connection.password": "open sesame"},
     ("authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), None),
    ({"auth.type": "BEARER", "bearer.token": "t0ken"}, ("authorization", "Bearer t0ken"), None),
    ({"auth.type": "API_KEY", "api.key.name": "X-Key", "api.key.value": "k3y"}, ("x-key", "k3y"), None),
    ({"auth.type": "API_KEY", "api.key.name": "key", "api.key.value": "a b", "api.key.location": "QUERY"},
     None, "?key=a%20b")], ids=["basic", "bearer", "key-in-a-header", "key-in-the-query"])
def test_constant_credentials_are_sent_with_every_request(kafka, sidecar, endpoint, name, keys, header, target):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint, {**keys, "forward.kafka.headers": True})
    sidecar.start()
    kafka.produce(topic, [b"x"], headers=[("Authorization", b"forged"), ("X-Key", b"forged")] if header else None)
    one = endpoint.wait_for(1)[0]
    if header:
        assert one.headers[header[0]] == header[1]
        assert [value for known, value in one.header_list if known.lower() == header[0]] == [header[1]]
    if target:
        assert one.target.endswith(target)
