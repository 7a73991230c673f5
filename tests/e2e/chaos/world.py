"""The system under test of a round: topics and a producer, an endpoint that records its requests, and the members."""

import contextlib
import http.client
import json
import threading
import time
import zlib

import answers
import kafka_cluster
from history import Attempt, History, Process, Record, Connector, read_commits
from endpoint import Endpoint
from rest import Rest
from sidecar import Sidecar, toml
from small_disk import mount_small_disk
from volume import Volume
from waiting import eventually
from writer import STALL_TIMEOUT, Topic, Writer

NEVER_ACCEPTED = 40       # one in this many records, in connectors that drop
READ_TIMEOUT = 5_000
LONG_BACKOFF = [1] * 600
SHORT_BACKOFF = [0.1, 0.2]
EARLY_RECORDS = 20          # records in each partition before the group of `latest` starts


class Member:
    """One member: a configuration of the program and its processes. Each process sends its name to the endpoint."""

    def __init__(self, name, binary, directory, bootstrap, shared):
        self.name = name
        self.sidecar = Sidecar(binary, directory / name, bootstrap)
        # At debug the log is not rate-limited: the checker needs every line.
        self.sidecar.settings.update({"log.level": "debug", "connectors.dir": str(shared / "connectors"),
                                      "secrets.dirs": [str(shared / "secrets")],
                                      # Reconnects to a restarted broker after 1 s instead of 10 s.
                                      "kafka.reconnect.backoff.max.ms": 1000})
        self.rest = Rest(self.sidecar)
        self.processes = []

    @property
    def runs(self):
        return self.sidecar.process is not None

    def start(self):
        process = Process(f"{self.name}{len(self.processes) + 1}", time.time())
        self.processes.append(process)
        try:
            self.sidecar.start(environment={"CHAOS_LIFE": process.name})
        finally:
            process.lines = self.sidecar.log.lines

    def kill(self):
        self.processes[-1].end, self.processes[-1].how = time.time(), "killed"
        self.sidecar.kill()

    def terminate(self):
        """Stops the process gracefully, which must succeed."""
        self.processes[-1].how = "left"
        self.scrape()
        self.sidecar.stop(timeout=STALL_TIMEOUT)
        self.processes[-1].end = time.time()

    def scrape(self, final=False):
        metrics = self.sidecar.metrics()
        names = [labels["connector"] for labels, _ in metrics.series("connector_info")]
        # A topic has no series until it is assigned.
        process = self.processes[-1]
        process.dropped = {name: metrics.value("records_dropped_total", connector=name) or 0 for name in names}
        process.lost = {(labels["topic"], labels["reason"]): value
                        for labels, value in metrics.series("records_lost_total")}
        process.final = final


class Definitions:
    """The connector definitions that all members share: a ConfigMap volume, or plain files saved by rename."""

    def __init__(self, shared, volume):
        self._directory = shared / "connectors"
        self._directory.mkdir(parents=True)
        self._volume = Volume(self._directory) if volume else None
        self._secrets = Volume(shared / "secrets")
        self.secret = f"file:{shared / 'secrets' / 'token'}"
        self.keys = {}              # connector -> its configuration
        self.generations = {}       # secret -> when it became valid

    def edit(self, connector, changes):
        self.keys[connector] = {**self.keys[connector], **changes}
        self.write()

    def write(self):
        texts = {f"{name}.toml": toml(keys) for name, keys in self.keys.items()}
        if self._volume:
            self._volume.update(texts)
            return
        for name, text in texts.items():
            path = self._directory / name
            if not path.exists() or path.read_text() != text:
                whole = self._directory / f".{name}.new"
                whole.write_text(text)
                whole.rename(path)

    def rotate(self):
        newest = f"generation-{len(self.generations)}"
        self.generations[newest] = time.time()
        self._secrets.update({"token": newest})


def rest_config(keys):
    """Returns a configuration with the string values that REST takes."""
    return {key: json.dumps(value) if isinstance(value, dict) else
            ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            for key, value in keys.items()}


