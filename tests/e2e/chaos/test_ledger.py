"""The judge is judged: books with one fault of the program in each, which it must find, and faults from outside,
which explain.
"""

import pytest

from books import RESPONSE_ERROR, Commit, Life, Window
from stories import TOPIC, Story, attempt, line, record

STOP = line(20.0, "record stops the connector", connector="c", topic=TOPIC, partition=0, offset=1)


def test_nothing_is_wrong_with_a_good_story():
    assert not Story().problems()


def test_a_record_that_never_came_is_lost():
    story = Story()
    del story.attempts[2]
    story.must_show("lost: Record(topic='t', partition=0, offset=2, incarnation=0)")


def test_a_record_whose_answer_was_never_written_is_lost():
    story = Story()
    story.attempts[2] = attempt(2, 12.0, finished=None)
    story.must_show("lost")


def test_a_record_that_was_only_refused_is_lost():
    story = Story()
    story.attempts[2] = attempt(2, 12.0, verdict=RESPONSE_ERROR)
    story.must_show("lost")


def test_a_record_before_its_predecessor_is_out_of_order():
    story = Story()
    story.attempts[2] = attempt(2, 10.5)
    story.must_show("out of order")


def test_without_an_ordering_any_order_will_do():
    story = Story(ordering="none")
    story.attempts[2] = attempt(2, 10.5)
    assert not story.problems()


def test_a_repeat_by_the_same_process_is_unexplained():
    story = Story()
    story.attempts.append(attempt(1, 20.0))
    story.must_show("unexplained repeat")


@pytest.mark.parametrize("how, explained", [("killed", True), ("left", False)])
def test_a_repeat_by_the_next_process_is_explained_by_a_kill_alone(how, explained):
    story = Story()
    story.second_life(how, at=20.0)
    story.attempts.append(attempt(2, 60.0, "a2"))
    assert bool(story.problems()) != explained


def test_a_repeat_of_what_a_commit_covers_is_not_explained_by_a_kill():
    story = Story()
    story.second_life("killed")
    story.commits.append(Commit(20.0, 3, ()))
    story.attempts.append(attempt(2, 60.0, "a2"))
    story.must_show("unexplained repeat")


def test_a_repeat_of_what_a_commits_metadata_covers_is_not_explained_either():
    story = Story()
    story.second_life("killed")
    story.commits.append(Commit(20.0, 1, ((2, 2),)))
    story.attempts.append(attempt(2, 60.0, "a2"))
    story.must_show("unexplained repeat")


def test_a_repeat_of_what_a_late_commit_left_out_is_not_explained():
    story = Story(ordering="key")
    story.second_life("killed")
    story.commits.append(Commit(30.0, 1, ()))
    story.attempts.append(attempt(2, 60.0, "a2"))
    story.must_show("unexplained repeat")


def test_a_graceful_end_without_a_broker_explains_a_repeat():
    story = Story()
    story.second_life("left")
    story.windows.append(Window("broker kill -9", 11.0, 40.0))
    story.attempts.append(attempt(2, 60.0, "a2"))
    assert not story.problems()


def drop_line(offset, time, attempts):
    return line(time, "record dropped", topic=TOPIC, partition=0, offset=offset, attempts=attempts)


def dropping(letters=False, errors=3):
    story = Story(drops_after=3, letters=letters)
    story.attempts[1:] = [attempt(1, 11.0 + 0.1 * number, verdict=RESPONSE_ERROR) for number in range(errors)]
    story.attempts.append(attempt(2, 14.0))
    story.lives[0].lines.append(drop_line(1, 13.0, errors))
    story.lives[0].dropped = {"c": 1}
    return story


def test_a_drop_accounts_for_a_record():
    assert not dropping().problems()


def test_a_drop_before_its_time_is_wrong():
    dropping(errors=2).must_show("dropped before 3 response errors")


def test_a_drop_by_a_connector_that_never_drops_is_wrong():
    story = dropping()
    story.sink.drops_after = None
    story.must_show("never drops")


def test_a_drop_without_its_dead_letter_is_wrong():
    dropping(letters=True).must_show("without a dead letter")


def test_a_drop_that_no_metric_counted_is_wrong():
    story = dropping()
    story.lives[0].dropped = {"c": 0}
    story.must_show("counted 0 drops and logged 1")


