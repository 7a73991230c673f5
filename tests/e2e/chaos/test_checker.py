"""Tests of the checker: it finds each violation planted in a history, and accepts repeats that a fault explains."""

import pytest

from history import RESPONSE_ERROR, Commit, Process, Window, read_logs
from scenarios import TOPIC, Scenario, assigned, attempt, line, record

STOP = line(20.0, "record stops the connector", connector="c", topic=TOPIC, partition=0, offset=1)


def test_a_correct_history_has_no_problems():
    assert not Scenario().problems()


def test_a_record_without_a_request_is_lost():
    scenario = Scenario()
    del scenario.attempts[2]
    scenario.must_report_only("lost: Record(topic='t', partition=0, offset=2, incarnation=0)")


def test_a_record_whose_answer_was_never_written_is_lost():
    scenario = Scenario()
    scenario.attempts[2] = attempt(2, 12.0, finished=None)
    scenario.must_report_only("lost")


def test_a_record_with_only_failed_attempts_is_lost():
    scenario = Scenario()
    scenario.attempts[2] = attempt(2, 12.0, verdict=RESPONSE_ERROR)
    scenario.must_report_only("lost")


def test_a_record_sent_before_its_predecessor_is_out_of_order():
    scenario = Scenario()
    scenario.attempts[2] = attempt(2, 10.5)
    scenario.must_report_only("out of order")


def test_any_order_is_allowed_without_an_ordering():
    scenario = Scenario(ordering="none")
    scenario.attempts[2] = attempt(2, 10.5)
    assert not scenario.problems()


def test_a_repeat_by_the_same_process_is_unexplained():
    scenario = Scenario()
    scenario.attempts.append(attempt(1, 20.0))
    scenario.must_report_only("unexplained repeat")


@pytest.mark.parametrize("how, explained", [("killed", True), ("left", False)])
def test_only_a_kill_explains_a_repeat_by_the_next_process(how, explained):
    scenario = Scenario()
    scenario.second_process(how, at=20.0)
    scenario.attempts.append(attempt(2, 60.0, "a2"))
    assert bool(scenario.problems()) != explained


def test_a_kill_does_not_explain_a_repeat_of_a_committed_record():
    scenario = Scenario()
    scenario.second_process("killed")
    scenario.commits.append(Commit(20.0, 3, ()))
    scenario.attempts.append(attempt(2, 60.0, "a2"))
    scenario.must_report_only("unexplained repeat")


def test_a_kill_does_not_explain_a_repeat_of_a_record_in_the_commit_metadata():
    scenario = Scenario()
    scenario.second_process("killed")
    scenario.commits.append(Commit(20.0, 1, ((2, 2),)))
    scenario.attempts.append(attempt(2, 60.0, "a2"))
    scenario.must_report_only("unexplained repeat")


def test_a_kill_does_not_explain_a_repeat_of_a_record_that_a_later_commit_omitted():
    scenario = Scenario(ordering="key")
    scenario.second_process("killed")
    scenario.commits.append(Commit(30.0, 1, ()))
    scenario.attempts.append(attempt(2, 60.0, "a2"))
    scenario.must_report_only("unexplained repeat")


def test_a_graceful_stop_without_a_broker_explains_a_repeat():
    scenario = Scenario()
    scenario.second_process("left")
    scenario.windows.append(Window("broker kill -9", 11.0, 40.0))
    scenario.attempts.append(attempt(2, 60.0, "a2"))
    assert not scenario.problems()


def drop_line(offset, time, attempts):
    return line(time, "record dropped", topic=TOPIC, partition=0, offset=offset, attempts=attempts)


def dropping(dead_letters=False, errors=3):
    scenario = Scenario(drops_after=3, dead_letters=dead_letters)
    scenario.attempts[1:] = [attempt(1, 11.0 + 0.1 * number, verdict=RESPONSE_ERROR) for number in range(errors)]
    scenario.attempts.append(attempt(2, 14.0))
    scenario.processes[0].lines.append(drop_line(1, 13.0, errors))
    scenario.processes[0].dropped = {"c": 1}
    return scenario


