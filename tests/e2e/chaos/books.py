"""What a run has left behind, as plain values: what the broker acknowledged, what the endpoint got, what the processes
logged, what was committed. The ledger judges these and nothing else.
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
    """Where a record is; all books refer to records by it."""
    topic: str
    partition: int
    offset: int
    incarnation: int = 0    # how often its topic had been deleted and recreated when the record was produced

    @property
    def place(self):
        return self.topic, self.partition

    @property
    def log(self):
        """What its offset counts in."""
        return self.topic, self.partition, self.incarnation


class Acked(typing.NamedTuple):
    number: int
    key: bytes
    time: float             # time.time(), as all times here


DELIVERED, RESPONSE_ERROR, REQUEST_ERROR = "delivered", "response error", "request error"


class Attempt(typing.NamedTuple):
    """A request as the endpoint saw it."""
    record: Record
    number: int             # the body
    key: bytes
    life: str               # which process sent it
    arrived: float
    finished: float         # when the whole answer was written; None when it was cut or never came
    verdict: str            # what that answer means
    connection: int = 0
    secret: str = None      # in a header of it

    @property
    def delivers(self):
        return self.verdict == DELIVERED and self.finished is not None


class Drop(typing.NamedTuple):
    record: Record
    life: str
    time: float
    attempts: int


class Loss(typing.NamedTuple):
    """A line `records lost`: the program will not deliver these, because Kafka does not have them any more."""
    place: tuple
    incarnation: int        # of the topic when the line was written
    first: int              # where delivery would have gone on
    next: int               # where it goes on
    count: int
    reason: str             # retention, truncated, recreated
    life: str
    time: float

    def covers(self, record):
        if record.place != self.place or record.offset < self.first:
            return False
        if self.reason == "recreated":
            return record.incarnation < self.incarnation
        return record.incarnation == self.incarnation and record.offset < self.next


class Recreation(typing.NamedTuple):
    """A topic was deleted and recreated."""
    topic: str
    begin: float
    gone: float             # the broker no longer knew the old topic, and did not know the new one yet
    end: float              # the new one is there, and the connector may run


class Deletion(typing.NamedTuple):
    """DeleteRecords, which is what retention does."""
    log: tuple
    before: int             # the first offset that was left
    begin: float
    end: float


class Tenure(typing.NamedTuple):
    """A process having a partition, from the assignment on."""
    life: str
    start: float
    end: float
    how: str                # it ended: revoked, lost, left (the consumer ended in good order), killed


class Commit(typing.NamedTuple):
    time: float
    position: int
    finished: tuple         # ranges beyond it, both ends included

    def covers(self, offset):
        return offset < self.position or any(first <= offset <= last for first, last in self.finished)


class Window(typing.NamedTuple):
    """A fault while it lasted."""
    kind: str
    begin: float
    end: float
    life: str = None        # which it met, where it met one

    def overlaps(self, begin, end):
        return self.begin <= end and begin <= self.end


@dataclasses.dataclass
class Sink:
    """What a connector was told to do."""
    name: str
    topics: list
    ordering: str           # partition, key, none
    drops_after: int = None     # response errors; None: it never drops
    letters: bool = False       # what it drops goes to a dead letter topic
    stops: tuple = ()           # the kinds of faults that may stop it while they last


@dataclasses.dataclass
class Life:
    """A process from its start to its end."""
    name: str
    start: float
    end: float = None
    how: str = None             # killed, or left
    lines: list = dataclasses.field(default_factory=list)
    dropped: dict = None        # records_dropped_total by connector as last scraped
    final: bool = False         # that scrape was after the last drop
    lost: dict = None           # records_lost_total by (topic, reason), of the same scrape


@dataclasses.dataclass
class Books:
    sinks: list
    acked: dict                                                     # Record -> Acked
    attempts: list                                                  # in order of arrival
    lives: list
    commits: dict = dataclasses.field(default_factory=dict)         # Record.log -> Commits in order of time
    letters: list = dataclasses.field(default_factory=list)         # the Records that are in dead letter topics
    windows: list = dataclasses.field(default_factory=list)
    secrets: dict = dataclasses.field(default_factory=dict)         # secret -> since when it has been one
    recreations: list = dataclasses.field(default_factory=list)
    deletions: list = dataclasses.field(default_factory=list)
    early: set = dataclasses.field(default_factory=set)     # Records that `latest` leaves out: before the group was


def incarnation_at(recreations, topic, time):
    """Which one the broker has, or will have next, at this time."""
    return sum(one.topic == topic and one.gone <= time for one in recreations)


# The log

_PLACE = re.compile(r"([^,\[\]]+)\[(\d+)\]")


@dataclasses.dataclass
class Told:
    """What the processes logged of records and partitions."""
    tenures: dict = dataclasses.field(default_factory=dict)     # (life, topic, partition) -> Tenures in order of time
    retries: dict = dataclasses.field(default_factory=dict)     # (life, Record) -> times
    drops: list = dataclasses.field(default_factory=list)
    losses: list = dataclasses.field(default_factory=list)
    stops: list = dataclasses.field(default_factory=list)       # (connector, time, line)

    def tenure(self, life, place, time):
        """Which of its tenures of the partition the life was in, or has just left; None before the first."""
        of_life = self.tenures.get((life, *place), [])
        at = bisect.bisect([one.start for one in of_life], time)
        return of_life[at - 1] if at else None

    def tenure_to_be(self, life, place, time):
        """The one that the life was in or was about to begin."""
        return next((one for one in self.tenures.get((life, *place), []) if one.end > time), None)


def time_of(line_fields):
    return datetime.datetime.fromisoformat(line_fields["time"].replace("Z", "+00:00")).timestamp()


def read_logs(books):
    told, sent = Told(), _Sent(books)
    for life in books.lives:
        open_ = {}
        for line in life.lines:
            if "logger=task" in line:
                _read_line(told, life, open_, sent, fields(line), line)
        for place, start in open_.items():
            _end(told, life, place, start, life.end or float("inf"), life.how or "left")
    return told


class _Sent:
    """Which Record a line means. It does not say which incarnation of the topic: what the process has sent does."""

    def __init__(self, books):
        self._recreations = books.recreations
        self._attempts = collections.defaultdict(list)
        for one in books.attempts:
            self._attempts[one.life, one.record[:3]].append(one)

    def record(self, life, line, time):
        where = line["topic"], int(line["partition"]), int(line["offset"])
        sent = [one for one in self._attempts[life, where] if one.arrived <= time + 0.002]
        return sent[-1].record if sent else Record(*where, incarnation_at(self._recreations, where[0], time))

    def loss(self, life, line, time):
        topic, reason = line["topic"], line["reason"]
        # A process may notice that a topic is deleted before we do.
        now = (sum(one.topic == topic and one.begin <= time for one in self._recreations) if reason == "recreated"
               else incarnation_at(self._recreations, topic, time))
        return Loss((topic, int(line["partition"])), now, int(line["from"]), int(line["to"]), int(line["records"]),
                    reason, life, time)


def _end(told, life, place, start, end, how):
    told.tenures.setdefault((life.name, *place), []).append(Tenure(life.name, start, end, how))


def _read_line(told, life, open_, sent, line, text):
    message = line.get("msg")
    if message in ("partitions assigned", "partitions revoked", "partitions lost"):
        now = time_of(line)
        for topic, partition in _PLACE.findall(line["partitions"]):
            place = topic, int(partition)
            # Nothing is logged when a consumer gives up its partitions by leaving the group.
            if place in open_:
                how = "left" if message == "partitions assigned" else message.split()[1]
                _end(told, life, place, open_.pop(place), now, how)
            if message == "partitions assigned":
                open_[place] = now
    elif message == "offset commit failed, will retry" and line.get("error") == "the partitions are lost":
        # librdkafka had joined the group anew before the revocation was answered.
        for topic, partition in _PLACE.findall(line["partitions"]):
            of_life = told.tenures.get((life.name, topic, int(partition)))
            if of_life and of_life[-1].how == "revoked":
                of_life[-1] = of_life[-1]._replace(how="lost")
    elif message in ("record dropped", "record will be retried"):
        record = sent.record(life.name, line, time_of(line))
        if message == "record dropped":
            told.drops.append(Drop(record, life.name, time_of(line), int(line["attempts"])))
        else:
            told.retries.setdefault((life.name, record), []).append(time_of(line))
    elif message == "records lost":
        told.losses.append(sent.loss(life.name, line, time_of(line)))
    elif message == "record stops the connector":
        told.stops.append((line["connector"], time_of(line), text))


# The group's own topic, where every commit of the run stands

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
    """From __consumer_offsets: Record.log -> Commits of these groups."""
    commits = collections.defaultdict(list)
    for message in messages:
        key = _Bytes(message.key())
        if key.take("h") > 1 or message.value() is None or key.text() not in groups:
            continue
        place = key.text(), key.take("i")
        value = _Bytes(message.value())
        version, position = value.take("h"), value.take("q")
        assert version in (1, 3), f"an offset of version {version}"
        if version == 3:
            value.take("i")     # the leader's epoch
        # A topic's offsets go with it: what comes later is about the new one.
        time = message.timestamp()[1] / 1000
        commits[*place, incarnation_at(recreations, place[0], time)].append(
            Commit(time, position, tuple(finished_beyond(position, value.text()))))
    return {log: sorted(of_log) for log, of_log in commits.items()}


def finished_beyond(position, metadata):
    """The ranges that a commit's metadata tells (src/delivery/finished_offsets.h), both ends included."""
    if metadata.startswith("start="):       # of a group that began at the end of its logs (src/kafka/group_start.h)
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
