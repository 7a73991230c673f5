"""Delivery: what is delivered, how often, and in which order."""

import time

import pytest

from endpoint import DELIVERED, RETRY, Answer
from kafka_cluster import group_of, unique
from sidecar import fields
from waiting import eventually, holds


def wait_all_committed(kafka, connector, topic, timeout=60):
    eventually(lambda: kafka.all_committed(connector, topic),
               lambda: f"everything is committed: {kafka.committed(connector, topic)} of {kafka.ends(topic)}", timeout)


def test_ten_thousand_records_arrive_in_order_with_retries_of_every_fiftieth(kafka, sidecar, endpoint, name):
    topic = kafka.topic(8)
    kafka.produce_records(topic, ({"partition": n % 8, "value": b"%d" % n} for n in range(10_000)))
    endpoint.decide = lambda one: RETRY if one.offset % 50 == 49 and one.attempt <= 2 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05, 0.05, 0.05]})
    sidecar.start()
    wait_all_committed(kafka, name, topic, timeout=180)
    in_order = [offset for offset in range(1250) for _ in range(3 if offset % 50 == 49 else 1)]
    for partition in range(8):
        assert endpoint.offsets(topic, partition) == in_order
        assert [one.body for one in endpoint.of(topic, partition, 7)] == [b"%d" % (7 * 8 + partition)]
    assert sidecar.value("records_delivered_total", connector=name) == 10_000
    assert sidecar.value("retries_total", connector=name) == 400
    assert sidecar.value("requests_total", connector=name) == 10_400
    assert sidecar.value("records_dropped_total", connector=name) == 0


def test_the_request_body_is_the_record_value_byte_for_byte(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    values = [bytes(range(256)), b"", "grüße €".encode(), b"\r\n\r\n", b"\0", b"x" * 900_000]
    kafka.produce(topic, values)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(len(values))
    assert endpoint.bodies() == values
    assert all("x-kafka-tombstone" not in one.headers for one in endpoint.requests)


def test_a_retry_neither_repeats_nor_resets_neighboring_records(kafka, sidecar, endpoint, name):
    topic = kafka.topic(2)
    kafka.produce(topic, [b"0", b"1", b"2"], partition=0)
    kafka.produce(topic, [b"0", b"1", b"2"], partition=1)
    endpoint.decide = lambda one: RETRY if one.offset == 1 and one.attempt <= 1 + one.partition else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.2, 0.2, 0.2]})
    sidecar.start()
    wait_all_committed(kafka, name, topic)
    assert endpoint.offsets(topic, 0) == [0, 1, 1, 2]
    assert endpoint.offsets(topic, 1) == [0, 1, 1, 1, 2]


@pytest.mark.parametrize("ordering, goes_on", [("partition", []), ("key", [1, 3]), ("none", [1, 2, 3])])
def test_a_retry_blocks_only_the_records_ordered_after_it(kafka, sidecar, endpoint, name, ordering, goes_on):
    topic = kafka.topic()
    for key in (b"a", b"b", b"a", b"c"):
        kafka.produce(topic, [b"x"], key=key)
    endpoint.decide = lambda one: RETRY if one.offset == 0 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"delivery.ordering": ordering, "retry.backoff.sec": [600]})
    sidecar.start()
    endpoint.wait_for(1 + len(goes_on))
    holds(lambda: sorted(endpoint.offsets()) == [0] + goes_on, endpoint.positions, seconds=1.5)
    assert kafka.committed(name, topic) == {0: 0}
    sidecar.wait_for_value(1, "records_waiting_retry", connector=name)


@pytest.mark.parametrize("indicator, attempts", [("optional", [1, 1, 2]), ("required", [2, 2, 2])])
def test_a_success_without_the_retry_flag_is_delivered_only_if_the_flag_is_optional(
        kafka, sidecar, endpoint, name, indicator, attempts):
    topic = kafka.topic()
    kafka.produce(topic, [b"empty", b"no content", b"failed"])
    first = [Answer(body=b""), Answer(status=204), Answer(status=500, body=b"")]
    endpoint.decide = lambda one: first[one.offset] if one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"response.retry.indicator": indicator, "retry.backoff.sec": [0.05, 0.05]})
    sidecar.start()
    wait_all_committed(kafka, name, topic)
    assert [len(endpoint.of(topic, 0, offset)) for offset in range(3)] == attempts


