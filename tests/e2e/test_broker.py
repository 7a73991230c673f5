"""Broker outages: nothing is lost, and no manual action is needed.

DEAD_BROKER_SECONDS (10) is the duration of an outage.
"""

import os
import signal
import time

import pytest

import kafka_cluster
from endpoint import Answer
from rest import Rest
from sidecar import Sidecar
from waiting import eventually, holds

SECONDS = int(os.environ.get("DEAD_BROKER_SECONDS", "10"))
COUNT = 10_000


def test_a_broker_outage_loses_no_record(own_broker, endpoint, binary, tmp_path, name):
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    topic = kafka.topic(2)
    for partition in (0, 1):
        kafka.produce(topic, [b"%d" % n for n in range(COUNT)], partition)
    endpoint.decide = lambda one: Answer(delay=0.002)
    sidecar = Sidecar(binary, tmp_path / "sidecar", kafka.bootstrap)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    try:
        endpoint.wait_for(1_000)
        own_broker.kill()
        holds(lambda: sidecar.probe("/livez") == 200, "it is alive", seconds=SECONDS)
        own_broker.come_back()
        kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
        kafka.produce(topic, [b"later"])
        eventually(lambda: kafka.all_committed(name, topic), lambda: kafka.committed(name, topic), timeout=180)
    finally:
        sidecar.end_of_test()
    for partition, count in ((0, COUNT + 1), (1, COUNT)):
        firsts = list(dict.fromkeys(endpoint.offsets(topic, partition)))
        assert firsts == list(range(count)), "a record is missing or out of order"
    print(f"\n{SECONDS} s without a broker: {len(endpoint.requests) - 2 * COUNT - 1} of {2 * COUNT + 1} repeated")


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_a_topic_recreated_after_a_broker_restart_is_delivered(own_broker, endpoint, binary, tmp_path, name, paused):
    """The leader epoch restarts with the topic, so a client that knows the old one considers new metadata stale."""
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    topic = kafka.topic()
    kafka.produce(topic, [b"old"] * 5)
    sidecar = Sidecar(binary, tmp_path / "sidecar", kafka.bootstrap)
    sidecar.connector(name, topic, endpoint)
    rest = Rest(sidecar)
    sidecar.start()
    try:
        endpoint.wait_for(5)
        own_broker.kill()
        own_broker.come_back()
        kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
        kafka.produce(topic, [b"old"] * 5)
        eventually(lambda: kafka.committed(name, topic) == {0: 10}, "the old records are committed", timeout=180)
        if paused:
            rest.put(rest.at(name, "pause")).is_empty(202)
            eventually(lambda: sidecar.log.find("task paused"), "it pauses")
        kafka.delete_topic(topic)
        eventually(lambda: sidecar.log.find("code=UNKNOWN_TOPIC_OR_PART"), "the client has noticed", timeout=180)
        kafka.topic(name=topic)
        kafka.produce(topic, [b"new"] * 15)
        if paused:
            rest.put(rest.at(name, "resume")).is_empty(202)
        eventually(lambda: kafka.committed(name, topic) == {0: 15},
                   lambda: f"all records are delivered; log:\n{sidecar.log.tail()}", timeout=120)
    finally:
        sidecar.end_of_test()
    assert endpoint.bodies(topic).count(b"new") == 15


def test_the_last_commit_succeeds_if_the_broker_returns_within_the_grace_period(own_broker, endpoint, binary, tmp_path,
                                                                                name):
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    topic = kafka.topic()
    kafka.produce(topic, [b"%d" % n for n in range(50)])
    sidecar = Sidecar(binary, tmp_path / "sidecar", kafka.bootstrap)
    sidecar.settings["shutdown.grace.ms"] = 120_000     # a slow machine may need long to start a broker
    # After a session timeout without the broker a member loses its partitions, and with them the commit.
    sidecar.connector(name, topic, endpoint, {"offset.flush.interval.ms": 600_000,
                                              "consumer.override.session.timeout.ms": 120_000})
    sidecar.start()
    try:
        eventually(lambda: sidecar.value("records_delivered_total", connector=name) == 50, "all records are delivered")
        assert kafka.committed(name, topic) == {0: 0}
        own_broker.kill()
        sidecar.signal(signal.SIGTERM)
        own_broker.come_back()
        assert sidecar.wait_exit(150) == 0
    finally:
        sidecar.end_of_test()
    assert kafka_cluster.KafkaCluster(own_broker.bootstrap).committed(name, topic) == {0: 50}


def test_offsets_without_a_record_do_not_stall_the_commit(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce_in_transactions(topic, [([b"a", b"b"], True), ([b"x"], False), ([b"c"], True), ([b"d"], True)])
    sidecar.connector(name, topic, endpoint, {"delivery.ordering": "key"})
    sidecar.start()
    endpoint.wait_for(4)
    # The end of the last transaction also takes an offset, without a record.
    eventually(lambda: kafka.committed(name, topic)[0] >= kafka.ends(topic)[0] - 1, lambda: kafka.committed(name, topic))
    assert endpoint.bodies() == [b"a", b"b", b"c", b"d"]
    sidecar.restart()
    kafka.produce(topic, [b"e"])
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.bodies() == [b"a", b"b", b"c", b"d", b"e"]


def test_a_request_that_outlasts_a_revocation_is_canceled_and_its_record_redelivered(
        kafka, sidecar, endpoint, binary, tmp_path, name):
    topic = kafka.topic(2)
    for partition in (0, 1):
        kafka.produce(topic, [b"0"], partition)
    endpoint.decide = lambda one: Answer(delay=60) if one.attempt == 1 else Answer()
    second = Sidecar(binary, tmp_path / "second", kafka.bootstrap)
    for one in (sidecar, second):
        one.connector(name, topic, endpoint, {"consumer.override.session.timeout.ms": 30000})
    sidecar.start()
    first = endpoint.wait_for(2)
    asked = time.monotonic()
    try:
        second.start()
        eventually(lambda: all(one.cut for one in first), "both requests are canceled", timeout=60)
        # The revocation waits 10 s after the second member joined.
        assert min(one.cut for one in first) - asked >= 10
        endpoint.wait_for(4)
        eventually(lambda: kafka.all_committed(name, topic), "everything is committed", timeout=60)
    finally:
        second.end_of_test()
    assert sorted(endpoint.positions()) == [(0, 0), (0, 0), (1, 0), (1, 0)]
