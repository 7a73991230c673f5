"""CloudEvents, received by the SDKs for Python and JavaScript."""

import base64
import urllib.parse

import pytest

from endpoint import DELIVERED, RETRY
from receiving import LANGUAGES, assert_valid, need_libraries, receive
from sidecar import fields
from waiting import eventually

MODES = ["BINARY", "STRUCTURED"]
TIMESTAMP = 1_700_000_000_123
EVENT = [("ce_specversion", b"1.0"), ("ce_id", b"e1"), ("ce_source", b"/shop?a=b"), ("ce_type", b"order.created")]


@pytest.fixture(autouse=True)
def libraries():
    need_libraries()


def as_sent(language, mode, text):
    """The JavaScript SDK does not decode headers."""
    return urllib.parse.quote(text, safe="/?=") if (language, mode) == ("javascript", "BINARY") else text


def names(request):
    return {name for name in request.headers if name.startswith("ce")}


@pytest.mark.parametrize("mode", MODES)
def test_records_are_events_for_both_sdks(kafka, sidecar, endpoint, name, mode):
    topic = kafka.topic()
    values = [b'{"id": 7, "name": "caf\xc3\xa9"}', "Grüße".encode(), b"\xff\x00\x01", None]
    for value in values:
        kafka.produce(topic, [value], key="käse 100%".encode(), timestamp=TIMESTAMP)
    kafka.produce(topic, [b"[1]"])
    sidecar.connector(name, topic, endpoint, {"cloudevents.mode": mode})
    sidecar.start()
    requests = endpoint.wait_for(len(values) + 1)
    for language in LANGUAGES:
        results = receive(language, "cloud-event", requests)
        for offset, result in enumerate(results):
            assert isinstance(result, dict), result
            attributes = result["attributes"]
            expected = {"id": f"0/{offset}", "source": f"/topics/{topic}", "type": "kafka.record", "specversion": "1.0"}
            if offset < len(values):
                expected |= {"time": TIMESTAMP / 1000, "partitionkey": as_sent(language, mode, "käse 100%")}
            assert expected.items() <= attributes.items(), attributes
            assert set(attributes) - set(expected) <= {"datacontenttype", "time"}
        data = [result["data"] for result in results]
        assert data[1:3] == ["Grüße", {"base64": base64.b64encode(b"\xff\x00\x01").decode()}]
        assert data[3] in (None, "")
        if mode == "STRUCTURED":
            assert data[0] == {"id": 7, "name": "café"} and data[4] == [1]
            types = [result["attributes"].get("datacontenttype") for result in results]
            assert types == ["application/json", "text/plain; charset=utf-8", "application/octet-stream", None,
                             "application/json"]
    if mode == "BINARY":
        assert endpoint.bodies() == [value or b"" for value in values] + [b"[1]"]
    else:
        assert {one.headers["content-type"] for one in requests} == {"application/cloudevents+json"}
        assert not any(names(one) for one in requests)


@pytest.mark.parametrize("mode", MODES)
def test_events_keep_their_attributes_and_data(kafka, sidecar, endpoint, name, mode):
    topic = kafka.topic()
    more = [("ce_subject", "käse \"1\"".encode()), ("ce_time", b"2023-11-14T22:13:20.123Z"), ("ce_ext1", b"x"),
            ("content-type", b"application/json"), ("ce_datacontenttype", b"text/plain")]
    value = b'{"price": 1.10, "big": 123456789012345678901234567890}'
    kafka.produce(topic, [value], key=b"k", headers=EVENT + more)
    kafka.produce(topic, [b"a,b"], headers=EVENT + [("ce_datacontenttype", b"text/csv")])
    kafka.produce(topic, [b"{}"], headers=EVENT[1:])      # no event: it lacks specversion
    sidecar.connector(name, topic, endpoint, {"cloudevents.mode": mode, "cloudevents.type": "other",
                                              "callback.request.headers": {"Content-Type": "application/x-unknown"}})
    sidecar.start()
    requests = endpoint.wait_for(3)
    for language in LANGUAGES:
        first, second, third = receive(language, "cloud-event", requests)
        event = {"id": "e1", "source": "/shop?a=b", "type": "order.created", "specversion": "1.0"}
        assert first["attributes"] == event | {
            "subject": as_sent(language, mode, "käse \"1\""), "time": TIMESTAMP / 1000, "ext1": "x",
            "datacontenttype": "application/json"}
        assert first["data"]["price"] == 1.1
        assert event.items() <= second["attributes"].items() and second["data"] == "a,b"
        assert second["attributes"]["datacontenttype"] == "text/csv"
        assert third["attributes"]["id"] == "0/2" and third["attributes"]["type"] == "other"
    # Numbers are as they were written, which the SDKs can't show.
    assert value in requests[0].body
    assert not any("datacontenttype" in header for one in requests for header in names(one))


@pytest.mark.parametrize("mode", MODES)
def test_an_event_in_one_piece_passes_untouched(kafka, sidecar, endpoint, name, mode):
    topic = kafka.topic()
    value = b' {"specversion":"1.0","id":"e1","source":"/shop","type":"order.created","data":{"n":1.10}}\n'
    kind = "Application/CloudEvents+json; charset=UTF-8"
    kafka.produce(topic, [value], headers=EVENT + [("Content-Type", kind.encode())])
    sidecar.connector(name, topic, endpoint, {"cloudevents.mode": mode})
    sidecar.start()
    request, = endpoint.wait_for(1)
    assert request.body == value and request.headers["content-type"] == kind and not names(request)
    result, = receive("python", "cloud-event", [request])
    assert result["attributes"]["id"] == "e1" and result["data"] == {"n": 1.1}


def test_a_structured_event_is_signed_and_the_same_on_every_attempt(kafka, sidecar, endpoint, name):
    topic, secret = kafka.topic(), "whsec_" + base64.b64encode(b"k" * 32).decode()
    kafka.produce(topic, [b'{"id": 7}'])
    endpoint.decide = lambda one: RETRY if one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {
        "cloudevents.mode": "STRUCTURED", "cloudevents.source": "/shops/{{value.id}}", "retry.backoff.sec": [1.1],
        "signature.type": "STANDARD_WEBHOOKS", "signature.secrets": secret})
    sidecar.start()
    first, second = endpoint.wait_for(2)
    assert first.body == second.body and first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert_valid("standard-webhooks", [first, second], secret, LANGUAGES)
    for language in LANGUAGES:
        assert receive(language, "cloud-event", [first])[0]["attributes"]["source"] == "/shops/7"


def test_modes_change_without_a_restart_and_records_without_a_source_are_dropped(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    assert not names(endpoint.wait_for(1)[0])
    before = sidecar.value("config_reloads_total", outcome="changed")
    sidecar.connector(name, topic, endpoint, {"cloudevents.mode": "BINARY", "cloudevents.source": "/{{key}}"})
    sidecar.wait_for_value(before + 1, "config_reloads_total", outcome="changed")
    kafka.produce(topic, [b"without a key"])
    kafka.produce(topic, [b"with a key"], key=b"k")
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.requests[-1].headers["ce-source"] == "/k" and len(endpoint.requests) == 2
    line, = sidecar.log.find("record dropped", name)
    assert fields(line)["reason"] == "unsendable" and "cloudevents.source: {{key}}" in line