def test_a_dropped_record_is_not_lost():
    assert not dropping().problems()


def test_a_drop_before_the_last_retry_is_a_violation():
    dropping(errors=2).must_report_only("dropped before 3 response errors")


def test_a_drop_by_a_connector_that_never_drops_is_a_violation():
    scenario = dropping()
    scenario.connector.drops_after = None
    scenario.must_report_only("never drops")


def test_a_drop_without_its_dead_letter_is_a_violation():
    dropping(dead_letters=True).must_report_only("without a dead letter")


def test_a_drop_missing_from_the_metric_is_a_violation():
    scenario = dropping()
    scenario.processes[0].dropped = {"c": 0}
    scenario.must_report_only("counted 0 drops and logged 1")


def test_a_stopped_task_is_a_violation():
    scenario = Scenario()
    scenario.processes[0].lines.append(STOP)
    scenario.must_report_only("a task stopped")


def test_a_stop_that_a_fault_caused_is_allowed():
    scenario = Scenario()
    scenario.connector.stops = ("stop by strategy",)
    scenario.windows.append(Window("stop by strategy", 19.0, 21.0))
    scenario.processes[0].lines.append(STOP)
    assert not scenario.problems()


def test_a_surplus_dead_letter_is_a_violation():
    scenario = dropping(dead_letters=True)
    scenario.dead_letters = [record(1), record(1)]
    scenario.must_report_only("2 dead letters for 1 drops")


@pytest.mark.parametrize("how, correct", [("killed", True), ("left", False)])
def test_only_a_kill_explains_a_dead_letter_of_a_delivered_record(how, correct):
    scenario = dropping(dead_letters=True)
    scenario.dead_letters = [record(1)]
    del scenario.processes[0].lines[-1]
    scenario.second_process(how, 13.5)
    scenario.processes[0].dropped = None
    scenario.attempts[-1:] = [attempt(1, 60.0, "a2"), attempt(2, 61.0, "a2")]
    assert (not scenario.problems()) == correct


@pytest.mark.parametrize("windows, explanation", [
    ([Window("SIGSTOP", 15.0, 20.0, "a1")], "partition lost before the commit"),
    ([], "partition lost by an expired session")])
def test_a_lost_partition_explains_a_repeat_and_names_whether_a_fault_caused_it(windows, explanation):
    scenario = Scenario()
    scenario.processes[0].lines.append(line(30.0, "partitions lost", partitions=f"{TOPIC}[0]"))
    scenario.processes.append(Process("a2", 1.0, 100.0, "left", [assigned(31.0)]))
    scenario.attempts.append(attempt(2, 32.0, "a2"))
    scenario.windows.extend(windows)
    findings = scenario.findings()
    assert not findings.problems() and findings.explanations() == {explanation: 1}


@pytest.mark.parametrize("then, correct", [
    (("offset commit failed", {"error": '"the partitions are lost"'}), True), (("partitions lost", {}), True),
    (None, False)], ids=["the commit fails", "reported as lost", "no message"])
def test_a_partition_can_be_lost_after_its_revocation(then, correct):
    """librdkafka rejoins without the answer if topics change twice before it, here because the process was frozen."""
    scenario = Scenario()
    scenario.second_process("left", at=30.0)
    scenario.processes[0].end, scenario.processes[0].how = 100.0, "left"
    scenario.windows.append(Window("SIGSTOP", 15.0, 20.0, "a1"))
    scenario.processes[0].lines.append(line(20.1, "partitions revoked", partitions=f"{TOPIC}[0]"))
    if then:
        scenario.processes[0].lines.append(line(20.2, then[0], partitions=f"{TOPIC}[0]", **then[1]))
    scenario.attempts.append(attempt(2, 32.0, "a2"))
    explanations = scenario.findings().explanations()
    assert (explanations == {"partition lost before the commit": 1}) == correct, explanations


