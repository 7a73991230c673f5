"""What may be missing: books in which Kafka removed records, each with one fault of the program in the telling."""

import struct

import pytest

from books import RESPONSE_ERROR, Acked, Commit, Deletion, Life, Recreation, Window, read_commits
from stories import TOPIC, Story, attempt, line, record


def lost_line(time, first, next_, count=None, reason="retention"):
    return line(time, "records lost", topic=TOPIC, partition=0, **{"from": first}, to=next_,
                records=next_ - first if count is None else count, reason=reason)


def counted(life, count, reason="retention"):
    life.lost = {(TOPIC, reason): count}


def overtaken(reported=True, at=11.7):
    """Retention takes the second record before it is delivered; delivery goes on at the third."""
    story = Story()
    del story.attempts[1]
    story.deletions.append(Deletion((TOPIC, 0, 0), 2, 11.2, 11.3))
    if reported:
        story.lives[0].lines.append(lost_line(at, 1, 2))
        counted(story.lives[0], 1)
    return story


def test_what_was_removed_and_reported_is_counted_and_not_lost():
    verdict = overtaken().verdict()
    assert not verdict.problems() and verdict.counted == [record(1)]


def test_what_was_removed_and_not_reported_is_lost():
    assert overtaken(reported=False).verdict().lost == [record(1)]


def test_a_report_of_what_nobody_removed_is_wrong():
    story = overtaken()
    story.deletions.clear()
    story.must_show("nobody had deleted it")


def test_a_report_that_comes_before_its_records_are_removed_is_wrong():
    overtaken(at=11.1).must_show("nobody had deleted it")


def test_a_report_beyond_what_was_removed_is_wrong():
    story = overtaken()
    story.lives[0].lines[-1] = lost_line(11.7, 1, 3)
    counted(story.lives[0], 2)
    assert any("nobody had deleted it" in one for one in story.problems())


@pytest.mark.parametrize("count, words", [(0, "reported 0 as lost, and 1 to 1"), (2, "reported 2 as lost, and 1 to 1")])
def test_a_report_of_too_few_or_too_many_is_wrong(count, words):
    story = overtaken()
    story.lives[0].lines[-1] = lost_line(11.7, 1, 2, count)
    counted(story.lives[0], count)
    assert any(words in one for one in story.problems())


def test_a_report_that_leaves_out_what_is_missing_is_wrong():
    story = overtaken()
    story.attempts.clear()
    story.lives[0].lines[-1] = lost_line(11.7, 0, 2, 1)
    story.attempts.append(attempt(2, 12.0))
    story.must_show("reported 1 as lost, and 2 to 2 were")


@pytest.mark.parametrize("count, right", [(2, True), (3, False)])
def test_what_a_commit_told_to_be_finished_beyond_its_position_is_not_counted_as_lost(count, right):
    """The second of four records is delivered and committed as such; then all of them are removed."""
    story = Story(ordering="none")
    story.acked[record(3)] = Acked(3, b"k", 1.0)
    story.attempts[:] = [attempt(1, 10.0), attempt(3, 60.0, "a2")]
    story.commits.append(Commit(11.0, 0, ((1, 1),)))
    story.second_life("killed", at=20.0)
    story.deletions.append(Deletion((TOPIC, 0, 0), 3, 20.1, 20.2))
    story.lives[1].lines.insert(0, lost_line(20.9, 0, 3, count))
    assert (not story.problems()) == right
    assert story.verdict().counted == [record(0), record(2)]


def test_what_was_reported_before_need_not_be_counted_again():
    """The second of three records is reported and committed as finished; then the first goes as well."""
    story = Story(ordering="none")
    story.attempts[:] = [attempt(2, 60.0, "a2")]
    story.lives[0].lines.append(lost_line(11.5, 1, 2))
    story.deletions += [Deletion((TOPIC, 0, 0), 2, 11.0, 11.1), Deletion((TOPIC, 0, 0), 2, 15.0, 15.1)]
    story.commits.append(Commit(12.0, 0, ((1, 1),)))
    story.second_life("killed", at=20.0)
    story.lives[1].lines.insert(0, lost_line(20.9, 0, 2, 1))
    verdict = story.verdict()
    assert not verdict.problems() and verdict.counted == [record(0), record(1)]


@pytest.mark.parametrize("value", [0, 2])
def test_a_loss_that_the_metric_does_not_count_is_wrong(value):
    story = overtaken()
    counted(story.lives[0], value)
    story.must_show(f"counted {value} as lost (retention) and logged 1")


def test_a_loss_without_any_metric_is_wrong():
    story = overtaken()
    story.lives[0].lost = {}
    story.must_show("counted 0 as lost (retention) and logged 1")


