"""Checks that something stays true during a test, by sampling and by comparing before and after."""

import contextlib
import os
import threading

from waiting import eventually

STRICT_TIMES = os.environ.get("STRICT_TIMES") == "1"


def in_time(what, seconds, bound=1.0, generous=20.0):
    """Prints and checks a duration. The exact bound applies only with STRICT_TIMES=1, for idle machines."""
    print(f"\n{what}: {seconds:.2f} s (bound {bound:g} s)")
    limit = bound if STRICT_TIMES else max(bound, generous)
    assert seconds <= limit, f"{what} took {seconds:.2f} s, more than {limit:g} s"


class Sampler:
    """Checks the metrics repeatedly during a test. `check` takes a scrape and returns a problem, or None.

    A context manager, which fails at its end with the first problem.
    """

    def __init__(self, sidecar, check, pause=0.03):
        self.samples = 0
        self.problems = []
        self._sidecar, self._check, self._pause = sidecar, check, pause
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, _):
        self._stop.set()
        self._thread.join()
        if kind is None:
            assert self.samples, "there was no sample"
            assert not self.problems, f"{len(self.problems)} of {self.samples} samples: {self.problems[0]}"

    def _run(self):
        while True:
            try:
                problem = self._check(self._sidecar.metrics())
            except Exception as error:      # pylint: disable=broad-except
                problem = repr(error)
            self.samples += 1
            if problem:
                self.problems.append(problem)
            if self._stop.wait(self._pause):
                return


def nothing_invalid(metrics):
    """A check: no definition is invalid."""
    if metrics.value("config_files", status="invalid") or metrics.value("connector_invalid"):
        return f"invalid: {metrics.series('connector_invalid')}"
    return None


def all_run(*connectors):
    """A check: each of these connectors runs and is valid."""
    def check(metrics):
        for one in connectors:
            if metrics.value("connector_state", connector=one, state="running") != 1:
                return f"{one} does not run: {metrics.series('connector_state', connector=one)}"
            if metrics.value("connector_invalid", connector=one) != 0:
                return f"{one} is invalid"
        return None
    return check


@contextlib.contextmanager
def undisturbed(kafka, sidecar, *connectors):
    """Asserts that these connectors keep their group members, and have no rebalance or restart within the context."""
    def observe():
        metrics = sidecar.metrics()
        return {one: (kafka.members(one), metrics.value("rebalances_total", connector=one),
                      metrics.value("connector_restarts_total", connector=one)) for one in connectors}

    before = observe()
    assert all(members for members, *_ in before.values()), f"not all have members: {before}"
    yield
    after = observe()
    differ = {one: (before[one], after[one]) for one in connectors if before[one] != after[one]}
    assert not differ, f"members, rebalances, restarts before and after: {differ}\n{sidecar.log.tail()}"


def wait_until_effective(kafka, topic, endpoint, target):
    """Produces records until one is delivered to this target; returns the requests to it."""
    def arrived():
        kafka.produce(topic, [b"x"])
        return [one for one in endpoint.of(topic) if one.target == target]
    return eventually(arrived, lambda: f"requests to {target}; last {[one.target for one in endpoint.of(topic)][-5:]}")
