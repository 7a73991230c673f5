"""Three processes with the same definitions share a topic, and are killed, stopped, added and restarted one by one.

Nothing is lost, and first deliveries are in order in each partition. Only kill -9 repeats records, and only uncommitted
ones. Each test runs with `range`, which revokes all partitions at every change, and with `cooperative-sticky`.
SCALE_RATE (300) is the number of records per second. -s prints the durations of takeovers and the repeats.
"""

import collections
import contextlib
import os
import time

import pytest

import kafka_cluster
from endpoint import Answer
from load import Load
from sidecar import Sidecar, fields
from waiting import eventually

RATE = int(os.environ.get("SCALE_RATE", "300"))
PARTITIONS, KEYS, PROCESSES = 8, 40, 3
SESSION = 6     # session timeout: seconds until the brokers notice a dead member
ROLLOUTS = 12
SLOW = 0.5      # duration of some answers, so that each change finds requests in flight
TAKEOVER = 10 * SESSION     # generous, because the machine may be busy


class Deployment:
    """Processes that share a directory of definitions, like replicas share a ConfigMap."""

    def __init__(self, binary, directory, kafka, connectors):
        self.kafka = kafka
        self.connectors = connectors
        self.replicas = [Sidecar(binary, directory / f"replica-{n}", kafka.bootstrap) for n in range(PROCESSES)]
        for one in self.replicas:
            one.settings["connectors.dir"] = str(self.replicas[0].connectors)

    def define(self, name, topic, endpoint, **keys):
        self.replicas[0].connector(name, topic, endpoint, {
            "consumer.override.session.timeout.ms": SESSION * 1000, "consumer.override.heartbeat.interval.ms": 500},
            **keys)

    def running(self):
        return [one for one in self.replicas if one.process]

    def assigned(self, connector):
        return [one.value("assigned_partitions", connector=connector) or 0 for one in self.running()]

    def wait_shared(self, timeout=TAKEOVER):
        """Waits until each running process has partitions, all are assigned, and the groups are stable."""
        for connector in self.connectors:
            eventually(lambda: sum(self.assigned(connector)) == PARTITIONS and min(self.assigned(connector)) > 0
                       and self.kafka.group_state(connector) == "Stable",
                       lambda: f"{connector}: {self.assigned(connector)}, {self.kafka.group_state(connector)}", timeout)

    @staticmethod
    def owned(replica, connector):
        """Returns the partitions of the connector that the process owns according to its log."""
        have = set()
        for line in replica.log.find("msg=\"partitions ", f"connector={connector} "):
            event = fields(line)
            named = {int(one.rpartition("[")[2].rstrip("]")) for one in event["partitions"].split(",") if one}
            have = have | named if event["msg"] == "partitions assigned" else have - named
        return have


@pytest.fixture
def deployment(binary, kafka, tmp_path, name, request):
    connectors = [kafka_cluster.unique(name) for _ in range(request.param)]
    made = Deployment(binary, tmp_path, kafka, connectors)
    yield made
    with contextlib.ExitStack() as ends:
        for one in made.replicas:
            ends.callback(one.end_of_test)


def repeated(endpoint):
    return {one.position for one in list(endpoint.requests) if one.attempt > 1}


def flows_on(endpoints):
    """Waits until every endpoint has received a new record of every partition."""
    for endpoint in endpoints:
        had = len(endpoint.requests)
        eventually(lambda e=endpoint, h=had: {one.partition for one in e.requests[h:]} == set(range(PARTITIONS)),
                   lambda e=endpoint, h=had: f"partitions: {sorted({one.partition for one in e.requests[h:]})}")


def kill_one(deployment, topic, endpoints, replica):
    """Kills a process and waits until the others have taken over. Returns connector -> the positions that may be
    repeated: sent before the kill and not committed."""
    owned = {}
    for connector in deployment.connectors:
        count = replica.value("assigned_partitions", connector=connector)
        owned[connector] = eventually(  # the log may be later than the metric
            lambda c=connector, n=count: len(have := deployment.owned(replica, c)) == n and have,
            lambda c=connector, n=count: f"{n} partitions by the log; it has {deployment.owned(replica, c)}")
    killed = time.monotonic()
    replica.kill()
    # Others get its partitions after a session timeout at the earliest, so these are its own commits.
    committed = {connector: deployment.kafka.committed(connector, topic) for connector in deployment.connectors}
    may = {connector: {one.position for one in list(endpoint.requests)
                       if one.partition in owned[connector] and one.offset >= committed[connector][one.partition]}
           for connector, endpoint in zip(deployment.connectors, endpoints)}
    deployment.wait_shared()
    for connector, endpoint in zip(deployment.connectors, endpoints):
        sent = {position[0]: position[1] for position in sorted(may[connector])}
        firsts = eventually(lambda c=connector, e=endpoint, s=sent: first_arrivals(e, owned[c], killed, s),
                            f"{connector}: others deliver the partitions {sorted(owned[connector])}")
        print(f"\n{connector}: {len(owned[connector])} partitions of the killed process resume after "
              f"{min(firsts) - killed:.1f} to {max(firsts) - killed:.1f} s; the session timeout is {SESSION} s; "
              f"{len(may[connector])} sent and not committed")
        assert max(firsts) - killed <= TAKEOVER
    return may


