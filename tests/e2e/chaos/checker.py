"""Checks the history of a round: no record is lost, order is kept, and a fault explains every repeat."""

import collections
import dataclasses

import loss_checker
from history import RESPONSE_ERROR, Attempt, Drop, Loss, Record, read_logs

# The program may have given up on an answer that took longer: the shortest read timeout, less a second.
SLOW_ANSWER = 4.0
COMMIT_COVERS = 5.0     # every commit this long after a record is finished covers it
COMMIT_EXISTS = 2 * COMMIT_COVERS  # a commit exists this long after a record is finished
REVOCATION = 20.0       # longest wait of a revocation for requests in flight and for the commit
SESSION = 5.0           # session timeout of a member
REJOIN = 30.0           # a session, and rejoining the group
STOP_DELAY = 2.0        # a task may stop this long after the end of the fault
_TICK = 0.002           # resolution of the log's timestamps
_RECORDING_DELAY = 1.0  # the endpoint records the time of an answer after writing it


@dataclasses.dataclass
class Repeat:
    """A request for a record that was already resolved."""
    attempt: Attempt
    earlier: object         # the Attempt, Drop or Loss that had resolved the record
    explanation: str        # None: unexplained

    def __str__(self):
        return f"{self.attempt}\n    after {self.earlier}"


def start_of(event):
    return event.arrived if isinstance(event, Attempt) else event.time


def end_of(event):
    return event.finished if isinstance(event, Attempt) else event.time


@dataclasses.dataclass
class Findings:
    """What the checker found in a history."""
    lost: list              # Records that are missing and were not reported
    reported_lost: list     # Records that are missing and were reported as lost
    unnoticed: list         # Records deleted with their topic while no process could notice
    repeats: list           # Repeats
    out_of_order: list      # texts
    violations: list        # texts: all other violations
    resolved: dict          # Record -> when it was first delivered, dropped or reported as lost

    @property
    def unexplained(self):
        return [one for one in self.repeats if one.explanation is None]

    def problems(self):
        return ([f"lost: {one}" for one in self.lost] + [f"unexplained repeat: {one}" for one in self.unexplained]
                + [f"out of order: {one}" for one in self.out_of_order] + self.violations)

    def explanations(self):
        return collections.Counter(one.explanation or "UNEXPLAINED" for one in self.repeats)


def check(history):
    """Returns the Findings about a History."""
    log_events = read_logs(history)
    by_record = collections.defaultdict(list)
    for attempt in history.attempts:
        by_record[attempt.record].append(attempt)
    drops = collections.defaultdict(list)
    for drop in log_events.drops:
        drops[drop.record].append(drop)
    reported = loss_checker.by_record(history, log_events.losses)
    connectors = {topic: connector for connector in history.connectors for topic in connector.topics}

    def outcomes(record):
        return [*(one for one in by_record.get(record, ()) if one.delivers), *drops.get(record, ()),
                *reported.get(record, ())]
    resolved = dict.fromkeys(history.early, 0.0)
    for record in {*by_record, *drops, *reported}:
        if of_record := outcomes(record):
            resolved[record] = min(map(end_of, of_record))
    missing = [record for record in sorted(history.acked) if record not in resolved]
    unnoticed = loss_checker.unnoticed(history, log_events, missing)
    explainer = _Explainer(history, log_events)
    violations = (_check_stops(history, log_events) + _check_drops(history, log_events, by_record, drops, connectors)
                  + _check_requests(history) + _check_counts(history, log_events) + _check_commits(history, resolved)
                  + _check_concurrent_attempts(by_record, log_events)
                  + loss_checker.violations(history, log_events, reported, outcomes, explainer.explain))
    return Findings(
        lost=[record for record in missing if record not in unnoticed],
        reported_lost=sorted(record for record in reported if all(isinstance(one, Loss) for one in outcomes(record))),
        unnoticed=sorted(unnoticed),
        repeats=[one for record, attempts in by_record.items()
                 for one in _repeats(record, [*attempts, *drops.get(record, ()), *reported.get(record, ())],
                                     explainer)],
        out_of_order=_find_out_of_order(history, log_events, resolved, connectors),
        violations=violations, resolved=resolved)


