"""Tests of the checker for records that Kafka removed: each history has one violation, or a fault that explains it."""

import struct

import pytest

from history import RESPONSE_ERROR, Acked, Commit, Deletion, Process, Recreation, Window, read_commits
from scenarios import TOPIC, Scenario, assigned, attempt, line, record


def lost_line(time, first, next_, count=None, reason="retention"):
    return line(time, "records lost", topic=TOPIC, partition=0, **{"from": first}, to=next_,
                records=next_ - first if count is None else count, reason=reason)


def set_lost_metric(process, count, reason="retention"):
    process.lost = {(TOPIC, reason): count}


def deleted_by_retention(reported=True, at=11.7):
    """Retention deletes the second record before its delivery; delivery continues with the third."""
    scenario = Scenario()
    del scenario.attempts[1]
    scenario.deletions.append(Deletion((TOPIC, 0, 0), 2, 11.2, 11.3))
    if reported:
        scenario.processes[0].lines.append(lost_line(at, 1, 2))
        set_lost_metric(scenario.processes[0], 1)
    return scenario


def test_a_deleted_and_reported_record_is_not_lost():
    findings = deleted_by_retention().findings()
    assert not findings.problems() and findings.reported_lost == [record(1)]


def test_a_deleted_and_unreported_record_is_lost():
    assert deleted_by_retention(reported=False).findings().lost == [record(1)]


def test_a_report_of_an_existing_record_is_a_violation():
    scenario = deleted_by_retention()
    scenario.deletions.clear()
    scenario.must_report_only("but not deleted")


def test_a_report_before_the_deletion_is_a_violation():
    deleted_by_retention(at=11.1).must_report_only("but not deleted")


def test_a_report_of_more_than_the_deleted_records_is_a_violation():
    scenario = deleted_by_retention()
    scenario.processes[0].lines[-1] = lost_line(11.7, 1, 3)
    set_lost_metric(scenario.processes[0], 2)
    assert any("but not deleted" in one for one in scenario.problems())


@pytest.mark.parametrize("count, words", [(0, "reported 0 as lost, expected 1 to 1"),
                                          (2, "reported 2 as lost, expected 1 to 1")])
def test_a_report_with_a_wrong_count_is_a_violation(count, words):
    scenario = deleted_by_retention()
    scenario.processes[0].lines[-1] = lost_line(11.7, 1, 2, count)
    set_lost_metric(scenario.processes[0], count)
    assert any(words in one for one in scenario.problems())


def test_a_report_that_omits_a_missing_record_is_a_violation():
    scenario = deleted_by_retention()
    scenario.attempts.clear()
    scenario.processes[0].lines[-1] = lost_line(11.7, 0, 2, 1)
    scenario.attempts.append(attempt(2, 12.0))
    scenario.must_report_only("reported 1 as lost, expected 2 to 2")


@pytest.mark.parametrize("count, correct", [(2, True), (3, False)])
def test_records_in_the_commit_metadata_are_not_counted_as_lost(count, correct):
    """The second of four records is delivered and committed as finished; then the first three are deleted."""
    scenario = Scenario(ordering="none")
    scenario.acked[record(3)] = Acked(3, b"k", 1.0)
    scenario.attempts[:] = [attempt(1, 10.0), attempt(3, 60.0, "a2")]
    scenario.commits.append(Commit(11.0, 0, ((1, 1),)))
    scenario.second_process("killed", at=20.0)
    scenario.deletions.append(Deletion((TOPIC, 0, 0), 3, 20.1, 20.2))
    scenario.processes[1].lines.insert(0, lost_line(20.9, 0, 3, count))
    assert (not scenario.problems()) == correct
    assert scenario.findings().reported_lost == [record(0), record(2)]


