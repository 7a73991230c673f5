"""The history of a round as plain values: what the broker acknowledged, what the endpoint received, what the processes
logged, and what they committed. The checker reads the history and nothing else.
"""

import base64
import bisect
import collections
import dataclasses
import datetime
import re
import struct
import typing

from sidecar import fields


class Record(typing.NamedTuple):
    """The position of a record, which identifies it in the whole history."""
    topic: str
    partition: int
    offset: int
    incarnation: int = 0    # how many times its topic had been recreated when the record was produced

    @property
    def topic_partition(self):
        return self.topic, self.partition

    @property
    def log(self):
        """The log that its offset belongs to."""
        return self.topic, self.partition, self.incarnation


class Acked(typing.NamedTuple):
    number: int
    key: bytes
    time: float             # time.time(), like all times here


DELIVERED, RESPONSE_ERROR, REQUEST_ERROR = "delivered", "response error", "request error"


class Attempt(typing.NamedTuple):
    """A request that the endpoint received."""
    record: Record
    number: int             # the number in the body
    key: bytes
    process: str               # the name of the process that sent it
    arrived: float
    finished: float         # when the whole answer was written; None if the connection closed before
    verdict: str            # what the answer means
    connection: int = 0
    secret: str = None      # the value of its secret header

    @property
    def delivers(self):
        return self.verdict == DELIVERED and self.finished is not None


class Drop(typing.NamedTuple):
    record: Record
    process: str
    time: float
    attempts: int


class Loss(typing.NamedTuple):
    """A log line `records lost`: the program will not deliver these records, because Kafka no longer has them."""
    topic_partition: tuple
    incarnation: int        # of the topic, when the line was written
    first: int              # the first lost offset
    next: int               # where delivery continues
    count: int
    reason: str             # retention, truncated, recreated
    process: str
    time: float

    def covers(self, record):
        if record.topic_partition != self.topic_partition or record.offset < self.first:
            return False
        if self.reason == "recreated":
            return record.incarnation < self.incarnation
        return record.incarnation == self.incarnation and record.offset < self.next


class Recreation(typing.NamedTuple):
    """A topic was deleted and recreated."""
    topic: str
    begin: float
    gone: float             # the broker had deleted the old topic and not yet created the new one
    end: float              # the new topic exists and the connector may run


class Deletion(typing.NamedTuple):
    """Records deleted by DeleteRecords, which has the effect of retention."""
    log: tuple
    before: int             # the first remaining offset
    begin: float
    end: float


class Assignment(typing.NamedTuple):
    """A partition assigned to a process, from the assignment to its end."""
    process: str
    start: float
    end: float
    how: str                # how it ended: revoked, lost, left (the consumer closed), killed


class Commit(typing.NamedTuple):
    time: float
    position: int
    finished: tuple         # finished ranges beyond the position, both ends included

    def covers(self, offset):
        return offset < self.position or any(first <= offset <= last for first, last in self.finished)


class Window(typing.NamedTuple):
    """The time during which a fault was active."""
    kind: str
    begin: float
    end: float
    process: str = None        # the process that it affected, for faults of a single process

    def overlaps(self, begin, end):
        return self.begin <= end and begin <= self.end


@dataclasses.dataclass
class Connector:
    """The configuration of a connector that the checker needs."""
    name: str
    topics: list
    ordering: str           # partition, key, none
    drops_after: int = None     # number of response errors; None: it never drops
    dead_letters: bool = False       # dropped records go to a dead letter topic
    stops: tuple = ()           # the kinds of faults that may stop its tasks


@dataclasses.dataclass
class Process:
    """A process of the program, from its start to its end."""
    name: str
    start: float
    end: float = None
    how: str = None             # "killed" or "left"
    lines: list = dataclasses.field(default_factory=list)
    dropped: dict = None        # connector -> records_dropped_total, at the last scrape
    final: bool = False         # no drop or loss came after that scrape
    lost: dict = None           # (topic, reason) -> records_lost_total, at the same scrape


