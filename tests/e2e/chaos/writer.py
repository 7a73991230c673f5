"""The producer of a round, and the state of its topics."""

import collections
import dataclasses
import functools
import os
import threading
import time

import confluent_kafka

from history import Acked, Record
from waiting import eventually

RATE = int(os.environ.get("CHAOS_RATE", "150"))     # records a second, over all topics
KEYS = 20
# Large enough to fill the queue of the connector with the smallest one.
VALUE = b"%0256d"
STALL_TIMEOUT = 120       # seconds without progress that count as a hang


@dataclasses.dataclass
class Topic:
    """The current state of a topic in Kafka."""
    made_with: int          # number of partitions at creation
    partitions: int
    incarnation: int = 0    # how many times it was recreated
    paused: bool = False     # nothing is written to it


class Writer(threading.Thread):
    """Produces numbered, keyed records to all topics from `start` to `stop`; `acked` are the acknowledged ones.

    A changed topic gets a new producer: an idempotent producer cannot continue in another log, and has stale metadata.
    """

    def __init__(self, bootstrap, topics):
        super().__init__(name="writer")
        self.acked = {}             # Record -> Acked
        self.failed = []
        self._topics = topics       # name -> Topic
        self._lock = threading.RLock()      # guards all members below, and the topics
        self._numbers = 0
        self._written = collections.Counter()       # by topic
        self._pending = collections.Counter()       # unacknowledged, by topic
        self._over = threading.Event()
        self._settings = {
            "bootstrap.servers": bootstrap, "log_level": 2, "enable.idempotence": True, "acks": "all", "linger.ms": 5,
            "message.timeout.ms": 600_000}
        self._shared = confluent_kafka.Producer(self._settings)
        self._own = {}              # topic -> its producer

    def run(self):
        started, sent = time.monotonic(), 0
        while not self._over.wait(0.05):
            due = int((time.monotonic() - started) * RATE)
            with self._lock:
                topics = list(self._topics)
                for number in range(sent, due):
                    topic = topics[number % len(topics)]
                    if not self._topics[topic].paused:
                        self.write(topic)
            sent = due
            self._poll()

    def write(self, topic, partition=None):
        """Writes one record, by default to the partition of its key."""
        with self._lock:
            number, self._numbers = self._numbers, self._numbers + 1
            key = self._written[topic] % KEYS
            self._written[topic] += 1
            self._pending[topic] += 1
            state = self._topics[topic]
            self._own.get(topic, self._shared).produce(
                topic, VALUE % number, b"key-%d" % key, key % state.partitions if partition is None else partition,
                on_delivery=functools.partial(self._done, state.incarnation))

    def fill(self, topic, partitions, count):
        """Writes `count` records to each of these partitions at once."""
        for partition in list(partitions) * count:
            self.write(topic, partition)

    def _done(self, incarnation, error, message):
        with self._lock:
            self._pending[message.topic()] -= 1
            if error:
                self.failed.append(f"{message.topic()}[{message.partition()}]: {error}")
                return
            record = Record(message.topic(), message.partition(), message.offset(), incarnation)
            self.acked[record] = Acked(int(message.value()), message.key(), time.time())

    def _poll(self):
        with self._lock:
            producers = [self._shared, *self._own.values()]
        for one in producers:
            one.poll(0)

    # Changed topics

    def add(self, topic, partitions):
        """Adds an existing topic."""
        with self._lock:
            self._topics[topic] = Topic(partitions, partitions)

    def pause(self, topic):
        """Stops writing to the topic, and waits until all its records are acknowledged."""
        with self._lock:
            self._topics[topic].paused = True
        self._wait(topic)

    def resume(self, topic, partitions, incarnation):
        """Writes to the changed topic again."""
        with self._lock:
            if topic in self._own:
                self._wait(topic)
            state = self._topics[topic]
            state.partitions, state.incarnation, state.paused = partitions, incarnation, False
            self._own[topic] = confluent_kafka.Producer(self._settings)

    def _wait(self, topic):
        def acknowledged():
            self._poll()
            return not self._pending[topic] or self.failed
        eventually(acknowledged, lambda: f"{self._pending[topic]} records of {topic} are acknowledged", STALL_TIMEOUT)

    # The end of a round

    def stop(self):
        """Stops, and waits until the broker has acknowledged everything."""
        self.abandon()
        self.flush()

    def abandon(self):
        self._over.set()
        if self.is_alive():
            self.join()

    def flush(self):
        for topic in list(self._topics):
            self._wait(topic)
        assert not self.failed, f"{len(self.failed)} failed: {self.failed[:3]}"