# Repeats

def _repeats(record, events, explainer):
    """Yields every request sent after the record was resolved, and every delivery concurrent with another one."""
    # A log line precedes its consequences but may have the same timestamp.
    events = sorted(events, key=lambda one: (start_of(one) + _TICK * isinstance(one, Drop), isinstance(one, Attempt)))
    for at, attempt in enumerate(events):
        if not isinstance(attempt, Attempt):
            continue
        before = [one for one in events[:at] if not isinstance(one, Attempt) or one.delivers
                  and (one.finished < attempt.arrived or attempt.delivers)]
        if before:
            last = max(before, key=end_of)
            yield Repeat(attempt, last, explainer.explain(record, attempt, last))


class _Explainer:
    """Explains repeats by the faults of the round."""

    def __init__(self, history, log_events):
        self._log_events = log_events
        self._killed = {process.name: process.end for process in history.processes if process.how == "killed"}
        self._commits = history.commits
        self._outages = [one for one in history.windows if one.kind == "broker kill -9"]
        self._frozen = [one for one in history.windows if one.kind == "SIGSTOP"]
        self._refusals = [one.begin for one in history.windows if one.kind == "refuse"]
        self._last = {one.connection: one for one in history.attempts}
        self._sent_unaware = loss_checker.sent_before_noticed(history, log_events.losses)

    def _assignment(self, event, topic_partition):
        # A loss is logged before the assignment of its partition.
        find = self._log_events.next_assignment if isinstance(event, Loss) else self._log_events.assignment
        return find(event.process, topic_partition, start_of(event))

    def explain(self, record, event, resolved):
        """Returns the fault that justifies this event after that outcome, or None."""
        now, then = self._assignment(event, record.topic_partition), self._assignment(resolved, record.topic_partition)
        if now is None or then is None:
            return None         # the partition was never assigned to one of the processes
        began, time = max(start_of(event), now.start), end_of(resolved)
        committed = min((one.time for one in self._commits.get(record.log, []) if one.covers(record.offset)),
                        default=float("inf"))
        if committed < now.start:
            return None         # the assignment came with a commit that covers the record
        if isinstance(resolved, Attempt) and self._sent_unaware(resolved):
            return "sent before the recreated topic was noticed"
        both_sent = isinstance(event, Attempt) and isinstance(resolved, Attempt)
        missed = self._explain_missed_answer(resolved, event, now == then) if both_sent else None
        if now == then:
            return missed if committed > began else None
        if committed < began or self._came_too_late(now, then) or then.process != now.process and then.start > now.start:
            # The partition already belongs to another member, and this one does not know.
            if self._was_frozen(event.process, now.start, began) or self._came_too_late(now, then):
                return "frozen while the partition moved to another member"
            return "no broker to announce the revocation" if self._broker_was_down(now.start, began) else None
        if not missed and self._was_left_uncommitted(time, then, record):
            return None         # no fault prevented the commit
        # A revoked partition is committed once its requests in flight have ended.
        if self._killed_before_commit(time, then, now):
            return "killed before the commit"
        if then.how == "lost":
            # Without a fault the machine was too slow for the session timeout; such repeats are listed separately.
            begin = then.end - REJOIN
            injected = self._broker_was_down(begin, then.end) or self._was_frozen(then.process, begin, then.end)
            return "partition lost before the commit" if injected else "partition lost by an expired session"
        if self._was_frozen(then.process, time, now.start):
            return "frozen before the commit"
        # A member whose session expired without a broker must rejoin, and a member that leaves does not.
        no_broker = (self._broker_was_down(time, now.start)
                     or then.how == "left" and self._broker_was_down(then.end - SESSION, then.end))
        return "no broker for the commit" if no_broker else missed

    def _came_too_late(self, assignment, other):
        """Whether the process was frozen from before this assignment until another member had the partition."""
        return (assignment.how == "lost" and other.process != assignment.process and other.end > assignment.start
                and self._was_frozen(assignment.process, other.start, assignment.start))

    def _killed_before_commit(self, time, then, now):
        killed = self._killed.get(then.process, float("inf"))
        if then.how == "revoked":
            return killed < min(now.start, then.end + REVOCATION)
        if then.how != "killed":
            return False
        return (killed < time + COMMIT_EXISTS or self._broker_was_down(time, killed)
                or self._was_frozen(then.process, time, killed))

    def _was_left_uncommitted(self, time, assignment, record):
        """Whether the process made a commit long after the record was finished that does not cover it."""
        return any(time + COMMIT_COVERS < one.time < assignment.end and not one.covers(record.offset)
                   and not self._broker_was_down(time, one.time)
                   and not self._was_frozen(assignment.process, time, one.time)
                   for one in self._commits.get(record.log, []))

    def _broker_was_down(self, begin, end):
        return any(one.overlaps(begin, end) for one in self._outages)

    def _was_frozen(self, process, begin, end):
        return any(one.process == process and one.overlaps(begin, end) for one in self._frozen)

    def _explain_missed_answer(self, answered, repeated, must_be_logged):
        """Why the process may have missed the written answer. A process that keeps running logs the retry."""
        retries = self._log_events.retries.get((answered.process, answered.record), [])
        logged = any(answered.finished - _TICK <= one <= repeated.arrived for one in retries)
        if answered.finished - answered.arrived >= SLOW_ANSWER and (logged or not must_be_logged):
            return "the answer came too late"
        if logged and self._was_frozen(answered.process, answered.arrived, repeated.arrived):
            return "frozen past the time limit"
        aborted = self._last[answered.connection] is answered and any(
            one >= answered.finished for one in self._refusals)
        return "the connection was closed after the answer" if aborted and logged else None