def first_arrivals(endpoint, owned, killed, sent):
    """Returns when each of these partitions got its first new record after the kill; None until all have."""
    firsts = {}
    for one in list(endpoint.requests):
        if one.partition in owned and one.time > killed and one.offset > sent.get(one.partition, -1):
            firsts.setdefault(one.partition, one.time)
    return list(firsts.values()) if len(firsts) == len(owned) else None


def assert_complete_and_in_order(endpoint, count):
    numbers = collections.defaultdict(list)
    for one in endpoint.requests:
        numbers[one.partition].append(one.offset)
    firsts = {partition: list(dict.fromkeys(offsets)) for partition, offsets in numbers.items()}
    assert sum(len(offsets) for offsets in firsts.values()) == count
    for partition, offsets in firsts.items():
        assert offsets == list(range(len(offsets))), f"partition {partition}: a record is missing or out of order"
    assert {int(one.body) for one in endpoint.requests} == set(range(count))


@pytest.mark.parametrize("deployment,tasks", [(1, 1), (2, 2)], indirect=["deployment"],
                         ids=["one-connector", "two-connectors-of-two-tasks"])
@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_replicas_that_are_killed_stopped_added_and_replaced_lose_nothing(kafka, deployment, endpoint, second_endpoint,
                                                                          assignor, tasks):
    topic = kafka.topic(PARTITIONS)
    endpoints = [endpoint, second_endpoint][:len(deployment.connectors)]
    for connector, each in zip(deployment.connectors, endpoints):
        each.decide = lambda one: Answer(delay=SLOW if one.offset % 50 == 0 else 0.003)
        deployment.define(connector, topic, each, tasks__max=tasks,
                          consumer__override__partition__assignment__strategy=assignor)
    first, second, third = deployment.replicas
    with Load(kafka, topic, RATE, PARTITIONS, KEYS) as load:
        for one in deployment.replicas:
            one.start()
        deployment.wait_shared()
        flows_on(endpoints)
        assert [repeated(each) for each in endpoints] == [set()] * len(endpoints), "scaling up to three repeats nothing"

        may = kill_one(deployment, topic, endpoints, first)
        steps = {"a replica stops": second.stop, "one comes": first.start, "another comes": second.start}
        for number, one in enumerate((third, second, first), 1):
            steps[f"rolling restart, {number}"] = one.restart
        before = [repeated(each) for each in endpoints]
        for connector, have in zip(deployment.connectors, before):
            assert have <= may[connector], f"repeated but committed or not owned by the killed: {have - may[connector]}"
            print(f"{connector}: {len(have)} repeated by the kill")
        for what, step in steps.items():
            step()
            deployment.wait_shared()
            flows_on(endpoints)
            for have, each in zip(before, endpoints):
                assert repeated(each) == have, f"{what}: repeats {sorted(repeated(each) - have)[:10]}"
        count = load.stop()
    for connector, each in zip(deployment.connectors, endpoints):
        eventually(lambda c=connector: kafka.all_committed(c, topic), lambda c=connector: kafka.committed(c, topic))
        assert_complete_and_in_order(each, count)
    assert [repeated(each) for each in endpoints] == before


@pytest.mark.parametrize("deployment", [1], indirect=True)
@pytest.mark.parametrize("assignor", ["range", "cooperative-sticky"])
def test_a_rollout_with_a_surge_repeats_nothing(kafka, deployment, endpoint, assignor):
    connector, = deployment.connectors
    topic = kafka.topic(PARTITIONS)
    endpoint.decide = lambda one: Answer(delay=SLOW if one.offset % 50 == 0 else 0.003)
    deployment.define(connector, topic, endpoint, consumer__override__partition__assignment__strategy=assignor)
    *old, new = deployment.replicas
    for one in old:
        one.start()
    with Load(kafka, topic, RATE, PARTITIONS, KEYS) as load:
        flows_on([endpoint])
        for _ in range(ROLLOUTS):
            new.start(wait=False)
            new.log.wait_for("connector started")
            old[0].stop()       # it may not have joined yet
            old, new = [*old[1:], new], old[0]
        deployment.wait_shared()
        flows_on([endpoint])
        count = load.stop()
    eventually(lambda: kafka.all_committed(connector, topic), lambda: kafka.committed(connector, topic))
    assert_complete_and_in_order(endpoint, count)
    assert not repeated(endpoint), sorted(repeated(endpoint))[:10]