def test_a_loss_without_a_line_is_lost_and_the_metric_is_wrong():
    story = overtaken()
    del story.lives[0].lines[-1]
    problems = story.problems()
    assert any("lost: " in one for one in problems) and any("counted 1 as lost" in one for one in problems)


def test_a_commit_beyond_what_is_lost_and_not_reported_yet_is_wrong():
    story = overtaken(at=13.0)
    story.commits.append(Commit(11.5, 2, ()))
    assert any("committed before" in one for one in story.problems())


def test_a_delivery_of_what_was_reported_as_lost_is_a_repeat():
    story = overtaken()
    story.attempts.insert(1, attempt(1, 11.8))
    story.must_show("unexplained repeat")


def delivered_and_lost(how):
    """Everything is delivered, then removed, and the next process reports it."""
    story = Story()
    story.second_life(how, at=20.0)
    story.deletions.append(Deletion((TOPIC, 0, 0), 3, 15.0, 15.1))
    story.lives[1].lines.insert(0, lost_line(20.9, 0, 3))
    return story


def test_a_report_of_what_was_delivered_is_explained_by_a_kill_before_the_commit():
    verdict = delivered_and_lost("killed").verdict()
    assert not verdict.problems() and not verdict.counted


def test_a_report_of_what_was_delivered_by_a_process_that_left_is_wrong():
    delivered_and_lost("left").must_show("reported 3 as lost, and 0 to 0")


def test_a_report_of_what_was_committed_is_wrong():
    story = delivered_and_lost("killed")
    story.commits.append(Commit(14.0, 3, ()))
    story.must_show("reported 3 as lost, and 0 to 0")


def test_a_loss_is_reported_once_by_a_process():
    story = overtaken()
    story.lives[0].lines.append(lost_line(13.5, 1, 2))
    counted(story.lives[0], 2)
    story.must_show("reported 1 as lost, and 0 to 0")


@pytest.mark.parametrize("how, right", [("killed", True), ("left", False)])
def test_a_loss_is_reported_again_by_the_next_process_after_a_kill_alone(how, right):
    story = overtaken()
    story.second_life(how, at=12.5)
    story.commits.append(Commit(12.2, 1, ()))
    story.lives[1].lines.insert(0, lost_line(13.4, 1, 2))
    story.attempts.append(attempt(2, 60.0, "a2"))
    assert any("reported 1 as lost, and 0 to 0" in one for one in story.problems()) != right


# A topic that is deleted and recreated

def recreated(old=1, new=3, reported=0):
    """Of the old topic's three records so many are delivered; the new one has three as well."""
    story = Story()
    story.recreations.append(Recreation(TOPIC, 20.0, 20.1, 20.2))
    story.acked.update({record(offset, 1): Acked(10 + offset, b"k", 20.3) for offset in range(3)})
    del story.attempts[old:]
    story.commits.append(Commit(15.0, old, ()))
    story.attempts += [attempt(offset, 30.0 + offset, incarnation=1)._replace(number=10 + offset)
                       for offset in range(3 - new, 3)]
    if reported:
        story.lives[0].lines.append(lost_line(21.0, old, 0, reported, "recreated"))
        counted(story.lives[0], reported, "recreated")
    return story


def test_the_offsets_of_a_recreated_topic_are_other_records():
    assert not recreated(old=3).problems()


def test_what_went_with_its_topic_and_was_reported_is_counted():
    verdict = recreated(reported=2).verdict()
    assert not verdict.problems() and verdict.counted == [record(1), record(2)]


def test_what_went_with_its_topic_and_was_not_reported_is_lost():
    assert recreated().verdict().lost == [record(1), record(2)]


def test_a_process_that_sent_nothing_of_the_new_topic_may_have_left_before():
    """Its connector was stopped, which no line about its partitions tells."""
    story = recreated()
    story.lives[0].lines += [line(60.0, "partitions assigned", partitions=f"{TOPIC}[0]")]
    story.lives.append(Life("a0", 1.0, 100.0, "left", [line(20.4, "partitions assigned", partitions=f"{TOPIC}[0]")]))
    story.attempts[1:] = [one._replace(life="a0") for one in story.attempts[1:]]
    assert story.verdict().unseen == [record(1), record(2)]


def test_what_went_with_its_topic_while_nobody_was_there_is_unseen():
    story = recreated()
    story.second_life("killed", at=20.05)
    story.attempts[1:] = [one._replace(life="a2", arrived=one.arrived + 30, finished=one.finished + 30)
                          for one in story.attempts[1:]]
    verdict = story.verdict()
    assert not verdict.problems() and verdict.unseen == [record(1), record(2)]