def test_a_later_report_need_not_count_a_reported_record_again():
    """The second of three records is reported and committed as finished; then the first one is deleted too."""
    scenario = Scenario(ordering="none")
    scenario.attempts[:] = [attempt(2, 60.0, "a2")]
    scenario.processes[0].lines.append(lost_line(11.5, 1, 2))
    scenario.deletions += [Deletion((TOPIC, 0, 0), 2, 11.0, 11.1), Deletion((TOPIC, 0, 0), 2, 15.0, 15.1)]
    scenario.commits.append(Commit(12.0, 0, ((1, 1),)))
    scenario.second_process("killed", at=20.0)
    scenario.processes[1].lines.insert(0, lost_line(20.9, 0, 2, 1))
    findings = scenario.findings()
    assert not findings.problems() and findings.reported_lost == [record(0), record(1)]


@pytest.mark.parametrize("value", [0, 2])
def test_a_loss_missing_from_the_metric_is_a_violation(value):
    scenario = deleted_by_retention()
    set_lost_metric(scenario.processes[0], value)
    scenario.must_report_only(f"counted {value} as lost (retention) and logged 1")


def test_a_loss_without_a_series_is_a_violation():
    scenario = deleted_by_retention()
    scenario.processes[0].lost = {}
    scenario.must_report_only("counted 0 as lost (retention) and logged 1")


def test_a_loss_without_a_log_line_is_lost_and_contradicts_the_metric():
    scenario = deleted_by_retention()
    del scenario.processes[0].lines[-1]
    problems = scenario.problems()
    assert any("lost: " in one for one in problems) and any("counted 1 as lost" in one for one in problems)


def test_a_commit_past_an_unreported_loss_is_a_violation():
    scenario = deleted_by_retention(at=13.0)
    scenario.commits.append(Commit(11.5, 2, ()))
    assert any("committed before" in one for one in scenario.problems())


def test_a_delivery_after_a_report_as_lost_is_a_repeat():
    scenario = deleted_by_retention()
    scenario.attempts.insert(1, attempt(1, 11.8))
    scenario.must_report_only("unexplained repeat")


def delivered_then_deleted(how):
    """All records are delivered, then deleted, and the next process reports them as lost."""
    scenario = Scenario()
    scenario.second_process(how, at=20.0)
    scenario.deletions.append(Deletion((TOPIC, 0, 0), 3, 15.0, 15.1))
    scenario.processes[1].lines.insert(0, lost_line(20.9, 0, 3))
    return scenario


def test_a_kill_before_the_commit_explains_a_report_of_delivered_records():
    findings = delivered_then_deleted("killed").findings()
    assert not findings.problems() and not findings.reported_lost


def test_a_report_of_delivered_records_after_a_graceful_stop_is_a_violation():
    delivered_then_deleted("left").must_report_only("reported 3 as lost, expected 0 to 0")


def test_a_report_of_committed_records_is_a_violation():
    scenario = delivered_then_deleted("killed")
    scenario.commits.append(Commit(14.0, 3, ()))
    scenario.must_report_only("reported 3 as lost, expected 0 to 0")


def test_a_second_report_by_the_same_process_is_a_violation():
    scenario = deleted_by_retention()
    scenario.processes[0].lines.append(lost_line(13.5, 1, 2))
    set_lost_metric(scenario.processes[0], 2)
    scenario.must_report_only("reported 1 as lost, expected 0 to 0")


@pytest.mark.parametrize("how, correct", [("killed", True), ("left", False)])
def test_only_a_kill_explains_a_second_report_by_the_next_process(how, correct):
    scenario = deleted_by_retention()
    scenario.second_process(how, at=12.5)
    scenario.commits.append(Commit(12.2, 1, ()))
    scenario.processes[1].lines.insert(0, lost_line(13.4, 1, 2))
    scenario.attempts.append(attempt(2, 60.0, "a2"))
    assert any("reported 1 as lost, expected 0 to 0" in one for one in scenario.problems()) != correct


# Recreated topics

