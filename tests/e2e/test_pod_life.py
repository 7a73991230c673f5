"""The life of a pod: it starts before its ConfigMap, stops after its app has terminated, and is replaced by another.

Native sidecars outlive the app, so at the end every connection is refused. That must neither drop nor commit a record,
and the next pod must not repeat what was delivered. -s prints the times from SIGTERM to the exit; STRICT_TIMES=1
asserts the 2 s that a kubelet leaves at least.
"""

import os
import signal
import subprocess
import time

import pytest

import kafka_cluster
import ports
from endpoint import DELIVERED, RETRY, Answer
from load import Load, assert_all_once
from observing import in_time
from pod import Pod, delivered
from sidecar import clean_environment, toml
from volume import Volume
from waiting import eventually, holds

PARTITIONS = 3
TAKEN, COUNT = 10, 30       # records of each partition that the app accepts before it ends, and the total
HANG = Answer(hang=True)
LONG = {"retry.backoff.sec": [600]}
SHORT = {"retry.backoff.sec": [0.2, 0.2]}
NOT_ALL = 1, "not everything was finished and committed within the grace; uncommitted records will be repeated\n"
SESSION = {"consumer.override.session.timeout.ms": 6000, "consumer.override.heartbeat.interval.ms": 500}


@pytest.fixture
def new_pod(binary, kafka, tmp_path):
    """Returns a function that creates pods, which differ only in name and end with the test."""
    pods = []

    def make(files=None, bootstrap=kafka.bootstrap, **settings):
        pods.append(Pod(binary, tmp_path / f"pod-{len(pods)}", bootstrap, files, **settings))
        return pods[-1]

    yield make
    for pod in pods:
        pod.sidecar.end_of_test()


def definition(name, topic, endpoint, keys=None):
    return {f"{name}.toml": toml({"topics": topic, "callback.request.url": endpoint.url, **(keys or {})})}


def fill(kafka, topic=None, count=COUNT):
    topic = topic or kafka.topic(PARTITIONS)
    kafka.produce_records(topic, ({"partition": partition, "value": b"%d" % number}
                                  for partition in range(PARTITIONS) for number in range(count)))
    return topic


def all_partitions(value):
    return {partition: value for partition in range(PARTITIONS)}


def wait_committed(kafka, name, topic, wanted):
    eventually(lambda: kafka.committed(name, topic) == wanted, lambda: f"{wanted}; {kafka.committed(name, topic)}")


def app_accepts(endpoint, after=HANG):
    """Accepts TAKEN records of each partition, answers the next one of partition 0 with `after`, and hangs for the
    others. Call it before a pod starts, because that may deliver at once."""
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else after if one.partition == 0 else HANG


def terminate_app(kafka, endpoint, name, topic):
    """Terminates the app while one record of each partition is in flight and all accepted records are committed."""
    eventually(lambda: {one.partition for one in endpoint.of(topic) if one.offset == TAKEN} == set(range(PARTITIONS)),
               lambda: f"a record of each partition is in flight: {endpoint.positions(topic)[-20:]}")
    wait_committed(kafka, name, topic, all_partitions(TAKEN))
    endpoint.refuse()


def assert_next_pod_goes_on(kafka, endpoint, name, topic, pod, count=COUNT):
    """Asserts that the next pod delivers exactly the remaining records to the restarted app, in order."""
    before = len(endpoint.requests)
    endpoint.decide = lambda one: DELIVERED
    if endpoint.refuses:
        endpoint.come_back()
    pod.start()
    wait_committed(kafka, name, topic, all_partitions(count))
    for partition in range(PARTITIONS):
        assert delivered(endpoint, topic, partition) == list(range(count)), f"partition {partition}"
    assert all(one.answered for one in endpoint.requests[before:] if one.topic == topic)
    assert pod.sidecar.value("records_dropped_total", connector=name) == 0


