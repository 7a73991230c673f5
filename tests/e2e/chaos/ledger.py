"""Judges the books of a run: nothing lost, order kept, every repeat explained by something that was done to it."""

import collections
import dataclasses

from books import RESPONSE_ERROR, Attempt, Drop, Record, read_logs

# An answer that took longer may come after its requester gave up: the shortest of the read timeouts, less a second.
SLOW = 4.0
PROMPT = 5.0        # after a record is done every commit tells so
SOON = 2 * PROMPT   # after a record is done there is a commit
REVOKES = 20.0      # what a revocation waits for what is on its way, and for the commit, at most
RECENT = 30.0       # a session, and joining the group anew
_TICK = 0.002       # log lines are stamped in milliseconds
_LATE = 1.0         # the endpoint notes that an answer is written after it is


@dataclasses.dataclass
class Repeat:
    attempt: Attempt
    settled: object         # the Attempt or Drop after which it came
    why: str                # None: nothing explains it

    def __str__(self):
        return f"{self.attempt}\n    after {self.settled}"


@dataclasses.dataclass
class Verdict:
    lost: list              # Records
    repeats: list           # Repeats
    disorder: list          # texts
    wrong: list             # texts: whatever else must not be
    settled: dict           # Record -> when it was first delivered or dropped

    @property
    def unexplained(self):
        return [one for one in self.repeats if one.why is None]

    def problems(self):
        return ([f"lost: {one}" for one in self.lost] + [f"unexplained repeat: {one}" for one in self.unexplained]
                + [f"out of order: {one}" for one in self.disorder] + self.wrong)

    def explanations(self):
        return collections.Counter(one.why or "UNEXPLAINED" for one in self.repeats)


def judge(books):
    told = read_logs(books.lives)
    by_record = collections.defaultdict(list)
    for attempt in books.attempts:
        by_record[attempt.record].append(attempt)
    drops = collections.defaultdict(list)
    for drop in told.drops:
        drops[drop.record].append(drop)
    sinks = {topic: sink for sink in books.sinks for topic in sink.topics}
    settled = {}
    for record in {*by_record, *drops}:
        times = [one.finished for one in by_record.get(record, ()) if one.delivers]
        times += [one.time for one in drops.get(record, ())]
        if times:
            settled[record] = min(times)
    explainer = _Explainer(books, told)
    wrong = (_wrong_stops(books, told) + _wrong_drops(books, told, by_record, drops, sinks) + _wrong_requests(books)
             + _wrong_counts(books, told) + _wrong_commits(books, settled) + _at_once(by_record, told))
    return Verdict(
        lost=sorted(record for record in books.acked if record not in settled),
        repeats=[one for record, attempts in by_record.items()
                 for one in _repeats(attempts, drops.get(record, ()), explainer)],
        disorder=_disorder(books, settled, sinks), wrong=wrong, settled=settled)


# Repeats

def _repeats(attempts, drops, explainer):
    """Every request that began once the record was settled, and every delivery beside another one."""
    events = sorted([(one.arrived, 1, one) for one in attempts] + [(one.time + _TICK, 0, one) for one in drops],
                    key=lambda event: event[:2])
    for at, (time, _, attempt) in enumerate(events):
        if isinstance(attempt, Drop):
            continue
        before = [one for _, _, one in events[:at] if isinstance(one, Drop) or one.delivers
                  and (one.finished < time or attempt.delivers)]
        if before:
            last = max(before, key=lambda one: one.time if isinstance(one, Drop) else one.finished)
            yield Repeat(attempt, last, explainer.why(attempt, last))