def test_a_clear_retry_indicator_overrides_the_status_and_anything_else_is_retried(
        kafka, sidecar, endpoint, second_endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    unclear = [Answer(body=b'{"retry":"TRUE"}'), Answer(body=b"[]"), Answer(body=b'{"retry":0}'),
               Answer(body=b'{"retry":null}'), Answer(body=b"<html>"), Answer(body=b'{"a":{"retry":false}}'),
               Answer(body=b'{"retry":false,"x":"' + b"x" * 70_000 + b'"}'),
               Answer(status=302, body=b"", headers=(("Location", second_endpoint.url),)),
               Answer(status=404, body=b""), Answer(status=503, body=b'{"retry":true}')]
    clear = Answer(status=500, body=b' {"other": 1, "retry": "False"} ')
    endpoint.decide = lambda one: [*unclear, clear][one.attempt - 1]
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05] * 12})
    sidecar.start()
    wait_all_committed(kafka, name, topic)
    assert len(endpoint.requests) == len(unclear) + 1
    assert second_endpoint.requests == []
    assert sidecar.value("records_delivered_total", connector=name) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_extends_a_delay(kafka, sidecar, endpoint, name, form):
    def decide(one):
        after = "3" if form == "seconds" else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 4))
        return Answer(status=429, body=b"", headers=(("Retry-After", after),)) if one.attempt == 1 else DELIVERED
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    endpoint.decide = decide
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05]})
    sidecar.start()
    first, second = endpoint.wait_for(2)
    assert second.time - first.time >= 2.9


def test_retry_after_is_limited_to_its_maximum(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    busy = Answer(status=503, body=b"", headers=(("Retry-After", "3600"),))
    endpoint.decide = lambda one: busy if one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05], "retry.after.max.sec": 1})
    sidecar.start()
    first, second = endpoint.wait_for(2)
    assert second.time - first.time >= 0.95


def test_the_request_delay_counts_from_the_timestamp_or_at_latest_from_reading(kafka, sidecar, endpoint, name):
    """Timestamps far in the future usually come from a producer that writes microseconds."""
    topic = kafka.topic(3)
    sidecar.connector(name, topic, endpoint, {"request.delay.sec": 4})
    sidecar.start()
    sidecar.wait_running(name)
    written = time.time()
    kafka.produce(topic, [b"new"], partition=0, timestamp=int(written * 1000))
    kafka.produce(topic, [b"old"], partition=1, timestamp=int((written - 3600) * 1000))
    microseconds = int(written * 1_000_000)
    kafka.produce(topic, [b"first", b"second"], partition=2, timestamp=microseconds)
    requests = {one.body: one for one in endpoint.wait_for(4)}
    assert requests[b"old"].wall < written + 4 <= requests[b"new"].wall + 0.01
    assert min(requests[body].wall for body in (b"first", b"second")) >= written + 3.99
    assert requests[b"first"].headers["x-kafka-timestamp"] == str(microseconds)
    line, = sidecar.log.find("record timestamp is in the future")
    assert (fields(line)["topic"], fields(line)["partition"], fields(line)["offset"]) == (topic, "2", "0")


def test_tombstones_are_sent_with_an_empty_body_and_a_header(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [None, b""], key=b"k")
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    null, empty = endpoint.wait_for(2)
    assert (null.method, null.body, null.headers.get("x-kafka-tombstone")) == ("POST", b"", "true")
    assert (empty.method, empty.body, empty.headers.get("x-kafka-tombstone")) == ("POST", b"", None)


def test_tombstones_can_be_sent_as_delete(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"value", None], key=b"k")
    sidecar.connector(name, topic, endpoint, {"behavior.on.null.values": "delete"})
    sidecar.start()
    value, null = endpoint.wait_for(2)
    assert (value.method, null.method, null.body, null.key) == ("POST", "DELETE", b"", b"k")