@pytest.mark.parametrize("volume", ["empty", "absent"])
def test_a_pod_starts_without_its_configmap_delivers_and_is_replaced(kafka, new_pod, endpoint, name, volume):
    name, other = kafka_cluster.unique(name), kafka_cluster.unique(name)
    topic, other_topic = fill(kafka), fill(kafka)
    pod = new_pod()
    if volume == "absent":
        place = pod.sidecar.connectors
        place.rename(place.with_name("later"))
        pod.start(wait=False)
        pod.sidecar.wait_for_probe("/livez")
        pod.sidecar.log.wait_for("definitions cannot be read")
        assert pod.sidecar.probe("/startupz") == 503 and pod.sidecar.probe("/readyz") == 503
        place.with_name("later").rename(place)
        pod.sidecar.wait_for_probe("/startupz")
    else:
        pod.start()
    pod.sidecar.wait_for_probe("/readyz")
    assert pod.sidecar.probe("/livez") == 200 and pod.sidecar.value("connector_state") is None
    files = {**definition(name, topic, endpoint, LONG), **definition(other, other_topic, endpoint, LONG)}
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else HANG
    pod.volume.update(files)
    pod.sidecar.wait_running(name, other)
    for one in (topic, other_topic):
        eventually(lambda one=one: len(endpoint.of(one)) == PARTITIONS * (TAKEN + 1), "the app has all its records")
    for each, its_topic in ((name, topic), (other, other_topic)):
        wait_committed(kafka, each, its_topic, all_partitions(TAKEN))
    endpoint.refuse()
    for each in (name, other):
        pod.sidecar.wait_for_value(PARTITIONS, "records_waiting_retry", connector=each)
    pod.end()
    for each, its_topic in ((name, topic), (other, other_topic)):
        assert kafka.committed(each, its_topic) == all_partitions(TAKEN)
        assert kafka.members(each) == [], "it has left its group"
    successor = new_pod(files)
    assert_next_pod_goes_on(kafka, endpoint, name, topic, successor)
    wait_committed(kafka, other, other_topic, all_partitions(COUNT))
    for partition in range(PARTITIONS):
        assert delivered(endpoint, other_topic, partition) == list(range(COUNT))


STRATEGIES = ("PROGRESS_BACK_OFF_DROP_MESSAGE", "PROGRESS_BACK_OFF_STOP_TASK", "DROP_MESSAGE", "STOP_TASK")