def recreated(old=1, new=3, reported=0):
    """Delivers `old` of the three records of the old topic, and the last `new` of the three of the new one."""
    scenario = Scenario()
    scenario.recreations.append(Recreation(TOPIC, 20.0, 20.1, 20.2))
    scenario.acked.update({record(offset, 1): Acked(10 + offset, b"k", 20.3) for offset in range(3)})
    del scenario.attempts[old:]
    scenario.commits.append(Commit(15.0, old, ()))
    scenario.attempts += [attempt(offset, 30.0 + offset, incarnation=1)._replace(number=10 + offset)
                          for offset in range(3 - new, 3)]
    if reported:
        scenario.processes[0].lines.append(lost_line(21.0, old, 0, reported, "recreated"))
        set_lost_metric(scenario.processes[0], reported, "recreated")
    return scenario


def test_equal_offsets_of_a_recreated_topic_are_different_records():
    assert not recreated(old=3).problems()


def test_records_deleted_with_their_topic_and_reported_are_not_lost():
    findings = recreated(reported=2).findings()
    assert not findings.problems() and findings.reported_lost == [record(1), record(2)]


def test_records_deleted_with_their_topic_and_unreported_are_lost():
    assert recreated().findings().lost == [record(1), record(2)]


def test_a_process_without_requests_for_the_new_topic_may_have_left_before():
    """Its connector was stopped, which logs no revocation."""
    scenario = recreated()
    scenario.processes[0].lines += [assigned(60.0)]
    scenario.processes.append(Process("a0", 1.0, 100.0, "left", [assigned(20.4)]))
    scenario.attempts[1:] = [one._replace(process="a0") for one in scenario.attempts[1:]]
    assert scenario.findings().unnoticed == [record(1), record(2)]


def test_records_deleted_with_their_topic_while_no_process_ran_are_unnoticed():
    scenario = recreated()
    scenario.second_process("killed", at=20.05)
    scenario.attempts[1:] = [one._replace(process="a2", arrived=one.arrived + 30, finished=one.finished + 30)
                             for one in scenario.attempts[1:]]
    findings = scenario.findings()
    assert not findings.problems() and findings.unnoticed == [record(1), record(2)]


def test_records_deleted_with_their_topic_are_lost_if_a_commit_covers_them():
    scenario = recreated()
    scenario.second_process("killed", at=20.05)
    scenario.attempts[1:] = [one._replace(process="a2", arrived=one.arrived + 30, finished=one.finished + 30)
                             for one in scenario.attempts[1:]]
    scenario.commits.append(Commit(15.5, 2, ()))
    assert any("committed before" in one for one in scenario.problems()) and scenario.findings().lost == [record(1)]


def test_records_deleted_with_their_topic_are_lost_if_the_report_starts_after_them():
    scenario = recreated(reported=2)
    scenario.processes[0].lines[-1] = lost_line(21.0, 2, 0, 1, "recreated")
    set_lost_metric(scenario.processes[0], 1, "recreated")
    scenario.windows.append(Window("SIGSTOP", 19.0, 22.0, "a1"))
    assert scenario.findings().lost == [record(1)]


@pytest.mark.parametrize("how", ["partitions revoked", "left the consumer group"])
@pytest.mark.parametrize("ended, lost", [(19.0, []), (20.15, []), (35.0, [record(1, 1), record(2, 1)])],
                         ids=["before the first deletion", "before the first recreation", "after it"])
def test_a_report_by_a_process_that_read_an_older_log_does_not_cover_the_next_one(how, ended, lost):
    """The topic is recreated twice; the owner between the two is killed at the second recreation."""
    scenario = recreated(old=3, new=3)
    between, last = scenario.attempts[3], scenario.attempts[3:]
    scenario.attempts[3:] = [between._replace(process="a0", arrived=24.0, finished=24.1)] + [
        one._replace(record=record(one.record.offset, 2), number=one.number + 10, arrived=one.arrived + 30,
                     finished=one.finished + 30) for one in last]
    scenario.acked.update({record(offset, 2): Acked(20 + offset, b"k", 40.3) for offset in range(3)})
    scenario.recreations.append(Recreation(TOPIC, 40.0, 40.1, 40.2))
    scenario.new_commits.append(Commit(25.0, 1, ()))
    assigned_at = 50.0
    scenario.processes[0].lines += [line(ended, how, partitions=f"{TOPIC}[0]"),
                                    lost_line(assigned_at, 3, 0, 1, "recreated"),
                                    assigned(assigned_at)]
    set_lost_metric(scenario.processes[0], 1, "recreated")
    scenario.processes.append(Process("a0", 1.0, 40.05, "killed", [assigned(22.0)]))
    findings = scenario.findings()
    assert findings.lost == lost and (lost or findings.unnoticed == [record(1, 1), record(2, 1)])


