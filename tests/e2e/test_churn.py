"""Members that join and leave under load: nothing is lost, order is kept, and few records are repeated.

CHURN_SECONDS (20) is the duration.
"""

import collections
import os
import time

import pytest

from endpoint import Answer
from kafka_cluster import unique
from load import Load
from sidecar import Sidecar
from waiting import eventually

SECONDS = int(os.environ.get("CHURN_SECONDS", "20"))
PARTITIONS = 4
KEYS = 40
RATE = 1000
IN_FLIGHT = 16


@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_a_second_process_that_joins_and_leaves_loses_nothing(kafka, sidecar, endpoint, binary, tmp_path, name,
                                                              assignor):
    name = unique(name)
    topic = kafka.topic(PARTITIONS)
    endpoint.decide = lambda one: Answer(delay=0.003)
    second = Sidecar(binary, tmp_path / "second", kafka.bootstrap)
    for one in (sidecar, second):
        one.connector(name, topic, endpoint, {
            "delivery.ordering": "key", "delivery.max.in.flight": IN_FLIGHT,
            "consumer.override.partition.assignment.strategy": assignor,
            "consumer.override.session.timeout.ms": 6000, "consumer.override.heartbeat.interval.ms": 500})
    sidecar.start()
    load = Load(kafka, topic, RATE, PARTITIONS, KEYS)
    rebalances = 0
    try:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            second.start()
            eventually(lambda: (second.value("assigned_partitions", connector=name) or 0) > 0,
                       "the second process has partitions")
            rebalances += 2
            had = len(endpoint.requests)
            endpoint.wait_for(had + 500)
            second.stop()
    finally:
        second.end_of_test()
        count = load.stop()
    eventually(lambda: kafka.all_committed(name, topic), lambda: kafka.committed(name, topic), timeout=120)

    requests = list(endpoint.requests)
    times = collections.Counter(int(one.body) for one in requests)
    assert sorted(times) == list(range(count)), "records are missing"
    firsts = collections.defaultdict(dict)
    for one in requests:
        firsts[one.key].setdefault(int(one.body))
    for key, numbers in firsts.items():
        assert list(numbers) == sorted(numbers), f"{key} is out of order"
    repeated = sum(times.values()) - count
    print(f"\n{assignor}: {count} records, {rebalances} rebalances, {repeated} repeated")
    # A revocation waits for requests in flight and commits them; no request here outlasts that wait.
    assert repeated <= IN_FLIGHT * rebalances
