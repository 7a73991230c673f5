"""The producer of a round, and the topics that it writes to."""

import collections
import dataclasses
import functools
import os
import threading
import time

import confluent_kafka

from books import Acked, Record
from waiting import eventually

RATE = int(os.environ.get("CHAOS_RATE", "150"))     # records a second, of all topics together
KEYS = 20
# So many bytes a value: some connector holds fewer of them than may wait.
VALUE = b"%0256d"
STALLED = 120       # seconds without any progress, until it counts as a hang


@dataclasses.dataclass
class Topic:
    """As it is in Kafka now."""
    made_with: int          # partitions, when it was created
    partitions: int
    incarnation: int = 0    # how often it was deleted and recreated
    held: bool = False      # nothing is written to it


class Writer(threading.Thread):
    """Produces numbered, keyed records to all topics from `start` to `stop`; `acked` is what the broker acknowledged.

    A topic that was changed gets a producer of its own: an idempotent one can't go on in another log, and what it
    knows of the partitions is old.
    """

    def __init__(self, bootstrap, topics):
        super().__init__(name="writer")
        self.acked = {}             # Record -> Acked
        self.failed = []
        self._topics = topics       # name -> Topic
        self._lock = threading.RLock()      # guards the topics and all that follows
        self._numbers = 0
        self._written = collections.Counter()       # by topic
        self._pending = collections.Counter()       # not acknowledged, by topic
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
                    if not self._topics[topic].held:
                        self.write(topic)
            sent = due
            self._poll()

    def write(self, topic, partition=None):
        """Where its key belongs, unless told."""
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
        """At once, so many records to each of these partitions."""
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

    # Topics that change

    def add(self, topic, partitions):
        """A new topic, which is there already."""
        with self._lock:
            self._topics[topic] = Topic(partitions, partitions)

    def hold(self, topic):
        """Writes nothing to the topic any more; returns when all that was written is acknowledged."""
        with self._lock:
            self._topics[topic].held = True
        self._wait(topic)

    def go_on(self, topic, partitions, incarnation):
        """The topic has become this one."""
        with self._lock:
            if topic in self._own:
                self._wait(topic)
            state = self._topics[topic]
            state.partitions, state.incarnation, state.held = partitions, incarnation, False
            self._own[topic] = confluent_kafka.Producer(self._settings)

    def _wait(self, topic):
        def acknowledged():
            self._poll()
            return not self._pending[topic] or self.failed
        eventually(acknowledged, lambda: f"{self._pending[topic]} records of {topic} are acknowledged", STALLED)

    # The end

    def stop(self):
        """Until the broker has acknowledged everything."""
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