def test_the_skipped_start_of_a_recreated_topic_is_lost():
    assert recreated(old=3, new=2).findings().lost == [record(0, 1)]


def test_a_commit_of_the_old_position_in_the_recreated_topic_is_a_violation():
    scenario = recreated(old=3)
    scenario.new_commits.append(Commit(21.0, 3, ()))
    scenario.must_report_only("committed before")


def test_a_report_of_a_recreation_that_never_happened_is_a_violation():
    scenario = recreated(reported=2)
    scenario.recreations.clear()
    assert any("but never was" in one for one in scenario.problems())


@pytest.mark.parametrize("count, correct", [(0, False), (1, True), (2, True), (3, False)])
def test_a_report_of_a_recreation_may_count_between_one_and_all_missing_records(count, correct):
    scenario = recreated(reported=2)
    scenario.processes[0].lines[-1] = lost_line(21.0, 1, 0, count, "recreated")
    set_lost_metric(scenario.processes[0], count, "recreated")
    assert any(f"reported {count} as lost, expected 1 to 2" in one for one in scenario.problems()) != correct


def test_a_recreation_may_be_reported_even_if_no_record_is_missing():
    scenario = recreated(old=3)
    scenario.processes[0].lines.append(lost_line(21.0, 3, 0, 1, "recreated"))
    set_lost_metric(scenario.processes[0], 1, "recreated")
    assert not scenario.problems()


def read_old_offset(noticed, *attempts):
    """The process continues at the old offset in the new topic until it notices."""
    scenario = recreated(old=3, new=3)
    scenario.attempts[3:3] = attempts
    if noticed:
        scenario.processes[0].lines.append(lost_line(noticed, 3, 0, 1, "recreated"))
        set_lost_metric(scenario.processes[0], 1, "recreated")
    return scenario


def test_requests_before_a_recreation_is_noticed_explain_repeats_and_disorder():
    findings = read_old_offset(22.0, attempt(2, 21.0, incarnation=1)._replace(number=12)).findings()
    assert not findings.problems()
    assert findings.explanations() == {"sent before the recreated topic was noticed": 1}


@pytest.mark.parametrize("noticed, sent", [(None, 21.0), (22.0, 23.0), (29.0, 28.0)])
def test_a_recreation_that_is_never_noticed_or_noticed_late_explains_nothing(noticed, sent):
    scenario = read_old_offset(noticed, attempt(2, sent, incarnation=1)._replace(number=12))
    problems = scenario.problems()
    assert any("unexplained repeat" in one for one in problems) and any("out of order" in one for one in problems)


def test_a_record_cannot_be_reported_after_the_one_at_its_offset_in_the_new_topic_was_sent_for_it():
    scenario = recreated(old=2, new=3)
    scenario.attempts[2:2] = [attempt(2, 21.0, incarnation=1)._replace(number=12)]
    scenario.processes[0].lines.append(lost_line(22.0, 3, 0, 1, "recreated"))
    set_lost_metric(scenario.processes[0], 1, "recreated")
    assert scenario.findings().unnoticed == [record(2)]


def test_a_process_still_knows_its_commits_after_losing_the_partition():
    """Its connector was stopped while the topic was recreated."""
    scenario = recreated()
    scenario.processes[0].lines += [line(19.0, "partitions revoked", partitions=f"{TOPIC}[0]"),
                                    assigned(25.0)]
    assert scenario.findings().lost == [record(1), record(2)]
    scenario.new_commits.append(Commit(24.0, 0, ()))       # by another process
    assert scenario.findings().unnoticed == [record(1), record(2)]


