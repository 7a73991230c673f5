"""What the faults are done to: topics and a producer, an endpoint that keeps its books, members that come and go."""

import contextlib
import http.client
import json
import threading
import time
import zlib

import answers
import kafka_cluster
from books import Attempt, Books, Life, Record, Sink, read_commits
from endpoint import Endpoint
from rest import Rest
from sidecar import Sidecar, toml
from small_disk import mount_small_disk
from volume import Volume
from waiting import eventually
from writer import STALLED, Topic, Writer

HOPELESS = 40       # one record in so many, where a connector drops
READ_TIMEOUT = 5_000
LONG = [1] * 600
SHORT = [0.1, 0.2]
EARLY = 20          # records in each partition before the group of `latest` begins


class Member:
    """One configuration of the program; each of its processes is a life, which tells its name to the endpoint."""

    def __init__(self, name, binary, directory, bootstrap, shared):
        self.name = name
        self.sidecar = Sidecar(binary, directory / name, bootstrap)
        # At debug no line is left out, however often its event comes: the ledger needs each.
        self.sidecar.settings.update({"log.level": "debug", "connectors.dir": str(shared / "connectors"),
                                      "secrets.dirs": [str(shared / "secrets")],
                                      # A broker that is back is noticed then, and not after 10 s.
                                      "kafka.reconnect.backoff.max.ms": 1000})
        self.rest = Rest(self.sidecar)
        self.lives = []

    @property
    def runs(self):
        return self.sidecar.process is not None

    def start(self):
        life = Life(f"{self.name}{len(self.lives) + 1}", time.time())
        self.lives.append(life)
        try:
            self.sidecar.start(environment={"CHAOS_LIFE": life.name})
        finally:
            life.lines = self.sidecar.log.lines

    def kill(self):
        self.lives[-1].end, self.lives[-1].how = time.time(), "killed"
        self.sidecar.kill()

    def terminate(self):
        """A graceful end, which must succeed."""
        self.lives[-1].how = "left"
        self.scrape()
        self.sidecar.stop(timeout=STALLED)
        self.lives[-1].end = time.time()

    def scrape(self, final=False):
        metrics = self.sidecar.metrics()
        names = [labels["connector"] for labels, _ in metrics.series("connector_info")]
        # None of a topic until it is assigned.
        self.lives[-1].dropped = {name: metrics.value("records_dropped_total", connector=name) or 0 for name in names}
        self.lives[-1].lost = {(labels["topic"], labels["reason"]): value
                               for labels, value in metrics.series("records_lost_total")}
        self.lives[-1].final = final


class Definitions:
    """The directory of definitions that all members share: a ConfigMap volume, or plain files that an editor saves."""

    def __init__(self, shared, volume):
        self._directory = shared / "connectors"
        self._directory.mkdir(parents=True)
        self._volume = Volume(self._directory) if volume else None
        self._secrets = Volume(shared / "secrets")
        self.secret = f"file:{shared / 'secrets' / 'token'}"
        self.keys = {}              # connector -> its keys
        self.generations = {}       # of the secret -> since when

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


def flat(keys):
    """As REST takes them."""
    return {key: json.dumps(value) if isinstance(value, dict) else
            ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
            for key, value in keys.items()}