class _Explainer:
    def __init__(self, books, told):
        self._told = told
        self._killed = {life.name: life.end for life in books.lives if life.how == "killed"}
        self._commits = books.commits
        self._outages = [one for one in books.windows if one.kind == "broker kill -9"]
        self._frozen = [one for one in books.windows if one.kind == "SIGSTOP"]
        self._refusals = [one.begin for one in books.windows if one.kind == "refuse"]
        self._last = {one.connection: one for one in books.attempts}

    def why(self, attempt, settled):
        """What was done that makes this request after that outcome right; None when nothing was."""
        place = attempt.record.place
        dropped = isinstance(settled, Drop)
        now = self._told.tenure(attempt.life, place, attempt.arrived)
        then = self._told.tenure(settled.life, place, settled.time if dropped else settled.arrived)
        if now is None or then is None:
            return None         # from a process to which the partition was never assigned
        committed = min((one.time for one in self._commits.get(place, []) if one.covers(attempt.record.offset)),
                        default=float("inf"))
        if committed < now.start:
            return None         # it was told that this record is done
        cut = None if dropped else self._cut(settled, attempt, now == then)
        if now == then:
            return cut if committed > attempt.arrived else None
        if committed < attempt.arrived or then.life != now.life and then.start > now.start:
            # Another member has it by now, and this one does not know.
            if self._froze(attempt.life, now.start, attempt.arrived):
                return "frozen while the partition went to another"
            return "no broker to tell that the partition is gone" if self._out(now.start, attempt.arrived) else None
        time = settled.time if dropped else settled.finished
        if not cut and self._left_out(time, then, attempt.record):
            return None         # nothing kept it from being committed
        # A partition that is taken back is committed once all that is on its way is there.
        if self._killed_before_commit(time, then, now):
            return "killed before the commit"
        if then.how == "lost":
            # Without a fault it is the machine that was too slow for a session, which must be seen and can't be judged.
            meant = self._out(then.end - RECENT, then.end) or self._froze(then.life, then.end - RECENT, then.end)
            return "partition lost before the commit" if meant else "partition lost by a session that ran out"
        if self._froze(then.life, time, now.start):
            return "frozen before the commit"
        return "no broker for the commit" if self._out(time, now.start) else cut

    def _killed_before_commit(self, time, then, now):
        killed = self._killed.get(then.life, float("inf"))
        if then.how == "revoked":
            return killed < min(now.start, then.end + REVOKES)
        if then.how != "killed":
            return False
        return killed < time + SOON or self._out(time, killed) or self._froze(then.life, time, killed)

    def _left_out(self, time, tenure, record):
        """Whether the process committed long after the record was done, and not that."""
        return any(time + PROMPT < one.time < tenure.end and not one.covers(record.offset)
                   and not self._out(time, one.time) and not self._froze(tenure.life, time, one.time)
                   for one in self._commits.get(record.place, []))

    def _out(self, begin, end):
        return any(one.overlaps(begin, end) for one in self._outages)

    def _froze(self, life, begin, end):
        return any(one.life == life and one.overlaps(begin, end) for one in self._frozen)

    def _cut(self, answered, repeated, must_say):
        """Why the answer, though written, may not have reached the process, which logs that unless it was ended."""
        retries = self._told.retries.get((answered.life, answered.record), [])
        said = any(answered.finished - _TICK <= one <= repeated.arrived for one in retries)
        if answered.finished - answered.arrived >= SLOW and (said or not must_say):
            return "the answer came too late"
        if said and self._froze(answered.life, answered.arrived, repeated.arrived):
            return "frozen past the time limit"
        aborted = self._last[answered.connection] is answered and any(
            one >= answered.finished for one in self._refusals)
        return "the connection was cut after the answer" if aborted and said else None


# Order

def _disorder(books, settled, sinks):
    """Requests that came before all that their ordering puts before them was delivered or dropped."""
    lanes = collections.defaultdict(list)
    for record, acked in books.acked.items():
        ordering = sinks[record.topic].ordering
        if ordering != "none":
            lanes[record.place, acked.key if ordering == "key" else None].append(record)
    before = {}             # Record -> until when it had to wait
    for lane in lanes.values():
        due = 0.0
        for record in sorted(lane):
            before[record] = due
            due = max(due, settled.get(record, float("inf")))
    return [f"{one} before {before[one.record]}" for one in books.attempts
            if one.arrived < before.get(one.record, 0.0) - _TICK]


# Whatever else must not be

def _wrong_stops(books, told):
    planned = [one for one in books.windows if one.kind == "stop by strategy"]
    stopping = {sink.name for sink in books.sinks if sink.stops}
    return [f"a task stopped: {line}" for connector, time, line in told.stops
            if connector not in stopping or not any(one.overlaps(time, time) for one in planned)]