class World:
    """The system under test of one round, created anew except for the broker. A context manager."""

    def __init__(self, binary, broker, directory, volume):
        self.broker = broker
        self.kafka = kafka_cluster.KafkaCluster(broker.bootstrap)
        self.cluster = threading.Lock()     # held while the broker is down and while topics are changed
        self.fault = None           # the current fault of the endpoint
        self.rejected_topics = {}           # kind of fault -> a topic whose records the endpoint asks to retry
        self.windows, self.recreations, self.deletions, self.early = [], [], [], set()
        self.failures = []          # texts
        shared = directory / "shared"
        self.definitions = Definitions(shared, volume)
        self.endpoint = Endpoint(self._decide)
        self.connectors, self.topics, self._names = [], {}, {}
        self._create_connectors()
        self.members = [Member(name, binary, directory, broker.bootstrap, shared) for name in "abc"]
        self.main = self.members[0]
        self.undo_disk = mount_small_disk(self.main.sidecar.state)
        self.writer = Writer(broker.bootstrap, self.topics)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        for member in self.members:
            if member.runs:
                member.sidecar.process.kill()
                member.sidecar.process.wait()
        self.writer.abandon()
        self.endpoint.close()
        if self.undo_disk:
            self.undo_disk()

    # Connectors

    def _create_connectors(self):
        self.definitions.rotate()
        self.dead_letters = self.kafka.topic(2)
        stop = {"exception.strategy": "PROGRESS_BACK_OFF_STOP_TASK", "retry.backoff.sec": SHORT_BACKOFF + LONG_BACKOFF}
        drop = {"exception.strategy": "PROGRESS_BACK_OFF_DROP_MESSAGE", "retry.backoff.sec": SHORT_BACKOFF}
        self._add_connector("ordered", [4], "partition", {**stop, "tasks.max": 2})
        self._add_connector("keyed", [3], "key", {**drop, "errors.deadletterqueue.topic.name": self.dead_letters},
                            dead_letters=True, stops=("dead letter too large",))
        self._add_connector("free", [2, 2], "none", {**drop, "callback.timeout.read.ms": 4 * READ_TIMEOUT})
        # More topics that match are created later.
        self.regex_prefix = kafka_cluster.unique("growing")
        self._add_connector("latest", [2, 1], "partition", {**stop, "topics.regex": f"{self.regex_prefix}-.*",
                                                            "consumer.override.auto.offset.reset": "latest"})
        # A small queue, so that it fetches across deleted records.
        self._add_connector("sticky", [4], "key", {
            **stop, "tasks.max": 2, "delivery.queue.max.bytes": 16_384,
            "consumer.override.partition.assignment.strategy": "cooperative-sticky"})
        self._rest_config = self._add_connector("made", [2], "key", stop, stops=("stop by strategy",))
        self.definitions.write()

    def _add_connector(self, role, partitions, ordering, keys, dead_letters=False, stops=()):
        """`role` is its name in the schedule; the connector itself has a unique name."""
        name = self._names[role] = kafka_cluster.unique(role)
        regex = "topics.regex" in keys
        topics = [self.kafka.topic(count, name=f"{self.regex_prefix}-{number}" if regex else None)
                  for number, count in enumerate(partitions)]
        self.topics.update({topic: Topic(count, count) for topic, count in zip(topics, partitions)})
        drops = keys["exception.strategy"].endswith("DROP_MESSAGE")
        self.connectors.append(Connector(name, topics, ordering, len(SHORT_BACKOFF) + 1 if drops else None,
                                         dead_letters, stops))
        keys = {"callback.request.url": self.endpoint.url, "delivery.ordering": ordering,
                "callback.request.headers": self.headers(0), "callback.timeout.read.ms": READ_TIMEOUT,
                "request.retry.backoff.sec": SHORT_BACKOFF + LONG_BACKOFF,
                "consumer.override.topic.metadata.refresh.interval.ms": 1000,
                "consumer.override.session.timeout.ms": 5000, "consumer.override.heartbeat.interval.ms": 500,
                **({} if regex else {"topics": list(topics)}), **keys}
        if role != "made":
            self.definitions.keys[name] = keys
        return keys

    def headers(self, edit):
        return {"X-Process": "${env:CHAOS_LIFE}", "X-Secret": "${" + self.definitions.secret + "}", "X-Edit": str(edit)}

    def name(self, role):
        return self._names[role]

    def connector(self, role):
        return next(one for one in self.connectors if one.name == self._names[role])

    def edit(self, role, changes):
        if role == "made":
            self.call("PATCH", f"/connectors/{self.name(role)}/config", rest_config(changes), statuses=(200,))
        else:
            self.definitions.edit(self.name(role), changes)

    def call(self, method, path, body=None, statuses=(200, 202, 204)):
        """Calls REST of the main member, retrying while its process is down; returns the Reply."""
        last = None

        def answered():
            nonlocal last
            try:
                last = self.main.rest.call(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                last = error
                return False
            return last.status in statuses
        eventually(answered, lambda: f"{method} {path} answers {statuses}; it is {last}", STALL_TIMEOUT)
        return last

    @contextlib.contextmanager
    def suspended(self, role, how):
        """Pauses or stops (`how`: pause, stop) the connector in the main member for the duration of the context."""
        path = f"/connectors/{self.name(role)}"
        self.call("PUT", f"{path}/{how}")
        try:
            yield
        finally:
            self.call("PUT", f"{path}/resume")

    def restart_failed(self, role):
        """Restarts the connector until no member reports it as FAILED."""
        path = f"/connectors/{self.name(role)}"

        def restarted(member):
            try:
                if b'"FAILED"' not in member.rest.call("GET", f"{path}/status").body:
                    return True
                member.rest.call("POST", f"{path}/restart?onlyFailed=true&includeTasks=true")
                return False
            except (OSError, http.client.HTTPException):
                return not member.runs      # it is starting or stopping
        eventually(lambda: all(restarted(one) for one in self.members if one.runs), f"{path} runs", STALL_TIMEOUT)

    def start(self):
        for topic in self.connector("latest").topics:
            self.writer.fill(topic, range(self.topics[topic].partitions), EARLY_RECORDS)
        self.writer.flush()
        self.early = set(self.writer.acked)
        self.main.start()
        self.main.rest.create(self.name("made"), rest_config(self._rest_config)).must(201)
        self.main.sidecar.wait_running(*self._names.values())
        self.writer.start()

    # The endpoint

    def _decide(self, request):
        request.header_list = ()
        decided, verdict = answers.answer(request, self.fault, self._never_accepted)
        request.verdict = verdict
        return decided

    def _never_accepted(self, request):
        drops = any(request.topic in one.topics for one in self.connectors if one.drops_after)
        return (request.topic in self.rejected_topics.values()
                or drops and zlib.crc32(request.body) % NEVER_ACCEPTED == 7)

    # The end of a round

    def drain(self):
        """Waits until everything is committed, which needs a working endpoint and broker. Then stops all members."""
        self.writer.stop()
        self._wait_for_newest_secret()
        wait_until_committed(self)
        for member in self.members:
            if member.runs:
                member.scrape(final=True)
                member.terminate()

    def _wait_for_newest_secret(self):
        """Waits until every connector sends the newest secret."""
        newest = list(self.definitions.generations)[-1]
        for connector in self.connectors:
            def arrived(topic=connector.topics[0]):
                self.writer.write(topic)
                self.writer.flush()
                return any(one.headers.get("x-secret") == newest for one in self.endpoint.requests[-100:]
                           if one.topic == topic)
            eventually(arrived, f"{connector.name} sends the newest secret", STALL_TIMEOUT)

    def progress(self):
        """Returns what is not committed yet: {(topic, partition): (committed, end)}."""
        left = {}
        for connector in self.connectors:
            for topic in connector.topics:
                committed, ends = self.kafka.committed(connector.name, topic), self.kafka.ends(topic)
                left.update({(topic, one): (committed[one], ends[one]) for one in ends if committed[one] != ends[one]})
        return left

    def history(self):
        groups = {kafka_cluster.group_of(connector.name) for connector in self.connectors}
        requests = list(self.endpoint.requests)
        records = {acked.number: record for record, acked in self.writer.acked.items()}

        def record_of(topic_partition, number):
            """Finds the incarnation by the record's number, at the position that the request states."""
            record = records.get(number)
            return record if record and record[:3] == topic_partition else Record(*topic_partition)
        wall_time = lambda one, at: None if at is None else one.wall + at - one.time
        return History(
            connectors=self.connectors, acked=self.writer.acked,
            attempts=[Attempt(record_of(one.record, int(one.body)), int(one.body), one.key,
                              one.headers.get("x-process"), one.wall, wall_time(one, one.finished), one.verdict,
                              one.connection,
                              one.headers.get("x-secret")) for one in requests],
            processes=[process for member in self.members for process in member.processes],
            commits=read_commits(self.kafka.read("__consumer_offsets"), groups, self.recreations),
            dead_letters=[record_of(source_of(one), int(one.value())) for one in self.kafka.read(self.dead_letters)],
            windows=self.windows, secrets=self.definitions.generations, recreations=self.recreations,
            deletions=self.deletions, early=self.early)


def source_of(letter):
    events = dict(letter.headers())
    return (events["__connect.errors.topic"].decode(), int(events["__connect.errors.partition"]),
            int(events["__connect.errors.offset"]))


def wait_until_committed(world):
    """Waits until all groups have committed to the end. Fails when no offset has moved for STALL_TIMEOUT seconds."""
    last, moved = None, time.monotonic()
    while left := world.progress():
        if left != last:
            last, moved = left, time.monotonic()
        if time.monotonic() - moved > STALL_TIMEOUT:
            raise AssertionError(f"no progress for {STALL_TIMEOUT} s; committed and end: {left}\n"
                                 f"{world.main.sidecar.log.tail(60)}")
        time.sleep(0.3)
