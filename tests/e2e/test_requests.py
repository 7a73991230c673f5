"""Requests: method and headers, which are the same on each attempt."""

import hashlib
import string

import pytest

from endpoint import DELIVERED, RETRY
from kafka_cluster import group_of

VISIBLE = set(string.printable) - set(string.whitespace)
OURS = ("x-kafka-topic", "x-kafka-partition", "x-kafka-offset", "x-kafka-timestamp", "x-kafka-key", "x-b3-traceid",
        "x-b3-spanid", "x-b3-sampled", "x-b3-info", "traceparent", "tracestate", "idempotency-key", "content-type")

W3C_TRACE = "0af7651916cd43dd8448eb211c80319c"


def only_once(request):
    names = [name.lower() for name, _ in request.header_list]
    return len(names) == len(set(names))


def test_headers_describe_the_record_and_are_identical_on_each_attempt(kafka, sidecar, endpoint, name):
    topic, key = kafka.topic(3), "schlüssel /%?\n\0+ ~".encode() + b"\xff"
    kafka.produce(topic, [b"0", b"1"], partition=2, key=key, timestamp=1_700_000_000_123)
    endpoint.decide = lambda one: RETRY if one.attempt < 3 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05, 0.05]})
    sidecar.start()
    first, second, third = endpoint.wait_for(6)[3:]
    derived = hashlib.md5(f"{name}{topic}21".encode()).hexdigest()
    expected = derived[:16]
    assert {header: first.headers.get(header) for header in OURS if header != "x-kafka-key"} == {
        "x-kafka-topic": topic, "x-kafka-partition": "2", "x-kafka-offset": "1", "x-kafka-timestamp": "1700000000123",
        "x-b3-traceid": expected, "x-b3-spanid": expected, "x-b3-sampled": "Defer",
        "x-b3-info": f"topic={topic}|partition=2|offset=1",
        "traceparent": f"00-{derived}-{expected}-00", "tracestate": None,
        "idempotency-key": f'"{group_of(name)}/{topic}/2/1"', "content-type": "text/plain; charset=utf-8"}
    assert first.key == key and set(first.headers["x-kafka-key"]) <= VISIBLE
    for again in (second, third):
        assert sorted(again.header_list) == sorted(first.header_list) and again.body == first.body
    assert only_once(first) and first.headers["host"] == f"127.0.0.1:{endpoint.port}"