def test_an_assignment_ends_with_a_message_of_its_own_task():
    """Task 1 is assigned the partition before task 0 logs that it has left."""
    of_task = {"partitions": f"{TOPIC}[0]", "connector": "c"}
    scenario = Scenario()
    scenario.processes[0].lines[:] = [line(5.0, "partitions assigned", task=0, **of_task),
                                      line(10.0, "partitions assigned", task=1, **of_task),
                                      line(10.1, "left the consumer group", task=0, **of_task),
                                      line(20.0, "left the consumer group", task=1, **of_task)]
    found = read_logs(scenario.history()).assignments["a1", TOPIC, 0]
    assert [(one.start, one.end, one.how) for one in found] == [(5.0, 10.0, "left"), (10.0, 20.0, "left")]


def frozen(*windows):
    """a1 delivers a record that a2 has delivered and committed in the meantime."""
    scenario = Scenario()
    scenario.processes.append(Process("a2", 1.0, 100.0, "left", [assigned(30.0)]))
    scenario.attempts[2] = attempt(2, 31.0, "a2")
    scenario.attempts.append(attempt(2, 33.0))
    scenario.commits.append(Commit(32.0, 3, ()))
    scenario.windows.extend(windows)
    return scenario


def test_a_freeze_explains_a_repeat_by_the_frozen_process():
    assert not frozen(Window("SIGSTOP", 20.0, 33.0, "a1")).problems()


@pytest.mark.parametrize("end, explained", [(29.0, True), (24.0, False)])
def test_a_freeze_before_an_assignment_explains_repeats_until_it_is_lost(end, explained):
    """a2 is frozen when the broker answers its join. It hears of the assignment when a1 has had the partition for long."""
    scenario = Scenario()
    scenario.processes[0].lines[:] = [assigned(25.0)]
    scenario.attempts[:] = [attempt(offset, 26.0 + offset) for offset in range(3)]
    scenario.processes.append(Process("a2", 1.0, 100.0, "left", [
        assigned(30.0), line(33.0, "partitions lost", partitions=f"{TOPIC}[0]")]))
    scenario.attempts.extend([attempt(1, 31.0, "a2"), attempt(2, 32.0, "a2")])
    scenario.commits.append(Commit(31.5, 3, ()))
    scenario.windows.append(Window("SIGSTOP", 20.0, end, "a2"))
    assert bool(scenario.problems()) != explained


def partition_revoked(end, *windows):
    """a1 delivers the last record, then its partition moves to a2, which delivers the record again."""
    scenario = Scenario()
    scenario.processes[0].lines.append(line(20.0, "partitions revoked", partitions=f"{TOPIC}[0]"))
    if end:
        scenario.processes[0].end, scenario.processes[0].how, scenario.processes[0].final = end, "killed", False
    scenario.processes.append(Process("a2", 1.0, 100.0, "left", [assigned(30.0)]))
    scenario.attempts.append(attempt(2, 31.0, "a2"))
    scenario.windows.extend(windows)
    return scenario.problems()


@pytest.mark.parametrize("end, windows", [(25.0, []), (None, [Window("SIGSTOP", 21.0, 29.0, "a1")]),
                                          (None, [Window("broker kill -9", 21.0, 29.0)])])
def test_a_disturbed_revocation_explains_a_repeat(end, windows):
    assert not partition_revoked(end, *windows)


@pytest.mark.parametrize("end, windows", [(None, []), (50.0, []), (None, [Window("SIGSTOP", 21.0, 29.0, "a2")]),
                                          (None, [Window("broker kill -9", 5.0, 9.0)])])
def test_an_undisturbed_revocation_does_not_explain_a_repeat(end, windows):
    assert partition_revoked(end, *windows)


def test_a_repeat_by_a_process_without_the_partition_needs_a_fault():
    frozen().must_report_only("unexplained repeat")