@dataclasses.dataclass
class History:
    connectors: list
    acked: dict                                                     # Record -> Acked
    attempts: list                                                  # in order of arrival
    processes: list
    commits: dict = dataclasses.field(default_factory=dict)         # Record.log -> Commits, by time
    dead_letters: list = dataclasses.field(default_factory=list)         # the Records in dead letter topics
    windows: list = dataclasses.field(default_factory=list)
    secrets: dict = dataclasses.field(default_factory=dict)         # secret -> when it became valid
    recreations: list = dataclasses.field(default_factory=list)
    deletions: list = dataclasses.field(default_factory=list)
    early: set = dataclasses.field(default_factory=set)     # Records older than the group of `latest`


def incarnation_at(recreations, topic, time):
    """The incarnation that the broker has, or will create next, at this time."""
    return sum(one.topic == topic and one.gone <= time for one in recreations)


# Logs

_TOPIC_PARTITION = re.compile(r"([^,\[\]]+)\[(\d+)\]")


@dataclasses.dataclass
class LoggedEvents:
    """What the processes logged about records and partitions."""
    assignments: dict = dataclasses.field(default_factory=dict)  # (process, topic, partition) -> Assignments, by time
    retries: dict = dataclasses.field(default_factory=dict)     # (process, Record) -> times
    drops: list = dataclasses.field(default_factory=list)
    losses: list = dataclasses.field(default_factory=list)
    stops: list = dataclasses.field(default_factory=list)       # (connector, time, line)

    def assignment(self, process, topic_partition, time):
        """The assignment of the partition to the process at this time, or else the last one before it, or None."""
        of_process = self.assignments.get((process, *topic_partition), [])
        at = bisect.bisect([one.start for one in of_process], time)
        return of_process[at - 1] if at else None

    def next_assignment(self, process, topic_partition, time):
        """The assignment of the partition to the process at this time, or the next one."""
        return next((one for one in self.assignments.get((process, *topic_partition), []) if one.end > time), None)


def time_of(line_fields):
    return datetime.datetime.fromisoformat(line_fields["time"].replace("Z", "+00:00")).timestamp()


def read_logs(history):
    log_events, sent = LoggedEvents(), _RecordFinder(history)
    for process in history.processes:
        open_ = {}      # topic partition -> when it was assigned, and to which task
        for line in process.lines:
            if "logger=task" in line:
                _read_line(log_events, process, open_, sent, fields(line), line)
        for topic_partition, (start, _) in open_.items():
            _end(log_events, process, topic_partition, start, process.end or float("inf"), process.how or "left")
    return log_events


class _RecordFinder:
    """Finds the Record of a log line. The line lacks the topic's incarnation; the requests of the process have it."""

    def __init__(self, history):
        self._recreations = history.recreations
        self._attempts = collections.defaultdict(list)
        for one in history.attempts:
            self._attempts[one.process, one.record[:3]].append(one)

    def record(self, process, line, time):
        where = line["topic"], int(line["partition"]), int(line["offset"])
        sent = [one for one in self._attempts[process, where] if one.arrived <= time + 0.002]
        return sent[-1].record if sent else Record(*where, incarnation_at(self._recreations, where[0], time))

    def loss(self, process, line, time):
        topic, reason = line["topic"], line["reason"]
        # A process may notice the deletion of a topic before this test does.
        now = (sum(one.topic == topic and one.begin <= time for one in self._recreations) if reason == "recreated"
               else incarnation_at(self._recreations, topic, time))
        return Loss((topic, int(line["partition"])), now, int(line["from"]), int(line["to"]), int(line["records"]),
                    reason, process, time)


def _end(log_events, process, topic_partition, start, end, how):
    of_process = log_events.assignments.setdefault((process.name, *topic_partition), [])
    of_process.append(Assignment(process.name, start, end, how))


def _was_lost(log_events, process, topic_partition, how):
    """The assignment that ended like this was lost before that."""
    of_process = log_events.assignments.get((process.name, *topic_partition))
    if of_process and of_process[-1].how in how:
        of_process[-1] = of_process[-1]._replace(how="lost")