def test_a_stopped_task_is_wrong():
    story = Story()
    story.lives[0].lines.append(STOP)
    story.must_show("a task stopped")


def test_a_stop_that_was_asked_for_is_not_wrong():
    story = Story()
    story.sink.stops = ("stop by strategy",)
    story.windows.append(Window("stop by strategy", 19.0, 21.0))
    story.lives[0].lines.append(STOP)
    assert not story.problems()


def test_a_dead_letter_too_many_is_wrong():
    story = dropping(letters=True)
    story.letters = [record(1), record(1)]
    story.must_show("2 dead letters, and given up 1 times")


@pytest.mark.parametrize("how, right", [("killed", True), ("left", False)])
def test_a_dead_letter_of_what_is_delivered_in_the_end_is_left_by_a_kill_alone(how, right):
    story = dropping(letters=True)
    story.letters = [record(1)]
    del story.lives[0].lines[-1]
    story.second_life(how, 13.5)
    story.lives[0].dropped = None
    story.attempts[-1:] = [attempt(1, 60.0, "a2"), attempt(2, 61.0, "a2")]
    assert (not story.problems()) == right


@pytest.mark.parametrize("windows, why", [([Window("SIGSTOP", 15.0, 20.0, "a1")], "partition lost before the commit"),
                                          ([], "partition lost by a session that ran out")])
def test_a_lost_partition_explains_a_repeat_and_tells_whether_a_fault_was_behind_it(windows, why):
    story = Story()
    story.lives[0].lines.append(line(30.0, "partitions lost", partitions=f"{TOPIC}[0]"))
    story.lives.append(Life("a2", 1.0, 100.0, "left", [line(31.0, "partitions assigned", partitions=f"{TOPIC}[0]")]))
    story.attempts.append(attempt(2, 32.0, "a2"))
    story.windows.extend(windows)
    verdict = story.verdict()
    assert not verdict.problems() and verdict.explanations() == {why: 1}


@pytest.mark.parametrize("refused, right", [(True, True), (False, False)])
def test_a_commit_that_came_too_late_for_the_revocation_makes_of_it_a_loss(refused, right):
    """librdkafka joins anew without the answer when topics change twice before it; here while the process was frozen."""
    story = Story()
    story.second_life("left", at=30.0)
    story.lives[0].end, story.lives[0].how = 100.0, "left"
    story.windows.append(Window("SIGSTOP", 15.0, 20.0, "a1"))
    story.lives[0].lines.append(line(20.1, "partitions revoked", partitions=f"{TOPIC}[0]"))
    if refused:
        story.lives[0].lines.append(line(20.2, "offset commit failed, will retry", partitions=f"{TOPIC}[0]",
                                         error='"the partitions are lost"'))
    story.attempts.append(attempt(2, 32.0, "a2"))
    explanations = story.verdict().explanations()
    assert (explanations == {"partition lost before the commit": 1}) == right, explanations


def frozen(*windows):
    """The process a1 delivers a record that a2 has delivered and committed meanwhile."""
    story = Story()
    story.lives.append(Life("a2", 1.0, 100.0, "left", [line(30.0, "partitions assigned", partitions=f"{TOPIC}[0]")]))
    story.attempts[2] = attempt(2, 31.0, "a2")
    story.attempts.append(attempt(2, 33.0))
    story.commits.append(Commit(32.0, 3, ()))
    story.windows.extend(windows)
    return story


def test_a_repeat_by_a_process_that_was_frozen_is_explained():
    assert not frozen(Window("SIGSTOP", 20.0, 33.0, "a1")).problems()


def taken_back(end, *windows):
    """a1 delivers the last record and gives back its partition to a2, which delivers the record again."""
    story = Story()
    story.lives[0].lines.append(line(20.0, "partitions revoked", partitions=f"{TOPIC}[0]"))
    if end:
        story.lives[0].end, story.lives[0].how, story.lives[0].final = end, "killed", False
    story.lives.append(Life("a2", 1.0, 100.0, "left", [line(30.0, "partitions assigned", partitions=f"{TOPIC}[0]")]))
    story.attempts.append(attempt(2, 31.0, "a2"))
    story.windows.extend(windows)
    return story.problems()


@pytest.mark.parametrize("end, windows", [(25.0, []), (None, [Window("SIGSTOP", 21.0, 29.0, "a1")]),
                                          (None, [Window("broker kill -9", 21.0, 29.0)])])