def connection_closed_after_answer(logged, *windows):
    """The connection closes after the answer, and the same process sends the record again."""
    scenario = Scenario()
    scenario.attempts.append(attempt(2, 13.0, connection=2))
    if logged:
        scenario.processes[0].lines.append(line(12.5, "record will be retried", topic=TOPIC, partition=0, offset=2))
    scenario.windows.extend(windows)
    return scenario


def test_an_answer_lost_to_a_refusing_endpoint_explains_a_repeat():
    assert not connection_closed_after_answer(True, Window("refuse", 12.1, 12.9)).problems()


@pytest.mark.parametrize("logged, window", [(True, ("hang", 12.1)), (False, ("refuse", 12.1)), (True, ("refuse", 5.0))])
def test_a_received_answer_does_not_explain_a_repeat(logged, window):
    connection_closed_after_answer(logged, Window(*window, window[1] + 0.5)).must_report_only("unexplained repeat")


def test_a_secret_that_is_not_yet_valid_is_a_violation():
    scenario = Scenario()
    scenario.secrets = {"old": 1.0, "new": 11.5}
    scenario.attempts = [one._replace(secret="new") for one in scenario.attempts]
    assert len(scenario.problems()) == 2
    scenario.must_report_only("secret is not valid")


def test_a_different_body_is_a_violation():
    scenario = Scenario()
    scenario.attempts[1] = scenario.attempts[1]._replace(number=7)
    scenario.must_report_only("body or key differs")


def test_a_commit_of_an_unfinished_record_is_a_violation():
    scenario = Scenario()
    scenario.commits.append(Commit(5.0, 3, ()))
    scenario.must_report_only("committed before Record(topic='t', partition=0, offset=0, incarnation=0) was finished")


def test_a_committed_range_with_an_unfinished_record_is_a_violation():
    scenario = Scenario()
    scenario.commits += [Commit(10.5, 1, ((2, 2),)), Commit(13.0, 3, ())]
    scenario.must_report_only("committed before Record(topic='t', partition=0, offset=2, incarnation=0) was finished")


def test_a_commit_of_finished_records_is_correct():
    scenario = Scenario()
    scenario.commits += [Commit(10.5, 1, ()), Commit(13.0, 3, ())]
    assert not scenario.problems()


def test_a_kill_does_not_hide_that_a_process_stopped_committing():
    scenario = Scenario()
    scenario.second_process("killed")
    scenario.attempts += [attempt(number, 60.0 + number, "a2") for number in range(3)]
    scenario.must_report_only("unexplained repeat")


def test_a_later_kill_does_not_hide_a_revocation_without_a_commit():
    scenario = Scenario()
    scenario.processes[0].lines.append(line(13.0, "partitions revoked", partitions=f"{TOPIC}[0]"))
    scenario.second_process("killed")
    scenario.attempts.append(attempt(2, 60.0, "a2"))
    scenario.must_report_only("unexplained repeat")


def test_concurrent_attempts_of_a_record_are_a_violation():
    scenario = Scenario()
    scenario.attempts[1:2] = [attempt(1, 11.0, verdict=RESPONSE_ERROR, finished=0.5),
                              attempt(1, 11.1, verdict=RESPONSE_ERROR, finished=0.5, connection=2), attempt(1, 11.7)]
    scenario.must_report_only("two attempts in flight at once")


@pytest.mark.parametrize("frozen", [True, False])
def test_only_a_freeze_explains_a_request_by_the_previous_owner(frozen):
    scenario = Scenario()
    scenario.processes.append(Process("b1", 1.0, 100.0, "left",
                                      [assigned(30.0)], {"c": 0}, True))
    scenario.attempts[2] = attempt(2, 40.0, "b1")          # not committed yet
    scenario.attempts.append(attempt(2, 40.5))
    if frozen:
        scenario.windows.append(Window("SIGSTOP", 15.0, 40.4, "a1"))
    assert bool(scenario.problems()) != frozen
