"""Judges the books of a run: nothing lost, order kept, every repeat explained by something that was done to it."""

import collections
import dataclasses

import losses
from books import RESPONSE_ERROR, Attempt, Drop, Loss, Record, read_logs

# An answer that took longer may come after its requester gave up: the shortest of the read timeouts, less a second.
SLOW = 4.0
PROMPT = 5.0        # after a record is done every commit tells so
SOON = 2 * PROMPT   # after a record is done there is a commit
REVOKES = 20.0      # what a revocation waits for what is on its way, and for the commit, at most
SESSION = 5.0       # of a member
RECENT = 30.0       # a session, and joining the group anew
STILL = 2.0         # after a fault that may stop a task: what was under way
_TICK = 0.002       # log lines are stamped in milliseconds
_LATE = 1.0         # the endpoint notes that an answer is written after it is


@dataclasses.dataclass
class Repeat:
    attempt: Attempt
    settled: object         # the Attempt, Drop or Loss after which it came
    why: str                # None: nothing explains it

    def __str__(self):
        return f"{self.attempt}\n    after {self.settled}"


def begin_of(event):
    return event.arrived if isinstance(event, Attempt) else event.time


def end_of(event):
    return event.finished if isinstance(event, Attempt) else event.time


@dataclasses.dataclass
class Verdict:
    lost: list              # Records that are missing, and nobody said so
    counted: list           # Records that are missing, and the program said so
    unseen: list            # Records that went with their topic while no process knew of them
    repeats: list           # Repeats
    disorder: list          # texts
    wrong: list             # texts: whatever else must not be
    settled: dict           # Record -> when it was first delivered, dropped or reported as lost

    @property
    def unexplained(self):
        return [one for one in self.repeats if one.why is None]

    def problems(self):
        return ([f"lost: {one}" for one in self.lost] + [f"unexplained repeat: {one}" for one in self.unexplained]
                + [f"out of order: {one}" for one in self.disorder] + self.wrong)

    def explanations(self):
        return collections.Counter(one.why or "UNEXPLAINED" for one in self.repeats)


def judge(books):
    told = read_logs(books)
    by_record = collections.defaultdict(list)
    for attempt in books.attempts:
        by_record[attempt.record].append(attempt)
    drops = collections.defaultdict(list)
    for drop in told.drops:
        drops[drop.record].append(drop)
    reported = losses.by_record(books, told.losses)
    sinks = {topic: sink for sink in books.sinks for topic in sink.topics}

    def settling(record):
        return [*(one for one in by_record.get(record, ()) if one.delivers), *drops.get(record, ()),
                *reported.get(record, ())]
    settled = dict.fromkeys(books.early, 0.0)
    for record in {*by_record, *drops, *reported}:
        if events := settling(record):
            settled[record] = min(map(end_of, events))
    missing = [record for record in sorted(books.acked) if record not in settled]
    unseen = losses.unseen(books, told, missing)
    explainer = _Explainer(books, told)
    wrong = (_wrong_stops(books, told) + _wrong_drops(books, told, by_record, drops, sinks) + _wrong_requests(books)
             + _wrong_counts(books, told) + _wrong_commits(books, settled) + _at_once(by_record, told)
             + losses.wrong(books, told, reported, settling, explainer.why))
    return Verdict(
        lost=[record for record in missing if record not in unseen],
        counted=sorted(record for record in reported if all(isinstance(one, Loss) for one in settling(record))),
        unseen=sorted(unseen),
        repeats=[one for record, attempts in by_record.items()
                 for one in _repeats(record, [*attempts, *drops.get(record, ()), *reported.get(record, ())],
                                     explainer)],
        disorder=_disorder(books, told, settled, sinks), wrong=wrong, settled=settled)


# Repeats

def _repeats(record, events, explainer):
    """Every request that began once the record was settled, and every delivery beside another one."""
    # A line in the log comes before what follows from it, and may bear the same time.
    events = sorted(events, key=lambda one: (begin_of(one) + _TICK * isinstance(one, Drop), isinstance(one, Attempt)))
    for at, attempt in enumerate(events):
        if not isinstance(attempt, Attempt):
            continue
        before = [one for one in events[:at] if not isinstance(one, Attempt) or one.delivers
                  and (one.finished < attempt.arrived or attempt.delivers)]
        if before:
            last = max(before, key=end_of)
            yield Repeat(attempt, last, explainer.why(record, attempt, last))


