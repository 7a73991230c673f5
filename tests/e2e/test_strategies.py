"""Exception strategies: the endpoint rejects records, does not answer, or is down."""

import pytest

from endpoint import DELIVERED, RETRY, Answer
from sidecar import fields
from waiting import eventually, holds

STRATEGIES = ["PROGRESS_BACK_OFF_DROP_MESSAGE", "PROGRESS_BACK_OFF_STOP_TASK", "DROP_MESSAGE", "STOP_TASK"]
SHORT = [0.05, 0.05]


def refuse_offset_1(request):
    return RETRY if request.offset == 1 else DELIVERED


def wait_committed(kafka, connector, topic, offset):
    eventually(lambda: kafka.committed(connector, topic) == {0: offset}, lambda: kafka.committed(connector, topic))


def assert_drop_is_logged(sidecar, topic, attempts):
    line, = [one for one in sidecar.log.wait_for("record dropped", topic) if fields(one).get("offset") == "1"]
    line_fields = fields(line)
    assert (line_fields["topic"], line_fields["partition"], line_fields["offset"]) == (topic, "0", "1")
    assert line_fields["attempts"] == str(attempts) and line_fields["reason"] and line_fields["outcome"] == "dropped"
    assert not sidecar.log.find("payload-of-the-record")


def test_progress_back_off_drop_message_drops_after_the_last_delay_and_continues(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"payload-of-the-record"] * 4)
    endpoint.decide = refuse_offset_1
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": SHORT})
    sidecar.start()
    wait_committed(kafka, name, topic, 4)
    assert endpoint.offsets() == [0, 1, 1, 1, 2, 3]
    assert sidecar.value("records_dropped_total", connector=name) == 1
    assert sidecar.value("records_dropped_total", connector=name, reason="retries_exhausted") == 1
    assert sidecar.value("retries_total", connector=name, reason="indicator") == 2
    assert sidecar.value("requests_total", connector=name, code_class="2xx") == 6
    assert sidecar.value("records_delivered_total", connector=name, topic=topic) == 3
    assert sidecar.value("records_consumed_total", connector=name, topic=topic) == 4
    assert sidecar.value("tasks_stopped", connector=name) == 0
    assert_drop_is_logged(sidecar, topic, attempts=3)


def test_drop_message_drops_at_once_and_continues(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"payload-of-the-record"] * 4)
    endpoint.decide = refuse_offset_1
    sidecar.connector(name, topic, endpoint, {"exception.strategy": "drop_message", "retry.backoff.sec": SHORT})
    sidecar.start()
    wait_committed(kafka, name, topic, 4)
    assert endpoint.offsets() == [0, 1, 2, 3]
    assert sidecar.value("records_dropped_total", connector=name, reason="response_error") == 1
    assert sidecar.value("retries_total", connector=name) == 0
    assert_drop_is_logged(sidecar, topic, attempts=1)


@pytest.mark.parametrize("strategy, attempts", [("PROGRESS_BACK_OFF_STOP_TASK", 3), ("STOP_TASK", 1)])
def test_a_stop_leaves_the_record_uncommitted_and_a_restart_starts_with_it(kafka, sidecar, endpoint, second_endpoint,
                                                                           name, strategy, attempts):
    topic, other_topic, other = kafka.topic(), kafka.topic(), f"{name}-other"
    kafka.produce(topic, [b"0", b"1", b"2"])
    endpoint.decide = refuse_offset_1
    sidecar.connector(name, topic, endpoint, {"exception.strategy": strategy, "retry.backoff.sec": SHORT})
    sidecar.connector(other, other_topic, second_endpoint)
    sidecar.start()

    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    assert endpoint.offsets() == [0] + [1] * attempts
    wait_committed(kafka, name, topic, 1)
    assert sidecar.value("task_stops_total", connector=name, reason="strategy") == 1
    sidecar.wait_for_value(1, "connector_state", connector=name, state="failed")
    assert sidecar.value("records_dropped_total", connector=name) == 0
    kafka.produce(other_topic, [b"still here"])
    assert second_endpoint.wait_for(1)[0].body == b"still here"
    assert sidecar.value("tasks_stopped", connector=other) == 0
    kafka.produce(topic, [b"3"])
    holds(lambda: len(endpoint.requests) == 1 + attempts, endpoint.positions, seconds=2)

    endpoint.decide = lambda one: DELIVERED
    sidecar.restart()
    wait_committed(kafka, name, topic, 4)
    assert endpoint.offsets()[1 + attempts:] == [1, 2, 3]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_refused_connection_never_drops_a_record(kafka, sidecar, endpoint, name, strategy):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.refuse()
    sidecar.connector(name, topic, endpoint, {"exception.strategy": strategy, "retry.backoff.sec": SHORT})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    assert sidecar.value("records_dropped_total", connector=name) == 0
    assert (sidecar.value("requests_total", connector=name, code_class="none")
            == 1 + sidecar.value("retries_total", connector=name, reason="connect"))
    assert kafka.committed(name, topic) == {0: 0}
    endpoint.come_back()
    sidecar.restart()
    wait_committed(kafka, name, topic, 2)
    assert endpoint.offsets() == [0, 1]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("status", [401, 503])