class World:
    """A round: everything that it needs is made anew but the broker. A context manager."""

    def __init__(self, binary, broker, directory, volume):
        self.broker = broker
        self.kafka = kafka_cluster.KafkaCluster(broker.bootstrap)
        self.cluster = threading.Lock()     # held while the broker is down, and while its topics are changed
        self.fault = None           # that the endpoint acts out
        self.refused = {}           # why -> a topic whose records the endpoint wants again
        self.windows, self.recreations, self.deletions, self.early = [], [], [], set()
        self.failures = []          # texts
        shared = directory / "shared"
        self.definitions = Definitions(shared, volume)
        self.endpoint = Endpoint(self._decide)
        self.sinks, self.topics, self._names = [], {}, {}
        self._make_sinks()
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

    def _make_sinks(self):
        self.definitions.rotate()
        self.letters = self.kafka.topic(2)
        stop = {"exception.strategy": "PROGRESS_BACK_OFF_STOP_TASK", "retry.backoff.sec": SHORT + LONG}
        drop = {"exception.strategy": "PROGRESS_BACK_OFF_DROP_MESSAGE", "retry.backoff.sec": SHORT}
        self._sink("ordered", [4], "partition", {**stop, "tasks.max": 2})
        self._sink("keyed", [3], "key", {**drop, "errors.deadletterqueue.topic.name": self.letters}, letters=True,
                   stops=("dead letter too large",))
        self._sink("free", [2, 2], "none", {**drop, "callback.timeout.read.ms": 4 * READ_TIMEOUT})
        # Others of this name come later.
        self.growing = kafka_cluster.unique("growing")
        self._sink("latest", [2, 1], "partition", {**stop, "topics.regex": f"{self.growing}-.*",
                                                "consumer.override.auto.offset.reset": "latest"})
        # It holds less than may wait, so that it reads on where records have gone.
        self._sink("sticky", [4], "key", {
            **stop, "tasks.max": 2, "delivery.queue.max.bytes": 16_384,
            "consumer.override.partition.assignment.strategy": "cooperative-sticky"})
        self._made = self._sink("made", [2], "key", stop, stops=("stop by strategy",))
        self.definitions.write()

    def _sink(self, role, partitions, ordering, keys, letters=False, stops=()):
        """`role` is what the schedule calls it; the connector has a name of its own."""
        name = self._names[role] = kafka_cluster.unique(role)
        regex = "topics.regex" in keys
        topics = [self.kafka.topic(count, name=f"{self.growing}-{number}" if regex else None)
                  for number, count in enumerate(partitions)]
        self.topics.update({topic: Topic(count, count) for topic, count in zip(topics, partitions)})
        drops = keys["exception.strategy"].endswith("DROP_MESSAGE")
        self.sinks.append(Sink(name, topics, ordering, len(SHORT) + 1 if drops else None, letters, stops))
        keys = {"callback.request.url": self.endpoint.url, "delivery.ordering": ordering,
                "callback.request.headers": self.headers(0), "callback.timeout.read.ms": READ_TIMEOUT,
                "request.retry.backoff.sec": SHORT + LONG, "consumer.override.topic.metadata.refresh.interval.ms": 1000,
                "consumer.override.session.timeout.ms": 5000, "consumer.override.heartbeat.interval.ms": 500,
                **({} if regex else {"topics": list(topics)}), **keys}
        if role != "made":
            self.definitions.keys[name] = keys
        return keys

    def headers(self, edit):
        return {"X-Life": "${env:CHAOS_LIFE}", "X-Secret": "${" + self.definitions.secret + "}", "X-Edit": str(edit)}

    def name(self, role):
        return self._names[role]

    def sink(self, role):
        return next(one for one in self.sinks if one.name == self._names[role])

    def edit(self, role, changes):
        if role == "made":
            self.call("PATCH", f"/connectors/{self.name(role)}/config", flat(changes), statuses=(200,))
        else:
            self.definitions.edit(self.name(role), changes)

    def call(self, method, path, body=None, statuses=(200, 202, 204)):
        """REST of the main member, again and again while its process is not there; returns the Reply."""
        last = None

        def answered():
            nonlocal last
            try:
                last = self.main.rest.call(method, path, body)
            except (OSError, http.client.HTTPException) as error:
                last = error
                return False
            return last.status in statuses
        eventually(answered, lambda: f"{method} {path} answers {statuses}; it is {last}", STALLED)
        return last

    @contextlib.contextmanager
    def held(self, role, how):
        """The connector is paused or stopped (`how`: pause, stop) in the main process meanwhile."""
        path = f"/connectors/{self.name(role)}"
        self.call("PUT", f"{path}/{how}")
        try:
            yield
        finally:
            self.call("PUT", f"{path}/resume")

    def mend(self, role):
        """Until no process shows the connector as FAILED."""
        path = f"/connectors/{self.name(role)}"

        def restarted(member):
            try:
                if b'"FAILED"' not in member.rest.call("GET", f"{path}/status").body:
                    return True
                member.rest.call("POST", f"{path}/restart?onlyFailed=true&includeTasks=true")
                return False
            except (OSError, http.client.HTTPException):
                return not member.runs      # it is just starting or ending
        eventually(lambda: all(restarted(one) for one in self.members if one.runs), f"{path} runs", STALLED)

    def start(self):
        for topic in self.sink("latest").topics:
            self.writer.fill(topic, range(self.topics[topic].partitions), EARLY)
        self.writer.flush()
        self.early = set(self.writer.acked)
        self.main.start()
        self.main.rest.create(self.name("made"), flat(self._made)).must(201)
        self.main.sidecar.wait_running(*self._names.values())
        self.writer.start()

    # The endpoint

    def _decide(self, request):
        request.header_list = ()
        decided, meaning = answers.answer(request, self.fault, self._hopeless)
        request.verdict = meaning
        return decided

    def _hopeless(self, request):
        drops = any(request.topic in one.topics for one in self.sinks if one.drops_after)
        return request.topic in self.refused.values() or drops and zlib.crc32(request.body) % HOPELESS == 7

    # The end

    def drain(self):
        """The endpoint is good and the broker there: until everything is committed. Then everybody leaves."""
        self.writer.stop()
        self._newest_arrives()
        eventually_settled(self)
        for member in self.members:
            if member.runs:
                member.scrape(final=True)
                member.terminate()

    def _newest_arrives(self):
        """The last secret and the last edit are what is sent now."""
        newest = list(self.definitions.generations)[-1]
        for sink in self.sinks:
            def arrived(topic=sink.topics[0]):
                self.writer.write(topic)
                self.writer.flush()
                return any(one.headers.get("x-secret") == newest for one in self.endpoint.requests[-100:]
                           if one.topic == topic)
            eventually(arrived, f"{sink.name} sends the newest secret", STALLED)

    def progress(self):
        """What is not committed yet: {(topic, partition): (committed, end)}."""
        left = {}
        for sink in self.sinks:
            for topic in sink.topics:
                committed, ends = self.kafka.committed(sink.name, topic), self.kafka.ends(topic)
                left.update({(topic, one): (committed[one], ends[one]) for one in ends if committed[one] != ends[one]})
        return left

    def books(self):
        groups = {kafka_cluster.group_of(sink.name) for sink in self.sinks}
        requests = list(self.endpoint.requests)
        records = {acked.number: record for record, acked in self.writer.acked.items()}

        def meant(place, number):
            """The number tells which incarnation of the topic it is of; where it was is what the request says."""
            record = records.get(number)
            return record if record and record[:3] == place else Record(*place)
        wall = lambda one, at: None if at is None else one.wall + at - one.time
        return Books(
            sinks=self.sinks, acked=self.writer.acked,
            attempts=[Attempt(meant(one.record, int(one.body)), int(one.body), one.key, one.headers.get("x-life"),
                              one.wall, wall(one, one.finished), one.verdict, one.connection,
                              one.headers.get("x-secret")) for one in requests],
            lives=[life for member in self.members for life in member.lives],
            commits=read_commits(self.kafka.read("__consumer_offsets"), groups, self.recreations),
            letters=[meant(place_of(one), int(one.value())) for one in self.kafka.read(self.letters)],
            windows=self.windows, secrets=self.definitions.generations, recreations=self.recreations,
            deletions=self.deletions, early=self.early)


def place_of(letter):
    told = dict(letter.headers())
    return (told["__connect.errors.topic"].decode(), int(told["__connect.errors.partition"]),
            int(told["__connect.errors.offset"]))


def eventually_settled(world):
    """Until all groups have committed to the end; fails once nothing has moved for long, and not because it is slow."""
    last, moved = None, time.monotonic()
    while left := world.progress():
        if left != last:
            last, moved = left, time.monotonic()
        if time.monotonic() - moved > STALLED:
            raise AssertionError(f"nothing has moved for {STALLED} s; committed and end: {left}\n"
                                 f"{world.main.sidecar.log.tail(60)}")
        time.sleep(0.3)