def _wrong_drops(books, told, by_record, drops, sinks):
    wrong = []
    letters = collections.Counter(books.letters)
    for record in {*drops, *letters}:
        sink, of_record = sinks[record.topic], drops.get(record, [])
        # The tenures in which it was refused often enough.
        errors = collections.Counter(told.tenure(one.life, record.place, one.arrived)
                                     for one in by_record.get(record, ())
                                     if one.verdict == RESPONSE_ERROR and one.finished)
        gave_up = {tenure for tenure, count in errors.items() if sink.drops_after and count >= sink.drops_after}
        for drop in of_record:
            if sink.drops_after is None:
                wrong.append(f"dropped by a connector that never drops: {drop}")
            elif told.tenure(drop.life, record.place, drop.time) not in gave_up:
                wrong.append(f"dropped before {sink.drops_after} response errors: {drop}")
        if sink.letters and of_record and not letters[record]:
            wrong.append(f"dropped without a dead letter: {of_record[0]}")
        # A process may end between a letter and the line that tells of it.
        if letters[record] > len(gave_up):
            wrong.append(f"{letters[record]} dead letters, and given up {len(gave_up)} times: {record}")
        if letters[record] and not of_record and all(tenure is None or tenure.how == "left" for tenure in gave_up):
            wrong.append(f"a dead letter of a record that was not dropped: {record}")
    return wrong


def _wrong_requests(books):
    wrong = []
    for one in books.attempts:
        acked = books.acked.get(one.record)
        if acked is None:
            wrong.append(f"never acknowledged: {one}")
        elif (acked.number, acked.key) != (one.number, one.key):
            wrong.append(f"another body or key than {acked}: {one}")
        if books.secrets and books.secrets.get(one.secret, float("inf")) > one.arrived:
            wrong.append(f"with a secret that is none: {one}")
    return wrong


def _wrong_counts(books, told):
    """records_dropped_total beside the lines of the same process."""
    sink_of = {topic: sink.name for sink in books.sinks for topic in sink.topics}
    lines = collections.Counter((drop.life, sink_of[drop.record.topic]) for drop in told.drops)
    wrong = []
    for life in books.lives:
        for connector, value in (life.dropped or {}).items():
            logged = lines[life.name, connector]
            if value > logged or life.final and value != logged:
                wrong.append(f"{life.name}: {connector} counted {value:g} drops and logged {logged}")
    return wrong


def _wrong_commits(books, settled):
    """Commits of what was not done yet."""
    wrong = []
    offsets = collections.defaultdict(list)
    for record in sorted(books.acked):
        offsets[record.place].append(record.offset)
    for place, commits in books.commits.items():
        unseen = offsets[place]
        for commit in commits:
            covered = [one for one in unseen if commit.covers(one)]
            early = [one for one in covered
                     if settled.get(Record(*place, one), float("inf")) > commit.time + _LATE]
            if early:
                wrong.append(f"committed before {place}@{early[0]} was done: {commit}")
            covered = set(covered)
            unseen = [one for one in unseen if one not in covered]
    return wrong


def _at_once(by_record, told):
    """A record that was sent while an attempt of the same tenure was under way, and its time not over."""
    wrong = []
    for record, attempts in by_record.items():
        for one, next_ in zip(attempts, attempts[1:]):
            if (one.life == next_.life and one.finished and one.finished - one.arrived < SLOW
                    and next_.arrived < one.finished - _LATE / 10
                    and told.tenure(one.life, record.place, one.arrived)
                    == told.tenure(one.life, record.place, next_.arrived)):
                wrong.append(f"sent twice at once: {one}\n    and {next_}")
    return wrong


def table(faults, books, verdict):
    """Rows (kind, times injected, records that were under way meanwhile, lost of these, unexplained repeats then)."""
    windows = collections.defaultdict(list)
    for one in books.windows:
        windows[one.kind].append(one)
    rows = {}
    for kind in dict.fromkeys(faults):
        def met(begin, end, of_kind=tuple(windows[kind])):
            return any(one.overlaps(begin, end) for one in of_kind)
        rows[kind] = (
            len(windows[kind]),
            sum(met(acked.time, verdict.settled.get(record, float("inf"))) for record, acked in books.acked.items()),
            sum(met(books.acked[record].time, float("inf")) for record in verdict.lost),
            sum(met(one.settled.time if isinstance(one.settled, Drop) else one.settled.arrived, one.attempt.arrived)
                for one in verdict.unexplained))
    return rows