@pytest.mark.parametrize("delays", ["long", "short", "none"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_strategy_drops_or_commits_records_that_a_terminated_app_did_not_accept(
        kafka, new_pod, endpoint, name, strategy, delays):
    name = kafka_cluster.unique(name)
    topic = fill(kafka)
    keys = {"long": LONG, "short": SHORT, "none": {"retry.backoff.sec": []}}[delays]
    files = definition(name, topic, endpoint, {"exception.strategy": strategy, **keys})
    # The last record waits for a retry only if the strategy retries response errors.
    waits = delays == "long" and strategy.startswith("PROGRESS")
    app_accepts(endpoint, RETRY if waits else HANG)
    pod = new_pod(files).start()
    terminate_app(kafka, endpoint, name, topic)
    if delays == "long":
        pod.sidecar.wait_for_value(PARTITIONS, "records_waiting_retry", connector=name)
    else:
        eventually(lambda: pod.sidecar.value("tasks_stopped", connector=name) == 1, lambda: f"it stops:\n{pod.tail()}")
    kafka.produce(topic, [b"%d" % COUNT], partition=2)
    pod.end()
    assert not pod.sidecar.log.find("record dropped"), pod.tail()
    assert kafka.committed(name, topic) == all_partitions(TAKEN)
    for partition in (0, 1):
        kafka.produce(topic, [b"%d" % COUNT], partition)
    assert_next_pod_goes_on(kafka, endpoint, name, topic, new_pod(files), COUNT + 1)


def drain_twice(pod):
    assert pod.drain() == (0, "drained\n")
    pod.end()


def two_concurrent_drains(pod):
    hooks = [pod.begin_drain() for _ in range(2)]
    for hook in hooks:
        assert hook.communicate(timeout=60)[0] == "drained\n" and hook.returncode == 0, pod.tail()
    pod.terminate()


def sigterm_only(pod):
    pod.terminate()


def sigint_only(pod):
    pod.sidecar.signal(signal.SIGINT)
    assert pod.sidecar.wait_exit() == 0, pod.tail()


@pytest.mark.parametrize("end", [drain_twice, two_concurrent_drains, sigterm_only, sigint_only])
def test_records_refused_many_times_are_redelivered_after_any_kind_of_stop(kafka, new_pod, endpoint, name, end):
    name = kafka_cluster.unique(name)
    topic = fill(kafka)
    files = definition(name, topic, endpoint, {"retry.backoff.sec": [0.05] * 1000})
    app_accepts(endpoint)
    pod = new_pod(files).start()
    terminate_app(kafka, endpoint, name, topic)
    had = pod.sidecar.value("retries_total", connector=name, reason="connect")
    eventually(lambda: pod.sidecar.value("retries_total", connector=name, reason="connect") >= had + 20,
               "attempts are refused")
    end(pod)
    assert kafka.committed(name, topic) == all_partitions(TAKEN)
    assert_next_pod_goes_on(kafka, endpoint, name, topic, new_pod(files))


def test_sigterm_during_a_drain_lets_both_succeed(kafka, new_pod, endpoint, name):
    topic = fill(kafka)
    files = definition(name, topic, endpoint)
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else Answer(delay=2)
    pod = new_pod(files).start()
    eventually(lambda: len(endpoint.of(topic)) == PARTITIONS * (TAKEN + 1), "each partition has a slow request")
    hook = pod.begin_drain()
    pod.wait_until_draining()
    pod.sidecar.signal(signal.SIGTERM)
    assert pod.sidecar.wait_exit() == 0, pod.tail()
    assert hook.communicate(timeout=60)[0] == "drained\n" and hook.returncode == 0, pod.tail()
    assert kafka.committed(name, topic) == all_partitions(TAKEN + 1)
    assert_next_pod_goes_on(kafka, endpoint, name, topic, new_pod(files))


def test_a_drain_after_sigterm_waits_for_the_shutdown(kafka, new_pod, endpoint, name):
    topic = fill(kafka)
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else Answer(delay=5)
    pod = new_pod(definition(name, topic, endpoint)).start()
    eventually(lambda: len(endpoint.of(topic)) == PARTITIONS * (TAKEN + 1), "each partition has a slow request")
    pod.sidecar.signal(signal.SIGTERM)
    pod.wait_until_draining()
    hook = pod.begin_drain()
    assert pod.sidecar.wait_exit() == 0
    assert hook.communicate(timeout=60)[0] == "drained\n" and hook.returncode == 0, pod.tail()
    assert kafka.committed(name, topic) == all_partitions(TAKEN + 1)


def test_a_hanging_app_delays_the_shutdown_by_at_most_the_grace_period(kafka, new_pod, endpoint, name):
    topic = fill(kafka)
    files = definition(name, topic, endpoint)
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else HANG
    pod = new_pod(files, shutdown__grace__ms=2000).start()
    eventually(lambda: len(endpoint.of(topic)) == PARTITIONS * (TAKEN + 1), "a request of each partition hangs")
    code, said = pod.drain()
    assert (code, said) == NOT_ALL, pod.tail()
    eventually(lambda: all(one.cut for one in endpoint.of(topic) if one.offset == TAKEN), "hanging requests are canceled")
    pod.terminate()
    assert kafka.committed(name, topic) == all_partitions(TAKEN)
    assert_next_pod_goes_on(kafka, endpoint, name, topic, new_pod(files))


def test_a_second_sigterm_commits_only_delivered_records(kafka, new_pod, endpoint, name):
    topic = fill(kafka)
    files = definition(name, topic, endpoint, SESSION)
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else HANG
    pod = new_pod(files, shutdown__grace__ms=600_000).start()
    eventually(lambda: len(endpoint.of(topic)) == PARTITIONS * (TAKEN + 1), "a request of each partition hangs")
    wait_committed(kafka, name, topic, all_partitions(TAKEN))
    pod.sidecar.signal(signal.SIGTERM)
    pod.wait_until_draining()
    pod.sidecar.signal(signal.SIGTERM)
    assert pod.sidecar.wait_exit() in (0, 1)
    assert kafka.committed(name, topic) == all_partitions(TAKEN)
    assert_next_pod_goes_on(kafka, endpoint, name, topic, new_pod(files))


def test_an_app_that_ends_between_drain_and_sigterm_got_each_record_once(kafka, new_pod, endpoint, name):
    topic = kafka.topic(PARTITIONS)
    files = definition(name, topic, endpoint)
    endpoint.decide = lambda one: Answer(delay=0.005)
    pod = new_pod(files).start()
    with Load(kafka, topic, 400, PARTITIONS, 12) as load:
        endpoint.wait_for(300)
        assert pod.drain() == (0, "drained\n")
        seen = len(endpoint.requests)
        assert sum(kafka.committed(name, topic).values()) == seen
        endpoint.refuse()
        holds(lambda: pod.sidecar.probe("/livez") == 200, "it runs until SIGTERM", seconds=0.5)
        pod.terminate()
        endpoint.come_back()
        new_pod(files).start()
        endpoint.wait_for(seen + 300)
        assert_all_once(kafka, name, topic, load.stop(), endpoint)
    for key in {one.key for one in endpoint.requests}:
        numbers = [int(one.body) for one in endpoint.requests if one.key == key]
        assert numbers == sorted(numbers), f"{key} is out of order"


def test_volume_changes_after_a_drain_start_nothing(kafka, new_pod, endpoint, name):
    topic, other_topic = fill(kafka), fill(kafka)
    pod = new_pod(shutdown__grace__ms=60_000)
    secret = Volume(pod.sidecar.secrets / "api")
    secret.update({"token": "0ld"})
    files = definition(name, topic, endpoint, {
        "callback.request.headers": {"Authorization": f"Bearer ${{dir:{pod.sidecar.secrets}/api:token}}"}})
    pod.volume.update(files)
    app_accepts(endpoint)
    pod.start()
    terminate_app(kafka, endpoint, name, topic)
    pod.sidecar.wait_for_value(PARTITIONS, "records_waiting_retry", connector=name)
    assert pod.drain() == (0, "drained\n")
    endpoint.decide = lambda one: DELIVERED
    endpoint.come_back()
    seen = len(endpoint.requests)
    secret.update({"token": "n3w"})
    pod.volume.update({**files, **definition(f"{name}-late", other_topic, endpoint)})
    pod.sidecar.reload()
    holds(lambda: len(endpoint.requests) == seen and not kafka.members(f"{name}-late"), "nothing starts", seconds=2)
    pod.terminate()
    assert kafka.committed(name, topic) == all_partitions(TAKEN)


def test_a_secret_rotated_while_the_app_is_down_is_used_by_the_next_attempts(kafka, new_pod, endpoint, name):
    topic = fill(kafka)
    pod = new_pod()
    secret = Volume(pod.sidecar.secrets / "api")
    secret.update({"token": "0ld"})
    pod.volume.update(definition(name, topic, endpoint, {
        **LONG, "callback.request.headers": {"Authorization": f"Bearer ${{dir:{pod.sidecar.secrets}/api:token}}"}}))
    app_accepts(endpoint)
    pod.start()
    terminate_app(kafka, endpoint, name, topic)
    pod.sidecar.wait_for_value(PARTITIONS, "records_waiting_retry", connector=name)
    endpoint.decide = lambda one: DELIVERED if one.headers["authorization"] == "Bearer n3w" else HANG
    endpoint.come_back()
    secret.update({"token": "n3w"})
    wait_committed(kafka, name, topic, all_partitions(COUNT))
    for partition in range(PARTITIONS):
        assert delivered(endpoint, topic, partition) == list(range(COUNT))
    pod.end()


def test_a_pod_that_waits_for_a_secret_stops_cleanly_and_starts_when_it_exists(kafka, new_pod, endpoint, name):
    topic, other_topic, other = fill(kafka), fill(kafka), f"{name}-other"

    def files_of(pod):
        return {**definition(name, topic, endpoint, {
            "callback.request.headers": {"Authorization": f"${{dir:{pod.sidecar.secrets}/api:token}}"}}),
            **definition(other, other_topic, endpoint)}

    first = new_pod()
    first.volume.update(files_of(first))
    first.start()
    wait_committed(kafka, other, other_topic, all_partitions(COUNT))
    assert first.sidecar.value("connector_state", connector=name, state="failed") == 1
    first.end()
    assert kafka.committed(name, topic) == all_partitions(0) and endpoint.of(topic) == []
    second = new_pod()
    second.volume.update(files_of(second))
    second.start()
    Volume(second.sidecar.secrets / "api").update({"token": "l4te"})
    wait_committed(kafka, name, topic, all_partitions(COUNT))
    second.end()
    for one in (topic, other_topic):
        for partition in range(PARTITIONS):
            assert delivered(endpoint, one, partition) == list(range(COUNT))


def test_a_configmap_deleted_while_running_loses_nothing_in_this_pod_or_the_next(kafka, new_pod, endpoint, name):
    topic = fill(kafka, count=TAKEN)
    files = definition(name, topic, endpoint)
    pod = new_pod(files).start()
    wait_committed(kafka, name, topic, all_partitions(TAKEN))
    pod.volume.update({})
    kafka.produce_records(topic, ({"partition": partition, "value": b"x"} for partition in range(PARTITIONS)))
    wait_committed(kafka, name, topic, all_partitions(TAKEN + 1))
    pod.end()
    kafka.produce_records(topic, ({"partition": partition, "value": b"x"} for partition in range(PARTITIONS)))
    successor = new_pod({}).start()
    assert successor.sidecar.probe("/readyz") == 200
    seen = len(endpoint.requests)
    holds(lambda: len(endpoint.requests) == seen, "nothing is defined", seconds=1)
    successor.volume.update(files)
    wait_committed(kafka, name, topic, all_partitions(TAKEN + 2))
    for partition in range(PARTITIONS):
        assert delivered(endpoint, topic, partition) == list(range(TAKEN + 2))


@pytest.mark.parametrize("broker", ["killed", "frozen"])
def test_a_broker_that_is_down_at_the_last_commit_causes_only_repeats(own_broker, new_pod, endpoint, name, broker):
    name = kafka_cluster.unique(name)
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    topic = kafka.topic(PARTITIONS)
    files = definition(name, topic, endpoint, {**LONG, **SESSION, "offset.flush.interval.ms": 600_000})
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else HANG
    pod = new_pod(files, bootstrap=kafka.bootstrap).start()
    wait_committed(kafka, name, topic, all_partitions(0))   # the first commit, which must hold no record yet
    fill(kafka, topic)
    eventually(lambda: len(endpoint.of(topic)) == PARTITIONS * (TAKEN + 1), "a request of each partition hangs")
    endpoint.refuse()
    pod.sidecar.wait_for_value(PARTITIONS, "records_waiting_retry", connector=name)
    if broker == "killed":
        own_broker.kill()
    else:
        os.killpg(own_broker.process.pid, signal.SIGSTOP)
    assert pod.drain() == NOT_ALL, pod.tail()
    pod.terminate()
    if broker == "killed":
        own_broker.come_back()
    else:
        os.killpg(own_broker.process.pid, signal.SIGCONT)
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    endpoint.decide = lambda one: DELIVERED
    endpoint.come_back()
    new_pod(files, bootstrap=kafka.bootstrap).start()
    for partition in range(PARTITIONS):
        # A frozen broker may have stored the commit without an answer.
        eventually(lambda p=partition: delivered(endpoint, topic, p)[-1:] == [COUNT - 1],
                   lambda p=partition: delivered(endpoint, topic, p))
        assert delivered(endpoint, topic, partition)[:TAKEN] == list(range(TAKEN))
        later = delivered(endpoint, topic, partition)[TAKEN:]
        assert later in (list(range(COUNT)), list(range(TAKEN, COUNT))), f"partition {partition}: {later}"


def test_a_broker_that_does_not_answer_does_not_delay_the_shutdown(own_broker, new_pod, endpoint, second_endpoint,
                                                                   name):
    kafka = kafka_cluster.KafkaCluster(own_broker.bootstrap)
    topic, dropped = fill(kafka), fill(kafka)
    # A long session timeout: librdkafka may wait that long when a client is destroyed.
    files = definition(name, topic, endpoint, {**LONG, "offset.flush.interval.ms": 600_000,
                                               "consumer.override.session.timeout.ms": 45_000})
    # Also a producer with a dead letter in flight.
    files |= definition(f"{name}-drops", dropped, second_endpoint, {
        "exception.strategy": "DROP_MESSAGE", "errors.deadletterqueue.topic.name": kafka.topic()})
    second_endpoint.decide = lambda one: Answer(body=RETRY.body, delay=0.3)
    endpoint.decide = lambda one: DELIVERED if one.offset < TAKEN else HANG
    pod = new_pod(files, bootstrap=kafka.bootstrap, shutdown__grace__ms=4000).start()
    eventually(lambda: len(endpoint.of(topic)) == PARTITIONS * (TAKEN + 1), "a request of each partition hangs")
    endpoint.refuse()
    pod.sidecar.wait_for_value(PARTITIONS, "records_waiting_retry", connector=name)
    second_endpoint.wait_for(PARTITIONS)
    os.killpg(own_broker.process.pid, signal.SIGSTOP)
    try:
        pod.sidecar.wait_for_value(0, "requests_in_flight", connector=f"{name}-drops")
        asked = time.monotonic()
        assert pod.drain() == NOT_ALL, pod.tail()
        in_time("drain of a frozen broker", time.monotonic() - asked, bound=4)
        pod.terminate()
    finally:
        os.killpg(own_broker.process.pid, signal.SIGCONT)


def test_drain_without_a_listener_fails_with_a_reason(kafka, new_pod, endpoint, name):
    topic = fill(kafka)
    pod = new_pod(definition(name, topic, endpoint))
    pod.sidecar.settings["rest.listen"] = ""
    pod.start()
    wait_committed(kafka, name, topic, all_partitions(COUNT))
    with ports.refused_port() as port:
        pod.url = f"http://127.0.0.1:{port}"
        code, said = pod.drain()
    print(f"\ndrain: {said}")
    assert code == 1 and said.startswith("drain: ") and str(port) in said and "refused" in said.lower()
    bad = subprocess.run([pod.sidecar.binary, "drain", "--url", "https://127.0.0.1:1"], env=clean_environment(),
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    assert bad.returncode != 0 and "http://" in bad.stdout
    assert pod.sidecar.probe("/readyz") == 200
    pod.terminate()