def test_ignored_tombstones_are_skipped_and_committed(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", None, b"2", None])
    sidecar.connector(name, topic, endpoint, {"behavior.on.null.values": "ignore"})
    sidecar.start()
    wait_all_committed(kafka, name, topic)
    assert endpoint.offsets() == [0, 2]
    assert sidecar.value("records_delivered_total", connector=name) == 2


def test_a_tombstone_configured_to_fail_stops_the_connector_uncommitted(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", None, b"2"])
    sidecar.connector(name, topic, endpoint, {"behavior.on.null.values": "fail"})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    eventually(lambda: kafka.committed(name, topic) == {0: 1}, lambda: kafka.committed(name, topic))
    assert endpoint.offsets() == [0]


def test_a_list_of_topics_is_delivered(kafka, sidecar, endpoint, name):
    one, two, three, four = (kafka.topic() for _ in range(4))
    for topic in (one, two, three, four):
        kafka.produce(topic, [topic.encode()])
    sidecar.connector(name, [one, two], endpoint)
    sidecar.connector(name + "-text", f"{three}, {four}", endpoint)
    sidecar.start()
    assert sorted(request.body.decode() for request in endpoint.wait_for(4)) == sorted([one, two, three, four])


def test_a_topics_regex_matches_whole_names_and_new_topics(kafka, sidecar, endpoint, name):
    stem = unique("regex")
    for topic in (f"{stem}-a", f"{stem}-b", f"not-{stem}-c"):
        kafka.produce(kafka.topic(name=topic), [topic.encode()])
    sidecar.connector(name, None, endpoint, {"topics.regex": f"{stem}-.*",
                                             "consumer.override.topic.metadata.refresh.interval.ms": 1000})
    sidecar.start()
    endpoint.wait_for(2)
    kafka.produce(kafka.topic(name=f"{stem}-later"), [f"{stem}-later".encode()])
    endpoint.wait_for(3)
    assert {one.topic for one in endpoint.requests} == {f"{stem}-a", f"{stem}-b", f"{stem}-later"}


def test_two_connectors_on_one_topic_each_deliver_everything(kafka, sidecar, endpoint, second_endpoint, name):
    topic = kafka.topic(2)
    for partition in (0, 1):
        kafka.produce(topic, [b"%d" % n for n in range(50)], partition)
    sidecar.connector(f"{name}-1", topic, endpoint)
    sidecar.connector(f"{name}-2", topic, second_endpoint)
    sidecar.start()
    for number, server in ((1, endpoint), (2, second_endpoint)):
        wait_all_committed(kafka, f"{name}-{number}", topic)
        assert sorted(server.positions()) == [(partition, offset) for partition in (0, 1) for offset in range(50)]


def test_two_tasks_share_the_partitions(kafka, sidecar, endpoint, name):
    topic = kafka.topic(4)
    sidecar.connector(name, topic, endpoint, {"tasks.max": 2})
    sidecar.start()
    eventually(lambda: len(kafka.members(name)) == 2 and kafka.group_state(name) == "Stable", "two members")
    sidecar.wait_for_value(4, "assigned_partitions", connector=name)
    for partition in range(4):
        kafka.produce(topic, [b"x"] * 25, partition)
    wait_all_committed(kafka, name, topic)
    assert sorted(endpoint.positions()) == [(partition, offset) for partition in range(4) for offset in range(25)]


def test_a_connector_continues_at_the_committed_offset_of_its_configured_group(kafka, sidecar, endpoint, name):
    topic, other = kafka.topic(), f"{name}-elsewhere"
    kafka.produce(topic, [b"0", b"1"])
    keys = {"consumer.override.group.id": group_of(other)}
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    wait_all_committed(kafka, other, topic)
    assert kafka.committed(name, topic) == {0: 0}
    sidecar.remove(name)
    sidecar.connector(other, topic, endpoint)
    sidecar.restart()
    kafka.produce(topic, [b"2"])
    wait_all_committed(kafka, other, topic)
    assert endpoint.bodies() == [b"0", b"1", b"2"]