# Order

def _find_out_of_order(history, log_events, resolved, connectors):
    """Returns requests sent before all earlier records of their ordering were resolved. Records that never were are
    reported as lost instead.
    """
    queues = collections.defaultdict(list)
    for record, acked in history.acked.items():
        ordering = connectors[record.topic].ordering
        if ordering != "none":
            queues[record.log, acked.key if ordering == "key" else None].append(record)
    before = {}             # Record -> the earliest time at which it may be sent
    for queue in queues.values():
        due = 0.0
        for record in sorted(queue):
            before[record] = due
            due = max(due, resolved.get(record, 0.0))
    sent_unaware = loss_checker.sent_before_noticed(history, log_events.losses)
    return [f"{one} before {before[one.record]}" for one in history.attempts
            if one.arrived < before.get(one.record, 0.0) - _TICK and not sent_unaware(one)]


# Other violations

def _check_stops(history, log_events):
    stopping = {connector.name: connector.stops for connector in history.connectors}
    return [f"a task stopped: {line}" for connector, time, line in log_events.stops
            if not any(one.kind in stopping.get(connector, ()) and one.overlaps(time - STOP_DELAY, time)
                       for one in history.windows)]


def _check_drops(history, log_events, by_record, drops, connectors):
    violations = []
    dead_letters = collections.Counter(history.dead_letters)
    for record in {*drops, *dead_letters}:
        connector, of_record = connectors[record.topic], drops.get(record, [])
        # The assignments in which it had enough response errors.
        errors = collections.Counter(log_events.assignment(one.process, record.topic_partition, one.arrived)
                                     for one in by_record.get(record, ())
                                     if one.verdict == RESPONSE_ERROR and one.finished)
        gave_up = {assignment for assignment, count in errors.items()
                   if connector.drops_after and count >= connector.drops_after}
        for drop in of_record:
            if connector.drops_after is None:
                violations.append(f"dropped by a connector that never drops: {drop}")
            elif log_events.assignment(drop.process, record.topic_partition, drop.time) not in gave_up:
                violations.append(f"dropped before {connector.drops_after} response errors: {drop}")
        if connector.dead_letters and of_record and not dead_letters[record]:
            violations.append(f"dropped without a dead letter: {of_record[0]}")
        # A process may end between writing a dead letter and logging the drop.
        if dead_letters[record] > len(gave_up):
            violations.append(f"{dead_letters[record]} dead letters for {len(gave_up)} drops: {record}")
        if dead_letters[record] and not of_record and all(one is None or one.how == "left" for one in gave_up):
            violations.append(f"a dead letter of a record that was not dropped: {record}")
    return violations