def test_a_report_of_a_truncation_is_a_violation():
    scenario = deleted_by_retention()
    scenario.processes[0].lines[-1] = lost_line(11.7, 1, 2, reason="truncated")
    set_lost_metric(scenario.processes[0], 1, "truncated")
    assert any("for a reason that did not occur" in one for one in scenario.problems())


def test_a_drop_belongs_to_the_record_that_was_sent_even_after_a_recreation():
    """The log line has only an offset, and may come after the recreation."""
    scenario = recreated(old=1, reported=2)
    scenario.processes[0].lines[-1] = lost_line(21.0, 2, 0, 1, "recreated")
    set_lost_metric(scenario.processes[0], 1, "recreated")
    scenario.connector.drops_after = 1
    scenario.attempts.insert(1, attempt(1, 19.0, verdict=RESPONSE_ERROR))
    scenario.processes[0].lines.append(line(20.5, "record dropped", topic=TOPIC, partition=0, offset=1, attempts=1))
    scenario.processes[0].dropped = {"c": 1}
    findings = scenario.findings()
    assert not findings.problems() and findings.reported_lost == [record(2)]


# `latest`

def test_records_older_than_the_group_of_latest_are_not_lost():
    scenario = Scenario()
    scenario.early = {record(0)}
    del scenario.attempts[0]
    assert not scenario.problems()


def test_records_older_than_the_group_of_latest_must_not_be_sent():
    scenario = Scenario()
    scenario.early = {record(0)}
    assert any("older than the group" in one for one in scenario.problems())


# Dead letters

@pytest.mark.parametrize("kind, correct", [("dead letter too large", True), ("dead letter not replicated", False)])
def test_only_a_dead_letter_that_is_rejected_for_good_may_stop_a_task(kind, correct):
    scenario = Scenario()
    scenario.connector.stops = ("dead letter too large",)
    scenario.windows.append(Window(kind, 19.0, 21.0))
    scenario.processes[0].lines.append(line(20.0, "record stops the connector", connector="c", topic=TOPIC, partition=0,
                                            offset=1))
    assert (not scenario.problems()) == correct


def test_a_frozen_process_may_miss_a_recreation():
    scenario = recreated()
    scenario.windows.append(Window("SIGSTOP", 19.0, 22.0, "a1"))
    assert scenario.findings().unnoticed == [record(1), record(2)]


def test_a_process_that_got_the_partition_later_cannot_notice():
    scenario = recreated()
    scenario.processes.append(Process("a0", 1.0, 100.0, "left", []))
    scenario.processes[0].lines[0] = assigned(20.15)
    scenario.processes[1].lines.append(assigned(2.0))
    scenario.processes[1].lines.append(line(20.05, "partitions revoked", partitions=f"{TOPIC}[0]"))
    scenario.attempts[0] = scenario.attempts[0]._replace(process="a0")
    assert scenario.findings().unnoticed == [record(1), record(2)]


# Commits of the group

class Message:
    """A record of __consumer_offsets: a commit of group `g`, or its tombstone."""

    def __init__(self, time, position):
        text = lambda value: struct.pack(">h", len(value)) + value
        self.key = lambda: struct.pack(">h", 1) + text(b"g") + text(TOPIC.encode()) + struct.pack(">i", 0)
        self.value = lambda: position and struct.pack(">hqi", 3, position, -1) + text(b"") + struct.pack(">q", 0)
        self.timestamp = lambda: (1, int(time * 1000))


def test_a_commit_belongs_to_the_log_of_its_time():
    messages = [Message(10.0, 7), Message(20.05, None), Message(20.15, 1), Message(25.0, 2)]
    commits = read_commits(messages, {"g"}, [Recreation(TOPIC, 20.0, 20.1, 20.2)])
    assert commits == {(TOPIC, 0, 0): [Commit(10.0, 7, ())], (TOPIC, 0, 1): [Commit(20.15, 1, ()), Commit(25.0, 2, ())]}
    assert read_commits(messages, {"another"}) == {}
