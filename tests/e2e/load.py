"""A background producer for tests, and checks of how its records were delivered."""

import collections
import threading
import time

from waiting import eventually

_TICK = 0.05


class Load:
    """Produces `rate` records per second until it is stopped; the bodies are numbers from 0 on.

    A context manager. `count` is the number of records so far. Keys are used in turn, each with its own partition.
    """

    def __init__(self, kafka, topic, rate, partitions=1, keys=1):
        self.count = 0
        self._kafka, self._topic, self._rate = kafka, topic, rate
        self._partitions, self._keys = partitions, keys
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load")
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _run(self):
        producer = self._kafka.producer()
        started = time.monotonic()
        while not self._stop.wait(_TICK):
            due = int((time.monotonic() - started) * self._rate)
            self._kafka.produce_records(self._topic, (
                {"partition": n % self._keys % self._partitions, "key": b"key-%d" % (n % self._keys),
                 "value": b"%d" % n} for n in range(self.count, due)), producer)
            self.count = due

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.count


def assert_once(count, requests):
    """Asserts that the requests have each of the `count` records of a Load exactly once."""
    times = collections.Counter(int(one.body) for one in requests)
    missing = [number for number in range(count) if number not in times]
    repeated = [number for number, seen in times.items() if seen > 1]
    assert not missing, f"{len(missing)} of {count} records are missing: {missing[:20]}"
    assert not repeated, f"{len(repeated)} of {count} records are repeated: {repeated[:20]}"
    assert len(times) == count


def assert_all_once(kafka, connector, topic, count, *endpoints):
    """Waits until the connector has committed the whole topic; the endpoints must have each record exactly once."""
    eventually(lambda: kafka.all_committed(connector, topic),
               lambda: f"everything is committed; actual: {kafka.committed(connector, topic)}")
    assert_once(count, [one for endpoint in endpoints for one in endpoint.of(topic)])
