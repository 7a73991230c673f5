"""Compares what the program reported as lost with what Kafka really removed."""

import collections

from history import Attempt, Loss

# A process that kept a partition this long after its topic was recreated must have noticed.
NOTICE_TIME = 5.0
READ_DELAY = 1.0          # the program may not have read an answer written less than this before a report


def by_record(history, losses):
    """Returns Record -> the Losses that cover it, by time."""
    topic_partitions = collections.defaultdict(list)
    for record in history.acked:
        topic_partitions[record.topic_partition].append(record)
    reported = collections.defaultdict(list)
    for loss in sorted(losses, key=lambda one: one.time):
        for record in topic_partitions[loss.topic_partition]:
            if loss.covers(record) and record not in history.early:
                reported[record].append(loss)
    return reported


def unnoticed(history, log_events, missing):
    """Returns the missing records that were deleted with their topic and that no process could report: no commit covers
    them, no process that had read the old log reported a loss beyond them, and no process that knew of a commit in the
    old log was left to find the new one. Nor can a process report a record for which it has taken, before it noticed,
    the one with the same offset in the new log.
    """
    unaware = sent_before_noticed(history, log_events.losses)
    mistaken = {one.record._replace(incarnation=one.record.incarnation - 1) for one in history.attempts
                if one.record.incarnation and unaware(one)}
    noticeable = {}      # Record.log -> whether a process should have noticed its recreation
    found = set()
    for record in missing:
        recreation = _recreation_after(history, record)
        if recreation is not None and record in mistaken:
            found.add(record)
            continue
        if recreation is None or any(one.covers(record.offset) for one in history.commits.get(record.log, ())):
            continue
        if any(one.reason == "recreated" and one.topic_partition == record.topic_partition
               and one.incarnation == record.incarnation + 1
               and _had_partition(history, log_events, one.process, record, recreation) for one in log_events.losses):
            continue
        if record.log not in noticeable:
            noticeable[record.log] = any(_should_have_noticed(history, log_events, process, record, recreation)
                                         for process in history.processes)
        if not noticeable[record.log]:
            found.add(record)
    return found


def _recreation_after(history, record):
    """Returns the recreation that deleted this record, or None if its topic still exists."""
    of_topic = [one for one in history.recreations if one.topic == record.topic]
    return of_topic[record.incarnation] if record.incarnation < len(of_topic) else None


def _had_partition(history, log_events, process, record, recreation):
    """Whether the process had the partition while the record's log existed, so that its offsets are in that log."""
    created = max((one for one in history.recreations if one.topic == record.topic and one.gone < recreation.gone),
                  key=lambda one: one.gone, default=None)
    assignments = log_events.assignments.get((process, *record.topic_partition), ())
    # An assignment of the log before may end a moment after that one was gone, and before the next was created.
    return any(one.start < recreation.gone and (created is None or one.end > created.end or one.start > created.gone)
               for one in assignments)


def _should_have_noticed(history, log_events, process, record, recreation):
    """Whether the process knew of a commit in the old log and was the first to read the new one."""
    begin, end = recreation.begin, recreation.end + NOTICE_TIME
    assignments = log_events.assignments.get((process.name, *record.topic_partition), ())
    had = [one for one in assignments if one.start < begin and any(
        commit.time < min(begin, one.end) for commit in history.commits.get(record.log, ()))]
    if not had:
        return False
    hindered = any(one.overlaps(begin, end) for one in history.windows
                   if one.kind == "broker kill -9" or one.kind == "SIGSTOP" and one.process == process.name)
    if had[-1].end > begin:
        # Leaving is not logged; a request shows that the process still had the partition.
        sent = any(one.process == process.name and one.record.topic_partition == record.topic_partition
                   and recreation.gone < one.arrived < had[-1].end for one in history.attempts)
        return had[-1].end > end and sent and not hindered
    # It lost the partition before, and remembers the commit.
    later = next((one.start for one in assignments if one.start > recreation.gone), None)
    first = min((one.time for one in history.commits.get((*record.topic_partition, record.incarnation + 1), ())),
                default=float("inf"))
    return later is not None and later < first


def sent_before_noticed(history, losses):
    """Returns a predicate of an Attempt: its process had not yet noticed the recreation, and continued at the old
    offset in the new log.
    """
    noticed = collections.defaultdict(list)
    for loss in losses:
        if loss.reason == "recreated":
            noticed[loss.process, *loss.topic_partition, loss.incarnation].append(loss.time)

    def sent_unaware(attempt):
        times = noticed.get((attempt.process, *attempt.record.log))
        if not times or attempt.arrived > max(times):
            return False
        of_topic = [one for one in history.recreations if one.topic == attempt.record.topic]
        return attempt.arrived < of_topic[attempt.record.incarnation - 1].end + NOTICE_TIME
    return sent_unaware


def violations(history, log_events, reported, outcomes, explain):
    """`outcomes`: Record -> the events that resolve it; `explain` explains a Loss that covers a resolved record."""
    records = collections.defaultdict(list)
    for record, of_record in reported.items():
        for loss in of_record:
            records[loss].append(record)
    return ([text for loss in log_events.losses
             for text in _check_report(history, loss, records[loss], outcomes, explain)]
            + _check_counts(history, log_events))


def _check_report(history, loss, covered, outcomes, explain):
    """Finds reports of records that still exist, and impossible counts."""
    if loss.reason == "retention":
        if not any(one.log == (*loss.topic_partition, loss.incarnation) and one.begin <= loss.time
                   and one.before >= loss.next for one in history.deletions):
            yield f"reported as lost, but not deleted: {loss}"
    elif loss.reason == "recreated":
        if not loss.incarnation:
            yield f"reported as recreated, but never was: {loss}"
    else:
        yield f"reported as lost for a reason that did not occur: {loss}"
        return
    most = missing = 0
    for record in covered:
        events = outcomes(record)
        # Records of an earlier report may be committed as finished.
        missing += all(isinstance(one, Loss) and one.time >= loss.time for one in events)
        before = [one for one in events if one is not loss and _end(one) < loss.time - READ_DELAY]
        most += not before or explain(record, loss, max(before, key=_end)) is not None
    if loss.reason == "recreated":
        # The program knows the end of the old log and its finished offsets only as of some time ago, and reports at
        # least one record.
        most, missing = max(len(covered), 1), 1
    if not missing <= loss.count <= most or not loss.count:
        yield f"reported {loss.count} as lost, expected {missing} to {most}: {loss}"


def _end(event):
    return event.finished if isinstance(event, Attempt) else event.time


def _check_counts(history, log_events):
    """Compares records_lost_total with the log lines of the same process."""
    logged = collections.Counter()
    for loss in log_events.losses:
        logged[loss.process, loss.topic_partition[0], loss.reason] += loss.count
    found = []
    for process in history.processes:
        counted = {key: value for key, value in (process.lost or {}).items() if value or logged[process.name, *key]}
        if process.final:
            counted.update((key[1:], 0) for key in logged if key[0] == process.name and key[1:] not in counted)
        for (topic, reason), value in counted.items():
            lines = logged[process.name, topic, reason]
            if value > lines or process.final and value != lines:
                found.append(f"{process.name}: {topic} counted {value:g} as lost ({reason}) and logged {lines}")
    return found
