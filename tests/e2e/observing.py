"""What must not happen while something else does: seen by sampling, and by comparing before and after."""

import contextlib
import os
import threading

from waiting import eventually

STRICT_TIMES = os.environ.get("STRICT_TIMES") == "1"


def in_time(what, seconds, bound=1.0, generous=20.0):
    """Prints how long it took. The machine may be busy: only STRICT_TIMES=1 holds it to the bound itself."""
    print(f"\n{what}: {seconds:.2f} s (bound {bound:g} s)")
    limit = bound if STRICT_TIMES else max(bound, generous)
    assert seconds <= limit, f"{what} took {seconds:.2f} s, more than {limit:g} s"


class Sampler:
    """Judges the metrics again and again beside the test. `judge` takes a scrape and returns what is wrong, or None.

    A context manager, which at its end fails with the first that was wrong.
    """

    def __init__(self, sidecar, judge, pause=0.03):
        self.samples = 0
        self.wrong = []
        self._sidecar, self._judge, self._pause = sidecar, judge, pause
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
            assert not self.wrong, f"{len(self.wrong)} of {self.samples} samples: {self.wrong[0]}"

    def _run(self):
        while True:
            try:
                wrong = self._judge(self._sidecar.metrics())
            except Exception as error:      # pylint: disable=broad-except
                wrong = repr(error)
            self.samples += 1
            if wrong:
                self.wrong.append(wrong)
            if self._stop.wait(self._pause):
                return


def nothing_invalid(metrics):
    """A judge: no definition is shown as invalid."""
    if metrics.value("config_files", status="invalid") or metrics.value("connector_invalid"):
        return f"invalid: {metrics.series('connector_invalid')}"
    return None


def all_run(*connectors):
    """A judge: each of these is there, runs and is valid."""
    def judge(metrics):
        for one in connectors:
            if metrics.value("connector_state", connector=one, state="running") != 1:
                return f"{one} does not run: {metrics.series('connector_state', connector=one)}"
            if metrics.value("connector_invalid", connector=one) != 0:
                return f"{one} is invalid"
        return None
    return judge


@contextlib.contextmanager
def undisturbed(kafka, sidecar, *connectors):
    """Within it each of these keeps its members at the broker, sees no rebalance and is not restarted."""
    def look():
        metrics = sidecar.metrics()
        return {one: (kafka.members(one), metrics.value("rebalances_total", connector=one),
                      metrics.value("connector_restarts_total", connector=one)) for one in connectors}

    before = look()
    assert all(members for members, *_ in before.values()), f"not all have members: {before}"
    yield
    after = look()
    differ = {one: (before[one], after[one]) for one in connectors if before[one] != after[one]}
    assert not differ, f"members, rebalances, restarts before and after: {differ}\n{sidecar.log.tail()}"


def effective(kafka, topic, endpoint, target):
    """Until a record is delivered to this target; returns the requests to it."""
    def arrived():
        kafka.produce(topic, [b"x"])
        return [one for one in endpoint.of(topic) if one.target == target]
    return eventually(arrived, lambda: f"requests to {target}; last {[one.target for one in endpoint.of(topic)][-5:]}")