def test_a_partition_that_could_not_be_given_back_in_good_order_explains_a_repeat(end, windows):
    assert not taken_back(end, *windows)


@pytest.mark.parametrize("end, windows", [(None, []), (50.0, []), (None, [Window("SIGSTOP", 21.0, 29.0, "a2")]),
                                          (None, [Window("broker kill -9", 5.0, 9.0)])])
def test_a_partition_that_was_given_back_explains_no_repeat(end, windows):
    assert taken_back(end, *windows)


def test_a_repeat_by_a_process_that_had_lost_the_partition_is_not_explained_by_itself():
    frozen().must_show("unexplained repeat")


def cut_off(said, *windows):
    """The record after whose answer the connection was cut comes again, by the same process."""
    story = Story()
    story.attempts.append(attempt(2, 13.0, connection=2))
    if said:
        story.lives[0].lines.append(line(12.5, "record will be retried", topic=TOPIC, partition=0, offset=2))
    story.windows.extend(windows)
    return story


def test_an_answer_that_a_refusing_endpoint_cut_explains_a_repeat():
    assert not cut_off(True, Window("refuse", 12.1, 12.9)).problems()


@pytest.mark.parametrize("said, window", [(True, ("hang", 12.1)), (False, ("refuse", 12.1)), (True, ("refuse", 5.0))])
def test_an_answer_that_was_not_cut_explains_no_repeat(said, window):
    cut_off(said, Window(*window, window[1] + 0.5)).must_show("unexplained repeat")


def test_a_secret_that_was_none_yet_is_wrong():
    story = Story()
    story.secrets = {"old": 1.0, "new": 11.5}
    story.attempts = [one._replace(secret="new") for one in story.attempts]
    assert len(story.problems()) == 2
    story.must_show("with a secret that is none")


def test_another_body_is_wrong():
    story = Story()
    story.attempts[1] = story.attempts[1]._replace(number=7)
    story.must_show("another body or key")


def test_a_commit_before_its_record_is_done_is_wrong():
    story = Story()
    story.commits.append(Commit(5.0, 3, ()))
    story.must_show("committed before Record(topic='t', partition=0, offset=0, incarnation=0) was done")


def test_a_range_that_is_committed_before_its_record_is_done_is_wrong():
    story = Story()
    story.commits += [Commit(10.5, 1, ((2, 2),)), Commit(13.0, 3, ())]
    story.must_show("committed before Record(topic='t', partition=0, offset=2, incarnation=0) was done")


def test_a_commit_after_its_records_are_done_is_right():
    story = Story()
    story.commits += [Commit(10.5, 1, ()), Commit(13.0, 3, ())]
    assert not story.problems()


def test_a_process_that_stopped_committing_is_seen_though_it_is_killed():
    story = Story()
    story.second_life("killed")
    story.attempts += [attempt(number, 60.0 + number, "a2") for number in range(3)]
    story.must_show("unexplained repeat")


def test_a_revocation_that_did_not_commit_is_seen_though_its_process_is_killed_later():
    story = Story()
    story.lives[0].lines.append(line(13.0, "partitions revoked", partitions=f"{TOPIC}[0]"))
    story.second_life("killed")
    story.attempts.append(attempt(2, 60.0, "a2"))
    story.must_show("unexplained repeat")


def test_two_attempts_of_a_record_at_once_are_wrong():
    story = Story()
    story.attempts[1:2] = [attempt(1, 11.0, verdict=RESPONSE_ERROR, finished=0.5),
                           attempt(1, 11.1, verdict=RESPONSE_ERROR, finished=0.5, connection=2), attempt(1, 11.7)]
    story.must_show("sent twice at once")


@pytest.mark.parametrize("frozen", [True, False])
def test_a_request_by_the_owner_before_is_explained_by_a_freeze_alone(frozen):
    story = Story()
    story.lives.append(Life("b1", 1.0, 100.0, "left",
                            [line(30.0, "partitions assigned", partitions=f"{TOPIC}[0]")], {"c": 0}, True))
    story.attempts[2] = attempt(2, 40.0, "b1")          # which has committed nothing yet
    story.attempts.append(attempt(2, 40.5))
    if frozen:
        story.windows.append(Window("SIGSTOP", 15.0, 40.4, "a1"))
    assert bool(story.problems()) != frozen
