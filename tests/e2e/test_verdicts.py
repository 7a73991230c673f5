"""What a status means by the connector's lists, and how long a record is retried."""

import pytest

from endpoint import Answer, DELIVERED
from observing import undisturbed
from sidecar import fields
from waiting import eventually, holds

STRATEGIES = ["PROGRESS_BACK_OFF_DROP_MESSAGE", "PROGRESS_BACK_OFF_STOP_TASK", "DROP_MESSAGE", "STOP_TASK"]


def status(code, headers=()):
    return Answer(status=code, body=b"", headers=headers)


def times(endpoint, topic, offset=0):
    """When the attempts of a record arrived, in seconds after the first."""
    arrived = [one.time for one in endpoint.of(topic, 0, offset)]
    return [time - arrived[0] for time in arrived]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_status_lists_decide_under_every_strategy(kafka, sidecar, endpoint, name, strategy):
    topic, letters = kafka.topic(), kafka.topic()
    kafka.produce(topic, [b"delivered", b"dropped", b"flagged", b"stops"])
    answers = {b"delivered": status(409), b"dropped": status(422), b"stops": status(410),
               b"flagged": Answer(status=410, body=b'{"retry":false}')}
    endpoint.decide = lambda one: answers[one.body]
    sidecar.connector(name, topic, endpoint, {
        "exception.strategy": strategy, "errors.deadletterqueue.topic.name": letters, "retry.backoff.sec": [600],
        "success.on.status.codes": "200-299,409", "drop.on.status.codes": 422, "stop.on.status.codes": [410]})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    assert endpoint.offsets() == [0, 1, 2, 3]
    eventually(lambda: kafka.committed(name, topic) == {0: 3}, lambda: kafka.committed(name, topic))
    assert sidecar.value("records_delivered_total", connector=name, topic=topic) == 2
    assert sidecar.value("records_dropped_total", connector=name, reason="status") == 1
    assert [one.value() for one in kafka.read(letters)] == [b"dropped"]
    line, = sidecar.log.find("record dropped", name)
    assert fields(line)["reason"] == "status" and fields(line)["outcome"] == "dead_letter"
    assert sidecar.log.find("record stops the connector", "stop.on.status.codes")


def test_a_status_outside_the_retry_list_is_not_retried(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: status(400) if one.offset == 0 else status(503 if one.attempt == 1 else 200)
    sidecar.connector(name, topic, endpoint, {
        "response.retry.indicator": "optional", "request.error.on.status.codes": "",
        "retry.on.status.codes": "429,500-", "retry.backoff.sec": [0.05]})
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets() == [0, 1, 1]
    assert sidecar.value("records_dropped_total", connector=name, reason="retries_exhausted") == 1


def test_exponential_delays_are_spread_over_their_upper_half(kafka, sidecar, endpoint, name):
    topic, records = kafka.topic(), 40
    kafka.produce(topic, [b"x"] * records)
    endpoint.decide = lambda one: status(500) if one.attempt <= 3 else DELIVERED
    sidecar.connector(name, topic, endpoint, {
        "delivery.ordering": "none", "delivery.max.in.flight": 64, "retry.backoff.policy": "EXPONENTIAL_WITH_JITTER",
        "retry.backoff.ms": 1000, "retry.backoff.max.ms": 2000})
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    first = []
    for offset in range(records):
        at = times(endpoint, topic, offset)
        assert len(at) == 4
        delays = [later - earlier for earlier, later in zip(at, at[1:])]
        first.append(delays[0])
        for delay, least in zip(delays, (0.5, 1, 1)):
            assert least - 0.01 <= delay
    print(f"first delays: {min(first):.3f} to {max(first):.3f} s")
    assert max(first) - min(first) > 0.2


def test_a_delivery_timeout_repeats_the_last_delay_and_ends_with_an_attempt(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"fails", b"next"])
    endpoint.decide = lambda one: status(429, (("Retry-After", "2"),)) if one.offset == 0 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.2], "delivery.timeout.ms": 5000})
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    at = times(endpoint, topic)
    print("attempts after", [f"{time:.3f} s" for time in at])
    assert len(at) == 4 and endpoint.offsets() == [0, 0, 0, 0, 1]
    assert 1.99 <= at[1] and 3.98 <= at[2] and 4.95 <= at[3] <= 6.2
    assert sidecar.value("records_dropped_total", connector=name, reason="retries_exhausted") == 1


def test_an_endpoint_that_is_down_stops_the_connector_at_the_end_of_the_delivery_timeout(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.refuse()
    sidecar.connector(name, topic, endpoint, {"retry.backoff.ms": 300, "delivery.timeout.ms": 2000,
                                              "exception.strategy": "DROP_MESSAGE"})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    line, = sidecar.log.find("record stops the connector", name)
    assert "delivery.timeout.ms has passed" in line and int(fields(line)["attempt"]) >= 3
    assert 2000 <= int(fields(line)["since_read_ms"])
    assert kafka.committed(name, topic) == {0: 0}
    endpoint.come_back()
    sidecar.restart()   # begins anew
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")


def test_lists_policies_and_timeout_apply_to_a_running_connector(kafka, sidecar, endpoint, name):
    topic, keys = kafka.topic(), {"retry.backoff.sec": [600]}

    def change(**changed):
        keys.update({key.replace("__", "."): value for key, value in changed.items()})
        before = sidecar.value("config_reloads_total", outcome="changed")
        sidecar.connector(name, topic, endpoint, keys)
        sidecar.wait_for_value(before + 1, "config_reloads_total", outcome="changed")

    endpoint.decide = lambda one: status(422)
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name):
        kafka.produce(topic, [b"0"])
        sidecar.wait_for_value(1, "records_waiting_retry", connector=name)
        change(drop__on__status__codes="422")
        sidecar.wait_for_value(1, "records_dropped_total", connector=name, reason="status")
        assert endpoint.offsets() == [0, 0]
        change(drop__on__status__codes="", success__on__status__codes="422")
        kafka.produce(topic, [b"1"])
        sidecar.wait_for_value(1, "records_delivered_total", connector=name, topic=topic)
        del keys["retry.backoff.sec"]
        change(success__on__status__codes="", retry__backoff__policy="EXPONENTIAL_WITH_JITTER", retry__backoff__ms=50,
               max__retries=3)
        kafka.produce(topic, [b"2"])
        sidecar.wait_for_value(1, "records_dropped_total", connector=name, reason="retries_exhausted")
        assert len(endpoint.of(topic, 0, 2)) == 4
        change(delivery__timeout__ms=60000, max__retries=1000000)
        kafka.produce(topic, [b"3"])
        endpoint.wait_for(3 + 4 + 8)
        holds(lambda: sidecar.value("records_dropped_total", connector=name, reason="retries_exhausted") == 1,
              "it is retried on", seconds=0.5)
        change(delivery__timeout__ms=1000)
        sidecar.wait_for_value(2, "records_dropped_total", connector=name, reason="retries_exhausted")
    assert sidecar.value("connector_restarts_total", connector=name) == 0