def test_a_request_error_by_status_never_drops_a_record(kafka, sidecar, endpoint, name, strategy, status):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.decide = lambda one: Answer(status=status, body=b"go away")
    sidecar.connector(name, topic, endpoint, {"exception.strategy": strategy, "retry.backoff.sec": SHORT})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    assert sidecar.value("records_dropped_total", connector=name) == 0
    assert kafka.committed(name, topic) == {0: 0}


def test_a_short_outage_does_not_stop_the_connector(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    endpoint.refuse()
    kafka.produce(topic, [b"%d" % n for n in range(20)])
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.2] * 300})
    sidecar.start()
    eventually(lambda: (sidecar.value("retries_total", connector=name, reason="connect") or 0) >= 2, "two retries")
    endpoint.come_back()
    wait_committed(kafka, name, topic, 20)
    assert endpoint.offsets() == list(range(20))


def test_request_errors_have_their_own_backoff_list(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: Answer(status=503, body=b"") if one.offset == 0 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [600], "request.retry.backoff.sec": [0.05] * 4,
                                              "exception.strategy": "PROGRESS_BACK_OFF_STOP_TASK"})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    assert endpoint.offsets() == [0] * 5
    assert sidecar.value("retries_total", connector=name, reason="status") == 4


def test_the_two_kinds_of_errors_use_separate_backoff_lists(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    unavailable = Answer(status=503, body=b"")
    answers = [RETRY, unavailable, RETRY, unavailable, DELIVERED]
    endpoint.decide = lambda one: answers[one.attempt - 1]
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": SHORT, "request.retry.backoff.sec": SHORT})
    sidecar.start()
    wait_committed(kafka, name, topic, 1)
    assert len(endpoint.requests) == 5
    assert sidecar.value("records_delivered_total", connector=name) == 1


def test_delays_are_used_in_order_and_start_over_with_each_record(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    endpoint.decide = lambda one: RETRY if one.attempt <= 2 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": "0.2, 2"})
    sidecar.start()
    endpoint.wait_for(6)
    for offset in (0, 1):
        first, second, third = (one.time for one in endpoint.of(topic, 0, offset))
        assert second - first >= 0.19 and third - second >= 1.99


def test_an_endpoint_without_the_retry_indicator_causes_one_warning_long_before_a_drop(
        kafka, sidecar, rest, endpoint, name):
    topic = kafka.topic(2)
    for partition in (0, 1):
        kafka.produce(topic, [b"x"] * 2, partition=partition)
    endpoint.decide = lambda one: Answer(body=b"OK")
    definition = {"tasks.max": 2}
    sidecar.connector(name, topic, endpoint, definition)
    sidecar.start()
    sidecar.wait_for_value(2, "responses_without_indicator_total", connector=name)
    warning, = sidecar.log.wait_for("endpoint answers 2xx without the retry indicator", name)
    line_fields = fields(warning)
    assert line_fields["level"] == "warn" and line_fields["consequence"] == "each record is retried for about 995 s, then dropped"
    assert 'response.retry.indicator = "optional"' in line_fields["hint"]
    status = rest.wait_for(name, "RUNNING", "RUNNING", "RUNNING")
    shown, = status["warnings"]
    assert 'response.retry.indicator = "optional"' in shown and "995 s" in shown
    assert sidecar.value("records_dropped_total", connector=name, topic=topic) == 0
    sidecar.connector(name, topic, endpoint, {**definition, "response.retry.indicator": "optional"})
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert "warnings" not in rest.get(f"/connectors/{name}/status").must(200).json
    assert len(sidecar.log.find("without the retry indicator")) == 1