def _check_requests(history):
    violations = []
    for one in history.attempts:
        acked = history.acked.get(one.record)
        if acked is None:
            violations.append(f"sent a record that was never acknowledged: {one}")
        elif one.record in history.early:
            violations.append(f"sent a record older than the group of `latest`: {one}")
        elif (acked.number, acked.key) != (one.number, one.key):
            violations.append(f"body or key differs from {acked}: {one}")
        if history.secrets and history.secrets.get(one.secret, float("inf")) > one.arrived:
            violations.append(f"secret is not valid: {one}")
    return violations


def _check_counts(history, log_events):
    """Compares records_dropped_total with the log lines of the same process."""
    connector_of = {topic: connector.name for connector in history.connectors for topic in connector.topics}
    lines = collections.Counter((drop.process, connector_of[drop.record.topic]) for drop in log_events.drops)
    violations = []
    for process in history.processes:
        for connector, value in (process.dropped or {}).items():
            logged = lines[process.name, connector]
            if value > logged or process.final and value != logged:
                violations.append(f"{process.name}: {connector} counted {value:g} drops and logged {logged}")
    return violations


def _check_commits(history, resolved):
    """Finds commits that cover unfinished records."""
    violations = []
    offsets = collections.defaultdict(list)
    for record in sorted(history.acked):
        offsets[record.log].append(record.offset)
    for (*topic_partition, incarnation), commits in history.commits.items():
        uncovered = offsets[*topic_partition, incarnation]
        for commit in commits:
            covered = [one for one in uncovered if commit.covers(one)]
            records = [Record(*topic_partition, one, incarnation) for one in covered]
            unfinished = [one for one in records
                          if resolved.get(one, float("inf")) > commit.time + _RECORDING_DELAY]
            if unfinished:
                violations.append(f"committed before {unfinished[0]} was finished: {commit}")
            covered = set(covered)
            uncovered = [one for one in uncovered if one not in covered]
    return violations


def _check_concurrent_attempts(by_record, log_events):
    """Finds records sent while another attempt of the same assignment was in flight and not timed out."""
    violations = []
    for record, attempts in by_record.items():
        for one, next_ in zip(attempts, attempts[1:]):
            if (one.process == next_.process and one.finished and one.finished - one.arrived < SLOW_ANSWER
                    and next_.arrived < one.finished - _RECORDING_DELAY / 10
                    and log_events.assignment(one.process, record.topic_partition, one.arrived)
                    == log_events.assignment(one.process, record.topic_partition, next_.arrived)):
                violations.append(f"two attempts in flight at once: {one}\n    and {next_}")
    return violations


def table(faults, history, findings):
    """Returns kind of fault -> (times injected, records unresolved during it, how many of these were reported as lost,
    how many were lost without a report, unexplained repeats during it).
    """
    windows = collections.defaultdict(list)
    for one in history.windows:
        windows[one.kind].append(one)
    rows = {}
    for kind in dict.fromkeys(faults):
        def active(begin, end, of_kind=tuple(windows[kind])):
            return any(one.overlaps(begin, end) for one in of_kind)

        def was_unresolved(record):
            return active(history.acked[record].time, findings.resolved.get(record, float("inf")))
        rows[kind] = (
            len(windows[kind]), sum(map(was_unresolved, history.acked)),
            sum(map(was_unresolved, findings.reported_lost)),
            sum(map(was_unresolved, findings.lost)),
            sum(active(start_of(one.earlier), start_of(one.attempt)) for one in findings.unexplained))
    return rows
