"""Timeouts, connections, and invalid responses."""

import pytest

import ports
from endpoint import DELIVERED, Answer
from waiting import eventually


def wait_committed(kafka, connector, topic):
    eventually(lambda: kafka.all_committed(connector, topic), lambda: kafka.committed(connector, topic))


@pytest.mark.parametrize("slow", [Answer(body=b'{"retry":false}' + b" " * 20, trickle=1), Answer(hang=True),
                                  Answer(delay=30)], ids=["trickle", "hang", "late"])
def test_a_request_is_canceled_at_its_total_timeout(kafka, sidecar, endpoint, name, slow):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: slow if one.offset == 0 and one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"callback.timeout.read.ms": 2000, "retry.backoff.sec": [0.05]})
    sidecar.start()
    wait_committed(kafka, name, topic)
    cut = endpoint.requests[0]
    assert cut.answered is False and 1.8 <= cut.cut - cut.time <= 20
    assert endpoint.offsets() == [0, 0, 1]
    assert sidecar.value("retries_total", connector=name, reason="timeout") == 1
    assert sidecar.value("requests_total", connector=name, code_class="none") == 1


def test_an_answer_before_the_deadline_is_accepted(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.decide = lambda one: Answer(trickle=0.1)
    sidecar.connector(name, topic, endpoint, {"callback.timeout.read.ms": 20_000, "retry.backoff.sec": [0.05]})
    sidecar.start()
    wait_committed(kafka, name, topic)
    assert len(endpoint.requests) == 1 and endpoint.requests[0].answered


def test_an_unanswered_connect_times_out(kafka, sidecar, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    with ports.unanswering_port() as port:
        sidecar.connector(name, topic, f"http://127.0.0.1:{port}/", {
            "callback.timeout.connect.ms": 1000, "retry.backoff.sec": [0.05], "exception.strategy": "STOP_TASK"})
        sidecar.start()
        sidecar.wait_for_value(1, "tasks_stopped", connector=name)
        assert kafka.committed(name, topic) == {0: 0}
        sidecar.stop()


@pytest.mark.parametrize("nonsense, reason", [(Answer(reset=True), "io"), (Answer(raw=b"220 smtp\r\n\r\n"), "io"),
                                              (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "io")],
                         ids=["closed", "not-http", "closed-early"])
def test_an_invalid_or_missing_response_is_a_request_error_and_is_retried(kafka, sidecar, endpoint, name, nonsense,
                                                                          reason):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: nonsense if one.offset == 0 and one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05]})
    sidecar.start()
    wait_committed(kafka, name, topic)
    assert endpoint.offsets() == [0, 0, 1]
    assert sidecar.value("retries_total", connector=name, reason=reason) == 1


def test_connections_are_reused(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"] * 500)
    endpoint.decide = lambda one: Answer(status=500) if one.offset % 10 == 0 else DELIVERED
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    wait_committed(kafka, name, topic)
    assert len(endpoint.requests) == 500 and endpoint.connections <= 2


def test_many_partitions_use_no_more_connections_than_requests_in_flight(kafka, sidecar, endpoint, name):
    topic = kafka.topic(8)
    for partition in range(8):
        kafka.produce(topic, [b"x"] * 100, partition)
    sidecar.connector(name, topic, endpoint, {"delivery.max.in.flight": 3})
    sidecar.start()
    wait_committed(kafka, name, topic)
    assert len(endpoint.requests) == 800 and endpoint.connections <= 3


def test_an_endpoint_that_closes_each_connection_gets_each_record_once(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"] * 100)
    endpoint.decide = lambda one: Answer(close=True)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    wait_committed(kafka, name, topic)
    assert endpoint.offsets() == list(range(100))
    assert sidecar.value("retries_total", connector=name) == 0
