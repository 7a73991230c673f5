"""Back-offs and group membership: no back-off costs the membership or blocks other partitions."""

from endpoint import DELIVERED, RETRY, Answer
from sidecar import Sidecar
from waiting import eventually, holds

IMPATIENT = {"consumer.override.session.timeout.ms": 6000, "consumer.override.heartbeat.interval.ms": 1000,
             "consumer.override.max.poll.interval.ms": 6000}


def test_a_backoff_longer_than_the_poll_interval_causes_no_rebalance_and_no_repeats(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: RETRY if one.record == (topic, 0, 0) and one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [30], **IMPATIENT})
    sidecar.start()
    endpoint.wait_for(1)
    members, rebalances = kafka.members(name), sidecar.value("rebalances_total", connector=name)
    assert len(members) == 1
    holds(lambda: kafka.members(name) == members and kafka.group_state(name) == "Stable", "the group is stable", 27)
    first, second, after = endpoint.wait_for(3)
    assert [one.offset for one in (first, second, after)] == [0, 0, 1]
    assert second.time - first.time >= 29.9
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert kafka.members(name) == members
    assert sidecar.value("rebalances_total", connector=name) == rebalances
    assert len(endpoint.requests) == 3


def test_a_retry_in_one_partition_does_not_block_the_others(kafka, sidecar, endpoint, name):
    topic = kafka.topic(4)
    endpoint.decide = lambda one: RETRY if one.partition == 0 else DELIVERED
    for partition in range(4):
        kafka.produce(topic, [b"x"] * 200, partition)
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [600], **IMPATIENT})
    sidecar.start()
    expected = {0: 0, 1: 200, 2: 200, 3: 200}
    eventually(lambda: kafka.committed(name, topic) == expected, lambda: kafka.committed(name, topic))
    assert endpoint.offsets(topic, 0) == [0]
    for partition in (1, 2, 3):
        kafka.produce(topic, [b"later"], partition)
    eventually(lambda: kafka.committed(name, topic) == {0: 0, 1: 201, 2: 201, 3: 201}, "later records are delivered too")


def test_a_backlog_behind_a_retry_that_exceeds_the_queue_does_not_block_other_partitions(
        kafka, sidecar, endpoint, name):
    topic = kafka.topic(2)
    kafka.produce(topic, [b"x" * 10_000] * 300, partition=0)
    endpoint.decide = lambda one: RETRY if one.partition == 0 and one.attempt == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [8], "delivery.queue.max.bytes": 65536, **IMPATIENT})
    sidecar.start()
    endpoint.wait_for(1)
    members = kafka.members(name)
    kafka.produce(topic, [b"y" * 1000] * 50, partition=1)
    eventually(lambda: kafka.committed(name, topic)[1] == 50, lambda: kafka.committed(name, topic))
    assert kafka.committed(name, topic)[0] == 0 or len(endpoint.of(topic, 0, 0)) == 2
    assert sidecar.value("record_bytes_buffered", connector=name) <= 2 * 65536
    endpoint.decide = lambda one: DELIVERED
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed", timeout=120)
    assert kafka.members(name) == members
    assert endpoint.offsets(topic, 1) == list(range(50))


def test_a_slow_endpoint_does_not_cost_the_membership(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: Answer(delay=15) if one.offset == 0 else DELIVERED
    sidecar.connector(name, topic, endpoint, IMPATIENT)
    sidecar.start()
    endpoint.wait_for(1)
    members = kafka.members(name)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets() == [0, 1] and kafka.members(name) == members


def test_a_second_process_takes_over_partitions_and_no_record_is_lost(kafka, sidecar, endpoint, binary, tmp_path, name):
    topic, count = kafka.topic(4), 1000
    endpoint.decide = lambda one: Answer(delay=0.005)
    for partition in range(4):
        kafka.produce(topic, [b"%d" % number for number in range(count)], partition)
    second = Sidecar(binary, tmp_path / "second", kafka.bootstrap)
    for one in (sidecar, second):
        one.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(400)
    try:
        second.start()
        eventually(lambda: len(kafka.members(name)) == 2 and kafka.group_state(name) == "Stable", "two members")
        second.wait_for_value(2, "assigned_partitions", connector=name)
        sidecar.wait_for_value(2, "assigned_partitions", connector=name)
        eventually(lambda: kafka.all_committed(name, topic), lambda: kafka.committed(name, topic), timeout=180)
    finally:
        second.end_of_test()
    for partition in range(4):
        seen = endpoint.offsets(topic, partition)
        assert sorted(set(seen)) == list(range(count))
        first_seen = list(dict.fromkeys(seen))
        assert first_seen == sorted(first_seen), f"partition {partition} out of order"
