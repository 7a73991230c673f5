"""All kinds of stops: a graceful one repeats nothing, a hard one loses nothing."""

import signal
import subprocess
import time

import pytest

import ports
from endpoint import DELIVERED, RETRY, Answer
from sidecar import clean_environment
from waiting import eventually, holds

COUNT, PARTITIONS = 10_000, 8
PROMPT = 15     # seconds: less than the default grace period, even on a busy machine
SLOWLY = Answer(delay=0.002)


def fill(kafka):
    topic = kafka.topic(PARTITIONS)
    kafka.produce_records(topic, ({"partition": n % PARTITIONS, "value": b"%d" % n} for n in range(COUNT)))
    return topic


def wait_all_committed(kafka, connector, topic):
    eventually(lambda: kafka.all_committed(connector, topic), lambda: kafka.committed(connector, topic), timeout=180)


def wait_until_draining(sidecar):
    eventually(lambda: sidecar.probe("/readyz") != 200, "no longer ready")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_graceful_stop_under_load_delivers_each_record_exactly_once(kafka, sidecar, endpoint, name, number):
    topic = fill(kafka)
    endpoint.decide = lambda one: SLOWLY
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(1500)
    sidecar.signal(number)
    assert sidecar.wait_exit() == 0
    seen = len(endpoint.requests)
    assert seen < COUNT and all(one.answered for one in endpoint.requests)
    assert sum(kafka.committed(name, topic).values()) == seen
    sidecar.start()
    wait_all_committed(kafka, name, topic)
    for partition in range(PARTITIONS):
        assert endpoint.offsets(topic, partition) == list(range(COUNT // PARTITIONS))


def test_kill_9_under_load_loses_nothing_and_keeps_the_order(kafka, sidecar, endpoint, name):
    topic = fill(kafka)
    endpoint.decide = lambda one: SLOWLY
    sidecar.connector(name, topic, endpoint, {"consumer.override.session.timeout.ms": 6000,
                                              "offset.flush.interval.ms": 200})
    for killed_at in (1500, 4500):
        endpoint.decide = lambda one: SLOWLY
        sidecar.start()
        endpoint.wait_for(killed_at)
        endpoint.decide = lambda one: Answer(hang=True)
        time.sleep(1)       # enough for several commits while each partition has a record in flight
        sidecar.kill()
        answered = {one.position for one in endpoint.requests if one.answered}
        for partition, committed in kafka.committed(name, topic).items():
            assert all((partition, offset) in answered for offset in range(committed))
    endpoint.decide = lambda one: SLOWLY
    sidecar.start()
    wait_all_committed(kafka, name, topic)
    for partition in range(PARTITIONS):
        first_seen = list(dict.fromkeys(endpoint.offsets(topic, partition)))
        assert first_seen == list(range(COUNT // PARTITIONS))


def test_a_record_in_a_long_backoff_does_not_delay_the_shutdown_and_is_not_committed(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1", b"2"])
    endpoint.decide = lambda one: RETRY if one.offset == 1 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [600]})
    sidecar.start()
    endpoint.wait_for(2)
    assert sidecar.stop() < PROMPT
    assert kafka.committed(name, topic) == {0: 1}
    assert endpoint.offsets() == [0, 1]
    endpoint.decide = lambda one: DELIVERED
    sidecar.start()
    wait_all_committed(kafka, name, topic)
    assert endpoint.offsets() == [0, 1, 1, 2]


def test_shutdown_finishes_and_commits_a_request_in_flight(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: Answer(delay=3)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(1)
    sidecar.stop()
    assert endpoint.offsets() == [0] and endpoint.requests[0].answered
    assert kafka.committed(name, topic) == {0: 1}


def test_a_hanging_endpoint_delays_the_shutdown_by_at_most_the_grace_period(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.decide = lambda one: Answer(hang=True)
    sidecar.settings["shutdown.grace.ms"] = 3000
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(1)
    assert sidecar.stop() < PROMPT
    assert kafka.committed(name, topic) == {0: 0}


def test_a_second_signal_exits_at_once(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.decide = lambda one: Answer(hang=True)
    sidecar.settings["shutdown.grace.ms"] = 600_000
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(1)
    sidecar.signal(signal.SIGTERM)
    wait_until_draining(sidecar)
    holds(lambda: sidecar.process.poll() is None, "the first signal waits for what is in flight", seconds=1)
    asked = time.monotonic()
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_exit() in (0, 1, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert time.monotonic() - asked < PROMPT
    assert kafka.committed(name, topic) == {0: 0}


def test_an_idle_process_exits_quickly_and_leaves_its_group(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint, {"consumer.override.session.timeout.ms": 300_000})
    sidecar.start()
    sidecar.wait_running(name)
    assert sidecar.stop() < PROMPT
    eventually(lambda: kafka.members(name) == [], lambda: kafka.members(name))


def test_drain_commits_finished_records_and_can_be_called_twice(kafka, sidecar, endpoint, name):
    topic = fill(kafka)
    endpoint.decide = lambda one: SLOWLY
    port = ports.free_port()
    sidecar.settings["rest.listen"] = f"127.0.0.1:{port}"
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(1500)
    for _ in range(2):
        drain = subprocess.run([sidecar.binary, "drain", "--url", f"http://127.0.0.1:{port}"], timeout=60, check=False,
                               env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert drain.returncode == 0, drain.stdout
    seen = len(endpoint.requests)
    assert seen < COUNT and sum(kafka.committed(name, topic).values()) == seen
    if sidecar.process.poll() is None:
        sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_exit() == 0
    assert len(endpoint.requests) == seen


def test_drain_stops_and_commits_while_the_process_keeps_running(kafka, sidecar, endpoint, name, binary):
    topic = fill(kafka)
    endpoint.decide = lambda one: SLOWLY
    port = ports.free_port()
    sidecar.settings["rest.listen"] = f"127.0.0.1:{port}"
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    endpoint.wait_for(500)
    for _ in range(2):
        subprocess.run([binary, "drain", "--url", f"http://127.0.0.1:{port}"], env=clean_environment(), timeout=60,
                       check=True)
        seen = len(endpoint.requests)
        assert sum(kafka.committed(name, topic).values()) == seen < COUNT
        assert not kafka.members(name)
    assert sidecar.probe("/readyz") == 503 and sidecar.probe("/livez") == 200
    sidecar.signal(signal.SIGTERM)
    assert sidecar.wait_exit() == 0
    assert len(endpoint.requests) == seen
    gone = subprocess.run([binary, "drain", "--url", f"http://127.0.0.1:{port}"], env=clean_environment(), timeout=60,
                          stderr=subprocess.PIPE, check=False)
    assert gone.returncode == 1 and str(port).encode() in gone.stderr