# Message -> how it ends an assignment. A consumer that fails gives its partitions up without a message.
_ENDS = {"partitions assigned": "left", "partitions revoked": "revoked", "partitions lost": "lost",
         "left the consumer group": "left"}


def _read_line(log_events, process, open_, sent, line, text):
    message = line.get("msg")
    if message in _ENDS:
        now, assigned = time_of(line), message == "partitions assigned"
        for topic, partition in _TOPIC_PARTITION.findall(line["partitions"]):
            topic_partition = topic, int(partition)
            # One task can be assigned a partition before another one logs that it has lost it or left.
            if topic_partition in open_ and (assigned or open_[topic_partition][1] == line.get("task")):
                _end(log_events, process, topic_partition, open_.pop(topic_partition)[0], now, _ENDS[message])
            elif message == "partitions lost":
                _was_lost(log_events, process, topic_partition, ("revoked", "left"))
            if assigned:
                open_[topic_partition] = now, line.get("task")
    elif message == "offset commit failed" and line.get("error") == "the partitions are lost":
        # librdkafka rejoined the group before the revocation was answered.
        for topic, partition in _TOPIC_PARTITION.findall(line["partitions"]):
            _was_lost(log_events, process, (topic, int(partition)), ("revoked",))
    elif message in ("record dropped", "record will be retried"):
        record = sent.record(process.name, line, time_of(line))
        if message == "record dropped":
            log_events.drops.append(Drop(record, process.name, time_of(line), int(line["attempts"])))
        else:
            log_events.retries.setdefault((process.name, record), []).append(time_of(line))
    elif message == "records lost":
        log_events.losses.append(sent.loss(process.name, line, time_of(line)))
    elif message == "record stops the connector":
        log_events.stops.append((line["connector"], time_of(line), text))


# The topic __consumer_offsets, which has every commit of the round

class _Bytes:
    def __init__(self, data):
        self._data, self._at = data, 0

    def take(self, form):
        value, = struct.unpack_from(">" + form, self._data, self._at)
        self._at += struct.calcsize(">" + form)
        return value

    def text(self):
        length = self.take("h")
        self._at += length
        return self._data[self._at - length:self._at].decode()


def read_commits(messages, groups, recreations=()):
    """Reads the commits of these groups from messages of __consumer_offsets: Record.log -> Commits."""
    commits = collections.defaultdict(list)
    for message in messages:
        key = _Bytes(message.key())
        if key.take("h") > 1 or message.value() is None or key.text() not in groups:
            continue
        topic_partition = key.text(), key.take("i")
        value = _Bytes(message.value())
        version, position = value.take("h"), value.take("q")
        assert version in (1, 3), f"unknown version of an offset commit: {version}"
        if version == 3:
            value.take("i")     # the leader's epoch
        # Kafka deletes the offsets with the topic, so a later commit belongs to the new one.
        time = message.timestamp()[1] / 1000
        commits[*topic_partition, incarnation_at(recreations, topic_partition[0], time)].append(
            Commit(time, position, tuple(finished_beyond(position, value.text()))))
    return {log: sorted(of_log) for log, of_log in commits.items()}


def finished_beyond(position, metadata):
    """Yields the finished ranges in a commit's metadata (src/delivery/finished_offsets.h), both ends included."""
    if metadata.startswith("start="):       # the start offset of a group (src/kafka/group_start.h)
        metadata = metadata.partition(";")[2]
    if not metadata:
        return
    body = base64.b64decode(metadata.removeprefix("khs1:"))[4:]
    if body[:1] == b"b":
        for bit in range(8 * (len(body) - 1)):
            if body[1 + bit // 8] >> bit % 8 & 1:
                yield position + bit, position + bit
        return
    lengths, value, shift = [], 0, 0
    for byte in body[1:]:
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            lengths.append(value)
            value, shift = 0, 0
    end = position
    for open_, done in zip(lengths[::2], lengths[1::2]):
        yield end + open_, end + open_ + done - 1
        end += open_ + done
