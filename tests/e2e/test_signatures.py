"""Signatures, verified as receivers do it: by the libraries of Standard Webhooks and Stripe, and as GitHub documents it."""

import base64
import hashlib
import hmac
import os
import subprocess
import types

import pytest

from endpoint import Answer, DELIVERED, RETRY
from observing import undisturbed
from receiving import LANGUAGES, assert_refused, assert_valid, need_libraries
from test_secrets import assert_not_shown, write
from volume import Volume
from waiting import eventually

BODIES = [b'{"id": 1.10, "name": "caf\xc3\xa9"}', "Grüße aus Köln\r\n".encode(), b"x" * 300_000, b" ", None]


@pytest.fixture(autouse=True)
def libraries():
    need_libraries()


def standard_secret(seed, prefix="whsec_", size=32):
    return prefix + base64.b64encode(hashlib.sha512(seed.encode()).digest()[:size]).decode()


def signed(kind, *secrets):
    return {"signature.type": kind, "signature.secrets": list(secrets)}


def tampered(request, body=None, **headers):
    """Returns a request with another body or other headers, whose names have _ for -."""
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    return types.SimpleNamespace(body=request.body if body is None else body, headers={**request.headers, **changed})


def value_of(request, name):
    """Returns the value of a header that must be there once."""
    value, = [value for known, value in request.header_list if known.lower() == name]
    return value


def test_standard_webhooks_of_every_secret_are_verified_by_both_libraries(kafka, sidecar, endpoint, name):
    topic, secrets = kafka.topic(), [standard_secret("new"), standard_secret("old", size=24)]
    kafka.produce(topic, BODIES)
    sidecar.connector(name, topic, endpoint, signed("STANDARD_WEBHOOKS", *secrets))
    sidecar.start()
    requests = endpoint.wait_for(len(BODIES))
    assert endpoint.bodies() == [body or b"" for body in BODIES]
    for secret in secrets:
        assert_valid("standard-webhooks", requests, secret, LANGUAGES)
    assert_refused("standard-webhooks", requests, standard_secret("other"), LANGUAGES)
    one = requests[0]
    for forged in (tampered(one, body=one.body + b" "), tampered(one, body=b""),
                   tampered(one, webhook_id="msg_0"), tampered(one, webhook_timestamp=str(int(one.wall) + 60))):
        assert_refused("standard-webhooks", [forged], secrets[0], LANGUAGES)
    ids = {value_of(request, "webhook-id") for request in requests}
    assert len(ids) == len(BODIES) and not any("." in one for one in ids)
    assert all(len(value_of(request, "webhook-signature").split(" ")) == 2 for request in requests)
    assert_not_shown(sidecar, *(secret.split("_")[1] for secret in secrets))


def test_an_asymmetric_signature_is_verified_by_openssl_and_ignored_by_the_libraries(kafka, sidecar, endpoint, name,
                                                                                     tmp_path):
    topic, shared = kafka.topic(), standard_secret("shared")
    seed = os.urandom(32)
    key, public = tmp_path / "key.der", tmp_path / "public.pem"
    key.write_bytes(bytes.fromhex("302e020100300506032b657004220420") + seed)     # PKCS #8
    subprocess.run(["openssl", "pkey", "-inform", "DER", "-in", key, "-pubout", "-out", public], check=True)
    kafka.produce(topic, BODIES)
    sidecar.connector(name, topic, endpoint, signed("STANDARD_WEBHOOKS", "whsk_" + base64.b64encode(seed).decode(), shared))
    sidecar.start()
    requests = endpoint.wait_for(len(BODIES))
    for request in requests:
        asymmetric, symmetric = value_of(request, "webhook-signature").split(" ")
        assert asymmetric.startswith("v1a,") and symmetric.startswith("v1,")
        message, signature = tmp_path / "message", tmp_path / "signature"
        message.write_bytes(f"{value_of(request, 'webhook-id')}.{value_of(request, 'webhook-timestamp')}.".encode()
                            + request.body)
        signature.write_bytes(base64.b64decode(asymmetric.removeprefix("v1a,"), validate=True))
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", message,
                        "-sigfile", signature], check=True, stdout=subprocess.DEVNULL)
    assert_valid("standard-webhooks", requests, shared, LANGUAGES)