def test_what_went_with_its_topic_is_lost_when_a_commit_had_passed_over_it():
    story = recreated()
    story.second_life("killed", at=20.05)
    story.attempts[1:] = [one._replace(life="a2", arrived=one.arrived + 30, finished=one.finished + 30)
                          for one in story.attempts[1:]]
    story.commits.append(Commit(15.5, 2, ()))
    assert any("committed before" in one for one in story.problems()) and story.verdict().lost == [record(1)]


def test_what_went_with_its_topic_is_lost_when_the_report_begins_beyond_it():
    story = recreated(reported=2)
    story.lives[0].lines[-1] = lost_line(21.0, 2, 0, 1, "recreated")
    counted(story.lives[0], 1, "recreated")
    story.windows.append(Window("SIGSTOP", 19.0, 22.0, "a1"))
    assert story.verdict().lost == [record(1)]


@pytest.mark.parametrize("had_it, lost", [(False, []), (True, [record(1, 1), record(2, 1)])])
def test_a_report_by_a_process_that_knew_an_older_log_alone_says_nothing_of_the_next_one(had_it, lost):
    """The topic is recreated twice; the one that had the partition in between is killed as it goes the second time."""
    story = recreated(old=3, new=3)
    between, last = story.attempts[3], story.attempts[3:]
    story.attempts[3:] = [between._replace(life="a0", arrived=24.0, finished=24.1)] + [
        one._replace(record=record(one.record.offset, 2), number=one.number + 10, arrived=one.arrived + 30,
                     finished=one.finished + 30) for one in last]
    story.acked.update({record(offset, 2): Acked(20 + offset, b"k", 40.3) for offset in range(3)})
    story.recreations.append(Recreation(TOPIC, 40.0, 40.1, 40.2))
    story.new_commits.append(Commit(25.0, 1, ()))
    revoked, assigned = 35.0 if had_it else 19.0, 50.0
    story.lives[0].lines += [line(revoked, "partitions revoked", partitions=f"{TOPIC}[0]"),
                             lost_line(assigned, 3, 0, 1, "recreated"),
                             line(assigned, "partitions assigned", partitions=f"{TOPIC}[0]")]
    counted(story.lives[0], 1, "recreated")
    story.lives.append(Life("a0", 1.0, 40.05, "killed", [line(22.0, "partitions assigned", partitions=f"{TOPIC}[0]")]))
    verdict = story.verdict()
    assert verdict.lost == lost and (had_it or verdict.unseen == [record(1, 1), record(2, 1)])


def test_the_beginning_of_a_recreated_topic_that_is_skipped_is_lost():
    assert recreated(old=3, new=2).verdict().lost == [record(0, 1)]


def test_a_commit_of_the_old_topics_position_in_the_new_one_is_wrong():
    story = recreated(old=3)
    story.new_commits.append(Commit(21.0, 3, ()))
    story.must_show("committed before")


def test_a_report_of_a_recreation_that_was_none_is_wrong():
    story = recreated(reported=2)
    story.recreations.clear()
    assert any("and it was not" in one for one in story.problems())


@pytest.mark.parametrize("count, right", [(0, False), (1, True), (2, True), (3, False)])
def test_how_many_went_with_the_topic_is_known_as_of_some_time_ago(count, right):
    story = recreated(reported=2)
    story.lives[0].lines[-1] = lost_line(21.0, 1, 0, count, "recreated")
    counted(story.lives[0], count, "recreated")
    assert any(f"reported {count} as lost, and 1 to 2" in one for one in story.problems()) != right


def test_a_recreation_is_reported_though_nothing_went_with_the_topic():
    story = recreated(old=3)
    story.lives[0].lines.append(lost_line(21.0, 3, 0, 1, "recreated"))
    counted(story.lives[0], 1, "recreated")
    assert not story.problems()


def read_on(noticed, *attempts):
    """The new topic is read from the old offset on, until the process notices."""
    story = recreated(old=3, new=3)
    story.attempts[3:3] = attempts
    if noticed:
        story.lives[0].lines.append(lost_line(noticed, 3, 0, 1, "recreated"))
        counted(story.lives[0], 1, "recreated")
    return story


def test_what_is_sent_before_a_recreation_is_noticed_explains_repeats_and_disorder():
    verdict = read_on(22.0, attempt(2, 21.0, incarnation=1)._replace(number=12)).verdict()
    assert not verdict.problems()
    assert verdict.explanations() == {"sent before the recreated topic was noticed": 1}


@pytest.mark.parametrize("noticed, sent", [(None, 21.0), (22.0, 23.0), (29.0, 28.0)])
def test_what_is_sent_without_noticing_or_after_or_for_too_long_explains_nothing(noticed, sent):
    story = read_on(noticed, attempt(2, sent, incarnation=1)._replace(number=12))
    problems = story.problems()
    assert any("unexplained repeat" in one for one in problems) and any("out of order" in one for one in problems)


