"""What the program reported as lost, beside what Kafka really removed."""

import collections

from books import Attempt, Loss

# A process that had a partition for so long after its topic was recreated must have noticed.
NOTICED = 5.0
JUST = 1.0          # an answer that was written just before a report may not have been read


def by_record(books, losses):
    """Record -> the Losses whose range it is in, in order of time."""
    places = collections.defaultdict(list)
    for record in books.acked:
        places[record.place].append(record)
    reported = collections.defaultdict(list)
    for loss in sorted(losses, key=lambda one: one.time):
        for record in places[loss.place]:
            if loss.covers(record) and record not in books.early:
                reported[record].append(loss)
    return reported


def unseen(books, told, missing):
    """Of the missing records those that went with their topic, and of which no process could tell: none committed
    anything beyond them, none that had read the old log reported a loss that begins beyond them, and none that knew of
    a commit in the old log was left to find another one.
    """
    knew = {}
    found = set()
    for record in missing:
        recreation = _recreation_after(books, record)
        if recreation is None or any(one.covers(record.offset) for one in books.commits.get(record.log, ())):
            continue
        if any(one.reason == "recreated" and one.place == record.place and one.incarnation == record.incarnation + 1
               and _had(books, told, one.life, record, recreation) for one in told.losses):
            continue
        if record.log not in knew:
            knew[record.log] = any(_knew(books, told, life, record, recreation) for life in books.lives)
        if not knew[record.log]:
            found.add(record)
    return found


def _recreation_after(books, record):
    """That which took this record away; None when its topic is the newest."""
    of_topic = [one for one in books.recreations if one.topic == record.topic]
    return of_topic[record.incarnation] if record.incarnation < len(of_topic) else None


def _had(books, told, life, record, recreation):
    """Whether the process had the partition while the record's log was there: only then do its offsets count in it."""
    begin = max((one.gone for one in books.recreations if one.topic == record.topic and one.gone < recreation.gone),
                default=0.0)
    return any(one.start < recreation.gone and one.end > begin for one in told.tenures.get((life, *record.place), ()))


def _knew(books, told, life, record, recreation):
    """Whether the process knew of a commit in the old log, and was the one to find another log in its place."""
    begin, end = recreation.begin, recreation.end + NOTICED
    tenures = told.tenures.get((life.name, *record.place), ())
    had = [one for one in tenures if one.start < begin and any(
        commit.time < min(begin, one.end) for commit in books.commits.get(record.log, ()))]
    if not had:
        return False
    hindered = any(one.overlaps(begin, end) for one in books.windows
                   if one.kind == "broker kill -9" or one.kind == "SIGSTOP" and one.life == life.name)
    if had[-1].end > begin:
        # That it left is not logged where it does: what it sent tells that it was still there.
        sent = any(one.life == life.name and one.record.place == record.place and one.arrived > recreation.gone
                   and one.arrived < had[-1].end for one in books.attempts)
        return had[-1].end > end and sent and not hindered
    # It gave up the partition before, and remembers.
    later = next((one.start for one in tenures if one.start > recreation.gone), None)
    first = min((one.time for one in books.commits.get((*record.place, record.incarnation + 1), ())),
                default=float("inf"))
    return later is not None and later < first


def sent_before_noticed(books, losses):
    """A test of an Attempt: whether its process did not know yet that this was another log. From there it read on at
    the old offset, until it asked what is committed.
    """
    noticed = collections.defaultdict(list)
    for loss in losses:
        if loss.reason == "recreated":
            noticed[loss.life, *loss.place, loss.incarnation].append(loss.time)

    def test(attempt):
        times = noticed.get((attempt.life, *attempt.record.log))
        if not times or attempt.arrived > max(times):
            return False
        of_topic = [one for one in books.recreations if one.topic == attempt.record.topic]
        return attempt.arrived < of_topic[attempt.record.incarnation - 1].end + NOTICED
    return test


def wrong(books, told, reported, settling, why):
    """`settling`: Record -> the events that settle it; `why` explains that a Loss names what such an event settled."""
    records = collections.defaultdict(list)
    for record, of_record in reported.items():
        for loss in of_record:
            records[loss].append(record)
    return ([text for loss in told.losses for text in _wrong_report(books, loss, records[loss], settling, why)]
            + _wrong_counts(books, told))


def _wrong_report(books, loss, covered, settling, why):
    """Reports of what is still there, or of a number that can't be."""
    if loss.reason == "retention":
        if not any(one.log == (*loss.place, loss.incarnation) and one.begin <= loss.time and one.before >= loss.next
                   for one in books.deletions):
            yield f"reported as lost, and nobody had deleted it: {loss}"
    elif loss.reason == "recreated":
        if not loss.incarnation:
            yield f"reported as recreated, and it was not: {loss}"
    else:
        yield f"reported as lost, and nothing of the kind was done: {loss}"
        return
    most = missing = 0
    for record in covered:
        events = settling(record)
        # Another loss that was reported before may be known as finished.
        missing += all(isinstance(one, Loss) and one.time >= loss.time for one in events)
        before = [one for one in events if one is not loss and _end(one) < loss.time - JUST]
        most += not before or why(record, loss, max(before, key=_end)) is not None
    if loss.reason == "recreated":
        # How long the old log was, and what of it was finished, is known as of some time ago; one at least is
        # counted, so that somebody looks.
        most, missing = max(len(covered), 1), 1
    if not missing <= loss.count <= most or not loss.count:
        yield f"reported {loss.count} as lost, and {missing} to {most} were: {loss}"


def _end(event):
    return event.finished if isinstance(event, Attempt) else event.time


def _wrong_counts(books, told):
    """records_lost_total beside the lines of the same process."""
    logged = collections.Counter()
    for loss in told.losses:
        logged[loss.life, loss.place[0], loss.reason] += loss.count
    found = []
    for life in books.lives:
        counted = {key: value for key, value in (life.lost or {}).items() if value or logged[life.name, *key]}
        if life.final:
            counted.update((key[1:], 0) for key in logged if key[0] == life.name and key[1:] not in counted)
        for (topic, reason), value in counted.items():
            lines = logged[life.name, topic, reason]
            if value > lines or life.final and value != lines:
                found.append(f"{life.name}: {topic} counted {value:g} as lost ({reason}) and logged {lines}")
    return found