def test_a_missing_or_long_key_is_not_sent(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    for key in (None, b"k" * 1024, b"k" * 1025, b"\0" * 342, b""):
        kafka.produce(topic, [b"x"], key=key)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    requests = endpoint.wait_for(5)
    assert [one.key for one in requests[:4]] == [None, b"k" * 1024, None, None]


def test_the_trace_of_the_record_is_continued(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"], headers=[("X-B3-TraceId", b"463ac35c9f6413ad48485a3953bb6124")])
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    request, = endpoint.wait_for(1)
    assert request.headers["x-b3-traceid"] == request.headers["x-b3-spanid"] == "463ac35c9f6413ad48485a3953bb6124"


def test_a_w3c_trace_is_continued_in_its_format_and_identical_on_each_attempt(kafka, sidecar, endpoint, name):
    """Forwarded headers do not add the record's own traceparent."""
    for number, forwards in enumerate((False, True)):
        topic = kafka.topic()
        kafka.produce(topic, [b"x"], headers=[
            ("X-B3-TraceId", b"463ac35c9f6413ad"), ("TraceParent", f"00-{W3C_TRACE}-b7ad6b7169203331-01".encode()),
            ("tracestate", b"congo=t61rcWkgMzE"), ("tracestate", b"rojo=00f067aa0ba902b7")])
        sidecar.connector(f"{name}-{number}", topic, endpoint,
                          {"forward.kafka.headers": forwards, "retry.backoff.sec": [0.05]})
    endpoint.decide = lambda one: RETRY if one.attempt == 1 else DELIVERED
    sidecar.start()
    for one in endpoint.wait_for(4):
        connector = one.headers["idempotency-key"].split("/")[0].removeprefix('"connect-')
        hop = hashlib.md5(f"{connector}{one.topic}00".encode()).hexdigest()[:16]
        assert (one.headers["traceparent"], one.headers["tracestate"]) == (
            f"00-{W3C_TRACE}-{hop}-01", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")
        assert one.headers["x-b3-traceid"] == one.headers["x-b3-spanid"] == "463ac35c9f6413ad" and only_once(one)


def test_an_invalid_traceparent_is_not_forwarded(kafka, sidecar, endpoint, name):
    """It does not fail the attempt, and is not sent even if headers are forwarded or configured."""
    topic = kafka.topic()
    invalid = (b"garbage", b"00-" + W3C_TRACE.upper().encode() + b"-b7ad6b7169203331-01",
               b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01", b"a\r\nInjected: 1", b"\xff\0", b"")
    for one in invalid:
        kafka.produce(topic, [b"x"], headers=[("traceparent", one), ("tracestate", b"congo=t61rcWkgMzE")])
    sidecar.connector(name, topic, endpoint, {
        "forward.kafka.headers": True, "retry.backoff.sec": [],
        "callback.request.headers": {"traceparent": f"00-{W3C_TRACE}-b7ad6b7169203331-01", "tracestate": "forged=1"}})
    sidecar.start()
    for offset, one in enumerate(endpoint.wait_for(len(invalid))):
        derived = hashlib.md5(f"{name}{topic}0{offset}".encode()).hexdigest()
        assert one.headers["traceparent"] == f"00-{derived}-{derived[:16]}-00"
        assert "tracestate" not in one.headers and "injected" not in one.headers and only_once(one)


def test_the_byte_array_converter_sends_octet_streams_by_either_of_its_names(kafka, sidecar, endpoint, name):
    short, package = "ByteArrayConverter", "org.apache.kafka.connect.converters."
    for number, converter in enumerate((short, package + short)):
        topic = kafka.topic()
        kafka.produce(topic, [b"x"])
        sidecar.connector(f"{name}-{number}", topic, endpoint, {"value.converter": converter})
    sidecar.start()
    assert [one.headers["content-type"] for one in endpoint.wait_for(2)] == ["application/octet-stream"] * 2


def test_record_headers_are_forwarded_only_on_request(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"], headers=[("tenant", b"blue")])
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    assert "tenant" not in endpoint.wait_for(1)[0].headers


def test_headers_that_http_forbids_are_not_forwarded(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"first"], headers=[
        ("tenant", b"blue"), ("Bad Name", b"1"), ("colon:name", b"2"), ("newline\nInjected", b"3"),
        ("split", b"a\r\nInjected: 1"), ("bare", b"a\nInjected: 1"), ("nul", b"a\0b"), ("ümlaut", b"4"),
        ("last", b"green")])
    kafka.produce(topic, [b"second"])
    sidecar.connector(name, topic, endpoint, {"forward.kafka.headers": True})
    sidecar.start()
    first, second = endpoint.wait_for(2)
    assert (first.headers["tenant"], first.headers["last"]) == ("blue", "green")
    for absent in ("bad name", "colon", "colon:name", "split", "bare", "nul", "injected", "newline", "ümlaut"):
        assert absent not in first.headers
    assert "tenant" not in second.headers and (first.body, second.body) == (b"first", b"second")


def test_forwarded_headers_change_neither_the_framing_nor_the_headers_of_the_program(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"first", b"second"], headers=[
        ("Content-Length", b"1"), ("Transfer-Encoding", b"chunked"), ("Host", b"evil"), ("X-Kafka-Offset", b"999"),
        ("Idempotency-Key", b"mine")])
    sidecar.connector(name, topic, endpoint, {"forward.kafka.headers": True})
    sidecar.start()
    requests = endpoint.wait_for(2)
    assert [(one.body, one.offset) for one in requests] == [(b"first", 0), (b"second", 1)]
    for one in requests:
        assert one.headers["host"] == f"127.0.0.1:{endpoint.port}" and "mine" not in one.headers["idempotency-key"]
        assert only_once(one)


@pytest.mark.parametrize("key", ["callback.request.method", "callback.request.methods"])
def test_methods_are_case_insensitive_and_each_sends_the_body(kafka, sidecar, endpoint, name, key):
    for method in ("POST", "put", "Delete", "PATCH"):
        topic = kafka.topic()
        kafka.produce(topic, [method.upper().encode()])
        sidecar.connector(f"{name}-{method}", topic, endpoint, {key: method})
    sidecar.start()
    assert sorted((one.method, one.body.decode()) for one in endpoint.wait_for(4)) == [
        (method, method) for method in ("DELETE", "PATCH", "POST", "PUT")]


@pytest.mark.parametrize("keys", [
    {"callback.request.headers": '{"Authorization": "Basic YTpi", "X-Time": "12:30"}'},
    {"callback.request.headers": {"Authorization": "Basic YTpi", "X-Time": "12:30"}},
    {"callback.request.headers": "Authorization:Basic YTpi|X-Time:12:30"},
    {"callback.request.headers": "Authorization:Basic YTpi;;X-Time:12:30", "callback.header.separator": ";;"},
], ids=["json", "table", "legacy", "legacy-separator"])
def test_configured_headers_are_sent(kafka, sidecar, endpoint, name, keys):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    request, = endpoint.wait_for(1)
    assert (request.headers.get("authorization"), request.headers.get("x-time")) == ("Basic YTpi", "12:30")


def test_configured_headers_replace_the_content_type_but_no_header_of_the_program(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"{}"])
    headers = {"content-type": "application/json", "X-Kafka-Topic": "forged", "idempotency-key": "forged"}
    sidecar.connector(name, topic, endpoint, {"callback.request.headers": headers})
    sidecar.start()
    request, = endpoint.wait_for(1)
    assert request.headers["content-type"] == "application/json"
    assert request.topic == topic and "forged" not in request.headers["idempotency-key"]
    assert only_once(request)