def test_a_process_remembers_what_it_knew_before_it_gave_up_the_partition():
    """Its connector was stopped when the topic was recreated."""
    story = recreated()
    story.lives[0].lines += [line(19.0, "partitions revoked", partitions=f"{TOPIC}[0]"),
                             line(25.0, "partitions assigned", partitions=f"{TOPIC}[0]")]
    assert story.verdict().lost == [record(1), record(2)]
    story.new_commits.append(Commit(24.0, 0, ()))       # of another process
    assert story.verdict().unseen == [record(1), record(2)]


def test_a_report_of_a_truncation_is_wrong():
    story = overtaken()
    story.lives[0].lines[-1] = lost_line(11.7, 1, 2, reason="truncated")
    counted(story.lives[0], 1, "truncated")
    assert any("nothing of the kind was done" in one for one in story.problems())


def test_a_drop_is_of_the_record_that_was_sent_whatever_has_become_of_its_topic():
    """The line tells an offset, and may come after the topic is recreated."""
    story = recreated(old=1, reported=2)
    story.lives[0].lines[-1] = lost_line(21.0, 2, 0, 1, "recreated")
    counted(story.lives[0], 1, "recreated")
    story.sink.drops_after = 1
    story.attempts.insert(1, attempt(1, 19.0, verdict=RESPONSE_ERROR))
    story.lives[0].lines.append(line(20.5, "record dropped", topic=TOPIC, partition=0, offset=1, attempts=1))
    story.lives[0].dropped = {"c": 1}
    verdict = story.verdict()
    assert not verdict.problems() and verdict.counted == [record(2)]


# `latest`

def test_what_was_there_before_the_group_is_left_out():
    story = Story()
    story.early = {record(0)}
    del story.attempts[0]
    assert not story.problems()


def test_what_was_there_before_the_group_must_not_be_sent():
    story = Story()
    story.early = {record(0)}
    assert any("was there before the group" in one for one in story.problems())


# Dead letters

@pytest.mark.parametrize("kind, right", [("dead letter too large", True), ("dead letter not replicated", False)])
def test_a_dead_letter_that_can_never_be_written_is_what_may_stop_a_task(kind, right):
    story = Story()
    story.sink.stops = ("dead letter too large",)
    story.windows.append(Window(kind, 19.0, 21.0))
    story.lives[0].lines.append(line(20.0, "record stops the connector", connector="c", topic=TOPIC, partition=0,
                                     offset=1))
    assert (not story.problems()) == right


def test_a_process_that_was_frozen_when_its_topic_was_recreated_may_have_noticed_nothing():
    story = recreated()
    story.windows.append(Window("SIGSTOP", 19.0, 22.0, "a1"))
    assert story.verdict().unseen == [record(1), record(2)]


def test_a_process_to_which_the_partition_came_later_can_not_know():
    story = recreated()
    story.lives.append(Life("a0", 1.0, 100.0, "left", []))
    story.lives[0].lines[0] = line(20.15, "partitions assigned", partitions=f"{TOPIC}[0]")
    story.lives[1].lines.append(line(2.0, "partitions assigned", partitions=f"{TOPIC}[0]"))
    story.lives[1].lines.append(line(20.05, "partitions revoked", partitions=f"{TOPIC}[0]"))
    story.attempts[0] = story.attempts[0]._replace(life="a0")
    assert story.verdict().unseen == [record(1), record(2)]


# The group's commits

class Message:
    """One record of __consumer_offsets: a commit of group `g`, or its tombstone."""

    def __init__(self, time, position):
        text = lambda value: struct.pack(">h", len(value)) + value
        self.key = lambda: struct.pack(">h", 1) + text(b"g") + text(TOPIC.encode()) + struct.pack(">i", 0)
        self.value = lambda: position and struct.pack(">hqi", 3, position, -1) + text(b"") + struct.pack(">q", 0)
        self.timestamp = lambda: (1, int(time * 1000))


def test_commits_are_of_the_log_that_was_there():
    messages = [Message(10.0, 7), Message(20.05, None), Message(20.15, 1), Message(25.0, 2)]
    commits = read_commits(messages, {"g"}, [Recreation(TOPIC, 20.0, 20.1, 20.2)])
    assert commits == {(TOPIC, 0, 0): [Commit(10.0, 7, ())], (TOPIC, 0, 1): [Commit(20.15, 1, ()), Commit(25.0, 2, ())]}
    assert read_commits(messages, {"another"}) == {}
