"""Start offsets without a commit: they are committed at once if a later start could choose other ones."""

import confluent_kafka

from endpoint import DELIVERED, RETRY
from sidecar import Sidecar
from waiting import eventually

LATEST = {"retry.backoff.sec": [600], "consumer.override.auto.offset.reset": "latest"}


def test_latest_does_not_skip_a_record_that_waits_at_a_stop(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"old"])
    endpoint.decide = lambda one: RETRY
    sidecar.connector(name, topic, endpoint, LATEST)
    sidecar.start()
    # Before the first record.
    eventually(lambda: kafka.committed(name, topic) == {0: 1}, "the start offset is committed")
    kafka.produce(topic, [b"new"])
    endpoint.wait_for(1)
    sidecar.stop()
    kafka.produce(topic, [b"newer"])
    endpoint.decide = lambda one: DELIVERED
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.bodies() == [b"new", b"new", b"newer"]


def test_latest_does_not_skip_a_record_that_waits_when_its_partition_moves(kafka, sidecar, endpoint, binary, tmp_path,
                                                                           name):
    topic = kafka.topic(2)
    for partition in (0, 1):
        kafka.produce(topic, [b"old"], partition)
    endpoint.decide = lambda one: RETRY
    sidecar.connector(name, topic, endpoint, LATEST)
    sidecar.start()
    eventually(lambda: kafka.committed(name, topic) == {0: 1, 1: 1}, "the start offsets are committed")
    for partition in (0, 1):
        kafka.produce(topic, [b"p%d" % partition], partition)
    endpoint.wait_for(2)
    endpoint.decide = lambda one: DELIVERED
    second = Sidecar(binary, tmp_path / "second", kafka.bootstrap)
    try:
        second.connector(name, topic, endpoint, LATEST)
        second.start()
        eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
        assert sorted(endpoint.bodies()) == [b"p0", b"p0", b"p1", b"p1"]
    finally:
        second.end_of_test()


def test_the_commit_of_an_old_log_does_not_skip_records_of_the_new_one(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"%d" % number for number in range(5)])
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": f"connect-{name}"})
    consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, 0, 20)], asynchronous=False)
    consumer.close()
    endpoint.decide = lambda one: RETRY
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [600]})
    sidecar.start()
    endpoint.wait_for(1)
    sidecar.stop()
    kafka.produce(topic, [b"%d" % number for number in range(5, 30)])
    endpoint.decide = lambda one: DELIVERED
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.bodies() == [b"0"] + [b"%d" % number for number in range(30)]


# Interval at which a consumer notices new topics and partitions.
SOON = {"consumer.override.topic.metadata.refresh.interval.ms": 300}


def test_latest_delivers_all_records_of_an_added_partition(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"old"])
    sidecar.connector(name, topic, endpoint, {**LATEST, **SOON})
    sidecar.start()
    eventually(lambda: kafka.committed(name, topic) == {0: 1}, "the start offset is committed")
    kafka.add_partitions(topic, 2)
    # Their timestamps are older than the group.
    kafka.produce(topic, [b"%d" % number for number in range(10)], partition=1, timestamp=1_000)
    endpoint.wait_for(10)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.positions() == [(1, number) for number in range(10)]


def test_latest_delivers_all_records_of_a_topic_created_later(kafka, sidecar, endpoint, name):
    first = kafka.topic(name=f"{name}-first")
    kafka.produce(first, [b"old"])
    sidecar.connector(name, None, endpoint, {**LATEST, **SOON, "topics.regex": f"{name}-.*"})
    sidecar.start()
    eventually(lambda: kafka.committed(name, first) == {0: 1}, "the start offset is committed")
    later = kafka.topic(2, name=f"{name}-later")
    for partition in (0, 1):
        kafka.produce(later, [b"%d" % number for number in range(10)], partition)
    endpoint.wait_for(20)
    eventually(lambda: kafka.all_committed(name, later), "everything is committed")
    assert sorted(endpoint.positions(later)) == [(partition, number) for partition in (0, 1) for number in range(10)]


def test_latest_delivers_records_produced_while_the_process_was_down(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"old"])
    sidecar.connector(name, topic, endpoint, {**LATEST, **SOON})
    sidecar.start()
    eventually(lambda: kafka.committed(name, topic) == {0: 1}, "the start offset is committed")
    sidecar.stop()
    kafka.add_partitions(topic, 2)
    kafka.produce(topic, [b"new"])
    kafka.produce(topic, [b"added"], partition=1, timestamp=1_000)
    sidecar.start()
    endpoint.wait_for(2)
    assert sorted(endpoint.bodies()) == [b"added", b"new"]
