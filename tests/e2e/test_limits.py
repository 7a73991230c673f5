"""A process with too few file descriptors for its connectors.

    KAFKA_HTTP_SINK=build/dev/src/kafka-http-sink DESCRIPTORS=1024 CONNECTORS=150 pytest -s tests/e2e/test_limits.py
"""

import os
import time

import pytest

import kafka_cluster
from rest import Rest
from sidecar import Sidecar
from waiting import eventually

DESCRIPTORS = int(os.environ.get("DESCRIPTORS", "256"))
CONNECTORS = int(os.environ.get("CONNECTORS", "14"))
PATIENCE = 60 + CONNECTORS


class LimitedSidecar(Sidecar):
    """The program with a soft and a hard limit of file descriptors."""

    limits = f"{DESCRIPTORS}:{DESCRIPTORS}"

    def _launch(self, config, arguments, environment):
        command, variables = super()._launch(config, arguments, environment)
        return ["prlimit", f"--nofile={self.limits}", *command], variables


@pytest.fixture
def limited(binary, kafka, tmp_path):
    one = LimitedSidecar(binary, tmp_path / "sidecar", kafka.bootstrap)
    yield one
    one.end_of_test()


def in_state(sidecar, state):
    return {labels["connector"] for labels, value in sidecar.metrics().series("connector_state")
            if labels["state"] == state and value == 1}


def test_the_soft_limit_is_raised_to_the_hard_limit(binary, tmp_path):
    sidecar = LimitedSidecar(binary, tmp_path / "sidecar", "127.0.0.1:1")
    sidecar.limits = "64:500"
    sidecar.start()
    try:
        assert sidecar.value("process_max_fds") == 500 and sidecar.value("file_descriptors_reserved") == 100
        sidecar.log.wait_for("file descriptor limit", "limit=500", "raised_from=64", "reserved=100")
    finally:
        sidecar.end_of_test()


def test_connectors_beyond_the_limit_are_refused_and_everything_else_works(limited, kafka, endpoint):
    """Probes, REST, state, the directory and shutdown work; refused connectors start when others are removed."""
    api, topic = Rest(limited), kafka.topic()
    names = [kafka_cluster.unique(f"fits-{i:03}") for i in range(CONNECTORS)]
    for name in names:
        limited.connector(name, topic, endpoint)
    began = time.monotonic()
    limited.start()
    took = {"startupz": time.monotonic() - began}
    assert limited.probe("/livez") == 200
    refused = eventually(lambda: in_state(limited, "failed"), "some connectors are refused", PATIENCE)
    eventually(lambda: len(in_state(limited, "running")) + len(in_state(limited, "failed")) == CONNECTORS,
               lambda: f"all others run; log:\n{limited.log.tail()}", PATIENCE)
    running, refused = in_state(limited, "running"), in_state(limited, "failed")
    took["running"] = time.monotonic() - began
    # The first by name run, and more than half of what the limit allows at best.
    assert running == set(sorted(names)[:len(running)]) and len(running) >= DESCRIPTORS // 28
    assert limited.value("connectors_refused") == len(refused) > 0
    eventually(lambda: len(limited.log.find("connector refused")) == len(refused), lambda: limited.log.tail())

    status = api.get(f"/connectors/{max(refused)}/status").json
    assert status["connector"]["state"] == "FAILED" and status["tasks"] == []
    assert f"the limit is {DESCRIPTORS}" in status["connector"]["trace"]
    kafka.produce(topic, [b"one record"])
    eventually(lambda: len(endpoint.of(topic)) >= len(running), "all running connectors deliver", PATIENCE)
    assert limited.probe("/readyz") == 200
    # State is written, and a refused connector can be stopped and started.
    assert api.put(f"/connectors/{max(refused)}/stop").status == 204
    eventually(lambda: limited.value("connectors_refused") == len(refused) - 1, "one fewer is refused")
    assert api.put(f"/connectors/{max(refused)}/resume").status == 202
    slowest = 0.0
    for _ in range(20):
        asked = time.monotonic()
        assert limited.probe("/livez") == 200
        slowest = max(slowest, time.monotonic() - asked)
    took["livez, slowest of 20"] = slowest

    began = time.monotonic()
    for name in sorted(running)[:len(refused)]:
        limited.remove(name)
    eventually(lambda: refused & in_state(limited, "running"), "a refused connector runs", PATIENCE)
    took["removed until the first runs"] = time.monotonic() - began
    left = set(names) - set(sorted(running)[:len(refused)])
    room = min(len(left), len(running))
    eventually(lambda: len(in_state(limited, "running")) >= room, lambda: f"{room} run; log:\n{limited.log.tail()}",
               PATIENCE)
    took["removed until as many run"] = time.monotonic() - began
    took["stop"] = limited.stop(PATIENCE)
    print({what: round(seconds, 2) for what, seconds in took.items()}, len(running), "ran at first")
