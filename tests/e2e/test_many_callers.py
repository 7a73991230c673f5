"""Concurrent callers create, pause, resume and delete connectors, and each gets the requested result.

CONNECTORS (20; the full size is 200) and CALLERS (16); -s prints the figures. STRICT_TIMES=1 asserts the bound of GET,
which a separate process measures, because the threads of a test delay each other.
"""

import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import time

import kafka_cluster
from observing import STRICT_TIMES
from rest import definition
from waiting import eventually

CONNECTORS = int(os.environ.get("CONNECTORS", "20"))
CALLERS = int(os.environ.get("CALLERS", "16"))
BOUND, GENEROUS = 0.020, 10.0   # seconds, p99 of GET


class Times:
    """Durations of calls by kind."""

    def __init__(self):
        self._lock = threading.Lock()
        self._seconds = {}

    def of(self, what, call):
        begun = time.monotonic()
        result = call()
        with self._lock:
            self._seconds.setdefault(what, []).append(time.monotonic() - begun)
        return result

    @contextlib.contextmanager
    def of_another_process(self, what, port, *paths):
        """GETs these paths repeatedly from another process within the context."""
        script = pathlib.Path(__file__).resolve().parent / "get_times.py"
        with subprocess.Popen([sys.executable, script, str(port), *paths], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            yield
            out, _ = process.communicate(timeout=60)
        self._seconds[what] = json.loads(out)

    def p(self, share, what):
        ordered = sorted(self._seconds[what])
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    def summary(self):
        return "".join(f"\n{what:14} {len(seen):6} calls, p50 {self.p(0.5, what) * 1000:7.1f} ms, "
                       f"p99 {self.p(0.99, what) * 1000:7.1f} ms, max {max(seen) * 1000:7.1f} ms"
                       for what, seen in sorted(self._seconds.items()))


def all_at_once(call, items):
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(call, items))


def test_concurrent_callers_each_get_the_requested_result(rest, kafka, endpoint, name):
    topic, times = kafka.topic(), Times()
    names = [f"{name}-{n}" for n in range(CONNECTORS)]
    rest.sidecar.start()

    def get(path):
        return times.of("GET", lambda: rest.get(path).must(200))

    def make(one):
        times.of("POST", lambda: rest.create(one, definition(topic, f"{endpoint.url}/{one}")).must(201))
        assert get(rest.at(one)).json["name"] == one
        assert one in get("/connectors").json

    def pause(one):
        times.of("PUT", lambda: rest.put(rest.at(one, "pause")).is_empty(202))
        get(rest.at(one, "status"))

    def resume(one):
        get(rest.at(one, "config"))
        times.of("PUT", lambda: rest.put(rest.at(one, "resume")).is_empty(202))

    def delete(one):
        times.of("DELETE", lambda: rest.delete(rest.at(one)).is_empty(204))
        times.of("GET", lambda: rest.get(rest.at(one, "status")).is_error(404))

    paths = ["/connectors", *(rest.at(names[0], what) for what in ("", "config", "status"))]
    with times.of_another_process("GET alone", rest.port, *paths):
        all_at_once(make, names)
        assert rest.names() == sorted(names)
        all_at_once(pause, names)
        all_in(rest, names, "PAUSED")
        all_at_once(resume, names)
        all_in(rest, names, "RUNNING")
    eventually(lambda: all(len(kafka.members(one)) == 1 for one in names), "each group has its member")
    kafka.produce(topic, [b"x"])
    endpoint.wait_for(CONNECTORS)
    assert sorted(one.target for one in endpoint.requests) == sorted(f"/records/{one}" for one in names)
    eventually(lambda: all(kafka.all_committed(one, topic) for one in names), "everything is committed")
    all_at_once(delete, names[1:])
    assert rest.names() == names[:1]
    eventually(lambda: not any(kafka.members(one) for one in names[1:]), "their members have left", 120)
    rest.sidecar.restart()
    assert rest.names() == names[:1]
    rest.wait_running(names[0])
    assert len(endpoint.requests) == CONNECTORS

    print(f"\n{CONNECTORS} connectors, {CALLERS} callers{times.summary()}")
    assert times.p(0.99, "GET alone") < (BOUND if STRICT_TIMES else GENEROUS)


def all_in(rest, names, state):
    def seen():
        return {one: (status["status"]["connector"]["state"], [task["state"] for task in status["status"]["tasks"]])
                for one, status in rest.get("/connectors?expand=status").must(200).json.items()}
    eventually(lambda: seen() == {one: (state, [state]) for one in names}, seen, 180)


def test_concurrent_calls_for_one_name_are_serialized(rest, kafka, endpoint):
    rest.sidecar.start()
    name, topic = kafka_cluster.unique("contended"), kafka.topic()

    made = all_at_once(lambda n: rest.create(name, definition(topic, f"{endpoint.url}/{n}"), "STOPPED"), range(CALLERS))
    assert sorted(one.status for one in made) == [201] + [409] * (CALLERS - 1)
    (winner,) = [one for one in made if one.status == 201]
    assert rest.config(name) == winner.json["config"]

    changed = all_at_once(lambda n: rest.put(rest.at(name, "config"), definition(topic, f"{endpoint.url}/put-{n}")),
                          range(CALLERS))
    assert {one.status for one in changed} == {200}
    assert rest.config(name) in [one.json["config"] for one in changed]

    patched = all_at_once(lambda n: rest.patch(rest.at(name, "config"), {f"consumer.override.client.id": f"c{n}"}),
                          range(CALLERS))
    assert {one.status for one in patched} == {200}
    assert rest.config(name) in [one.json["config"] for one in patched]

    deleted = all_at_once(lambda n: rest.delete(rest.at(name)), range(CALLERS))
    assert sorted(one.status for one in deleted) == [204] + [404] * (CALLERS - 1)
    rest.sidecar.restart()
    assert rest.names() == []