class _Explainer:
    def __init__(self, books, told):
        self._told = told
        self._killed = {life.name: life.end for life in books.lives if life.how == "killed"}
        self._commits = books.commits
        self._outages = [one for one in books.windows if one.kind == "broker kill -9"]
        self._frozen = [one for one in books.windows if one.kind == "SIGSTOP"]
        self._refusals = [one.begin for one in books.windows if one.kind == "refuse"]
        self._last = {one.connection: one for one in books.attempts}
        self._unaware = losses.sent_before_noticed(books, told.losses)

    def _tenure(self, event, place):
        # What is found to be lost is told before the partition is assigned.
        find = self._told.tenure_to_be if isinstance(event, Loss) else self._told.tenure
        return find(event.life, place, begin_of(event))

    def why(self, record, event, settled):
        """What was done that makes this event after that outcome right; None when nothing was."""
        now, then = self._tenure(event, record.place), self._tenure(settled, record.place)
        if now is None or then is None:
            return None         # from a process to which the partition was never assigned
        began, time = max(begin_of(event), now.start), end_of(settled)
        committed = min((one.time for one in self._commits.get(record.log, []) if one.covers(record.offset)),
                        default=float("inf"))
        if committed < now.start:
            return None         # it was told that this record is done
        if isinstance(settled, Attempt) and self._unaware(settled):
            return "sent before the recreated topic was noticed"
        both_sent = isinstance(event, Attempt) and isinstance(settled, Attempt)
        cut = self._cut(settled, event, now == then) if both_sent else None
        if now == then:
            return cut if committed > began else None
        if committed < began or then.life != now.life and then.start > now.start:
            # Another member has it by now, and this one does not know.
            if self._froze(event.life, now.start, began):
                return "frozen while the partition went to another"
            return "no broker to tell that the partition is gone" if self._out(now.start, began) else None
        if not cut and self._left_out(time, then, record):
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
        # Whose session ran out while there was no broker has to join again, and who leaves does not.
        away = self._out(time, now.start) or then.how == "left" and self._out(then.end - SESSION, then.end)
        return "no broker for the commit" if away else cut

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
                   for one in self._commits.get(record.log, []))

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

def _disorder(books, told, settled, sinks):
    """Requests that came before all that their ordering puts before them was delivered or dropped. What never was is
    lost, and that is told elsewhere.
    """
    lanes = collections.defaultdict(list)
    for record, acked in books.acked.items():
        ordering = sinks[record.topic].ordering
        if ordering != "none":
            lanes[record.log, acked.key if ordering == "key" else None].append(record)
    before = {}             # Record -> until when it had to wait
    for lane in lanes.values():
        due = 0.0
        for record in sorted(lane):
            before[record] = due
            due = max(due, settled.get(record, 0.0))
    unaware = losses.sent_before_noticed(books, told.losses)
    return [f"{one} before {before[one.record]}" for one in books.attempts
            if one.arrived < before.get(one.record, 0.0) - _TICK and not unaware(one)]


# Whatever else must not be

def _wrong_stops(books, told):
    stopping = {sink.name: sink.stops for sink in books.sinks}
    return [f"a task stopped: {line}" for connector, time, line in told.stops
            if not any(one.kind in stopping.get(connector, ()) and one.overlaps(time - STILL, time)
                       for one in books.windows)]


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
        elif one.record in books.early:
            wrong.append(f"sent, and was there before the group of `latest`: {one}")
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
        offsets[record.log].append(record.offset)
    for (*place, incarnation), commits in books.commits.items():
        unseen = offsets[*place, incarnation]
        for commit in commits:
            covered = [one for one in unseen if commit.covers(one)]
            early = [one for one in covered
                     if settled.get(Record(*place, one, incarnation), float("inf")) > commit.time + _LATE]
            if early:
                wrong.append(f"committed before {Record(*place, early[0], incarnation)} was done: {commit}")
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
    """Rows (kind, times injected, records that were under way meanwhile, of these: counted as lost by the program, lost
    without; unexplained repeats then).
    """
    windows = collections.defaultdict(list)
    for one in books.windows:
        windows[one.kind].append(one)
    rows = {}
    for kind in dict.fromkeys(faults):
        def met(begin, end, of_kind=tuple(windows[kind])):
            return any(one.overlaps(begin, end) for one in of_kind)

        def waited(record):
            return met(books.acked[record].time, verdict.settled.get(record, float("inf")))
        rows[kind] = (
            len(windows[kind]), sum(map(waited, books.acked)), sum(map(waited, verdict.counted)),
            sum(map(waited, verdict.lost)),
            sum(met(begin_of(one.settled), begin_of(one.attempt)) for one in verdict.unexplained))
    return rows