def test_signatures_like_githubs_are_verified_as_documented(kafka, sidecar, endpoint, name):
    topic, secret = kafka.topic(), "It's a Secret to Everybody"
    bodies = [*BODIES, b"\xff\x00\x01", b"Hello, World!"]
    kafka.produce(topic, bodies)
    sidecar.connector(name, topic, endpoint, signed("GITHUB", secret))
    sidecar.start()
    for request in endpoint.wait_for(len(bodies)):
        expected = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
        assert value_of(request, "x-hub-signature-256") == expected
    # The example of GitHub's page "Validating webhook deliveries".
    assert value_of(endpoint.requests[-1], "x-hub-signature-256") == (
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
    assert_not_shown(sidecar, secret)


def test_signatures_like_stripes_of_every_secret_are_verified_by_its_library(kafka, sidecar, endpoint, name):
    topic, secrets = kafka.topic(), ["whsec_n3w-s3cret", "0ld s3cret"]
    kafka.produce(topic, BODIES)
    sidecar.connector(name, topic, endpoint, signed("STRIPE", *secrets))
    sidecar.start()
    requests = endpoint.wait_for(len(BODIES))
    for secret in secrets:
        assert_valid("stripe", requests, secret)
    assert_refused("stripe", requests, "other")
    assert_refused("stripe", [tampered(requests[0], body=b"{}")], secrets[0])
    assert_not_shown(sidecar, "n3w-s3cret", secrets[1])


def test_each_attempt_is_signed_at_its_own_time(kafka, sidecar, endpoint, second_endpoint, name):
    topic, secret = kafka.topic(), standard_secret("s")
    kafka.produce(topic, [b"{}"])
    for server in (endpoint, second_endpoint):
        server.decide = lambda one: [RETRY, Answer(status=503, body=b""), DELIVERED][one.attempt - 1]
    delays = {"retry.backoff.sec": [2.1], "request.retry.backoff.sec": [2.1]}
    sidecar.connector(f"{name}-standard", topic, endpoint, {**signed("STANDARD_WEBHOOKS", secret), **delays})
    sidecar.connector(f"{name}-stripe", topic, second_endpoint, {**signed("STRIPE", "s"), **delays})
    sidecar.start()
    attempts, stripe = endpoint.wait_for(3), second_endpoint.wait_for(3)
    assert_valid("standard-webhooks", attempts, secret, LANGUAGES)
    assert_valid("stripe", stripe, "s")
    assert len({value_of(one, "webhook-id") for one in attempts}) == 1
    assert len({value_of(one, "idempotency-key") for one in attempts}) == 1
    times = {"standard": [(int(value_of(one, "webhook-timestamp")), one.wall) for one in attempts],
             "stripe": [(int(value_of(one, "stripe-signature")[2:].split(",")[0]), one.wall) for one in stripe]}
    for signed_at in times.values():
        assert all(earlier[0] < later[0] for earlier, later in zip(signed_at, signed_at[1:]))
        assert all(arrived - 5 <= time <= arrived + 1 for time, arrived in signed_at)


def test_secrets_are_rotated_without_a_restart_and_without_an_unverified_request(kafka, sidecar, endpoint, name):
    topic, old, new = kafka.topic(), standard_secret("old"), standard_secret("new")
    volume = Volume(sidecar.secrets / "hooks")
    volume.update({"old": old})
    references = {each: f"${{dir:{sidecar.secrets}/hooks:{each}}}" for each in ("old", "new")}

    def produce_until(condition, what):
        def produced():
            kafka.produce(topic, [b"{}"])
            return endpoint.requests and condition(endpoint.requests[-1])
        eventually(produced, what)

    def signatures(request):
        return len(value_of(request, "webhook-signature").split(" "))

    def sign_with(*secrets):
        sidecar.connector(name, topic, endpoint, {
            **signed("STANDARD_WEBHOOKS", *(references[each] for each in secrets)), "retry.backoff.sec": [600]})

    sign_with("old")
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name):
        produce_until(lambda one: signatures(one) == 1, "the old secret signs")
        # The new one is there before the definition refers to it.
        volume.update({"old": old, "new": new})
        sign_with("new", "old")
        produce_until(lambda one: signatures(one) == 2, "both sign")
        both = len(endpoint.requests)
        assert_valid("standard-webhooks", list(endpoint.requests), old, LANGUAGES)     # receivers move now
        sign_with("new")
        produce_until(lambda one: signatures(one) == 1, "the new one signs")
        assert_valid("standard-webhooks", endpoint.requests[both - 1:], new, LANGUAGES)
        assert_refused("standard-webhooks", endpoint.requests[-1:], old)

        # A secret that is replaced in place applies to a record that waits, too.
        endpoint.decide = lambda one: RETRY if one.body == b"waits" and one.attempt == 1 else DELIVERED
        kafka.produce(topic, [b"waits"])
        sidecar.wait_for_value(1, "records_waiting_retry", connector=name)
        newest = standard_secret("newest")
        volume.update({"new": newest})
        sidecar.wait_for_value(0, "records_waiting_retry", connector=name)
        first, second = [one for one in endpoint.requests if one.body == b"waits"]
    assert_valid("standard-webhooks", [first], new)
    assert_valid("standard-webhooks", [second], newest)
    assert_refused("standard-webhooks", [second], new)
    assert_not_shown(sidecar, *(secret.split("_")[1] for secret in (old, new, newest)))


def test_an_invalid_secret_keeps_the_last_good_one_and_is_not_shown(kafka, sidecar, endpoint, name):
    topic, secret, file = kafka.topic(), standard_secret("s"), sidecar.secrets / "hook"
    file.write_text(secret)
    sidecar.connector(name, topic, endpoint, signed("STANDARD_WEBHOOKS", f"${{file:{file}}}"))
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name):
        write(file, "whsec_t00-sh0rt")
        sidecar.wait_for_value(1, "connector_invalid", connector=name)
        sidecar.log.wait_for("level=error", "signature.secrets", "secret 1")
        kafka.produce(topic, [b"{}"])
        assert_valid("standard-webhooks", endpoint.wait_for(1), secret)
    assert_not_shown(sidecar, secret.split("_")[1], "t00-sh0rt")


def test_a_record_cannot_forge_a_signature(kafka, sidecar, endpoint, name):
    topic, secret = kafka.topic(), standard_secret("s")
    kafka.produce(topic, [b"{}"], headers=[("webhook-signature", b"v1,forged"), ("Webhook_Id", b"forged"),
                                           ("stripe-signature", b"t=1,v1=own")])
    sidecar.connector(name, topic, endpoint, {**signed("STANDARD_WEBHOOKS", secret), "forward.kafka.headers": True})
    sidecar.start()
    request, = endpoint.wait_for(1)
    assert_valid("standard-webhooks", [request], secret, LANGUAGES)
    assert not [value for _, value in request.header_list if "forged" in value]
    assert request.headers["stripe-signature"] == "t=1,v1=own"
    sidecar.wait_for_value(2, "record_headers_left_out_total", connector=name)
