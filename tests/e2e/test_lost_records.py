"""Records that Kafka removed before delivery are logged and counted, and no other record is skipped."""

import pytest

from endpoint import DELIVERED, RETRY
from rest import definition
from sidecar import fields
from waiting import eventually

EAGER = {}
COOPERATIVE = {"consumer.override.partition.assignment.strategy": "cooperative-sticky"}


def losses(sidecar, name):
    return [fields(line) for line in sidecar.log.find('msg="records lost"', f"connector={name}")]


def wait_for_loss(sidecar, name, topic, **expected):
    """Waits for the only logged loss, which must have these fields and match the metric."""
    eventually(lambda: losses(sidecar, name), lambda: f"a loss is logged; log:\n{sidecar.log.tail()}")
    logged = losses(sidecar, name)
    assert len(logged) == 1, logged
    assert {key: logged[0][key] for key in expected} == {key: str(value) for key, value in expected.items()}
    assert (logged[0]["topic"], logged[0]["partition"], logged[0]["level"]) == (topic, "0", "warn")
    sidecar.wait_for_value(int(logged[0]["records"]), "records_lost_total", connector=name, topic=topic,
                           reason=logged[0]["reason"])


@pytest.mark.parametrize("ordering, lost", [("partition", 10), ("none", 1)])
def test_records_deleted_past_the_commit_are_logged_and_counted(kafka, sidecar, endpoint, name, ordering, lost):
    topic = kafka.topic()
    kafka.produce(topic, [b"%d" % number for number in range(20)])
    endpoint.decide = lambda one: RETRY if one.offset == 0 else DELIVERED
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": "30,30", "delivery.ordering": ordering})
    sidecar.start()
    endpoint.wait_for(1 if ordering == "partition" else 20)
    assert sidecar.value("records_lost_total", connector=name, topic=topic, reason="retention") == 0
    sidecar.stop()
    kafka.delete_records(topic, {0: 10})
    endpoint.decide = lambda one: DELIVERED
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    # The first record was attempted once. Without ordering, delivered records are not repeated.
    assert sorted(endpoint.offsets(topic)) == ([0, *range(10, 20)] if ordering == "partition" else list(range(20)))
    wait_for_loss(sidecar, name, topic, reason="retention", records=lost, **{"from": 0, "to": 10})
    sidecar.stop()
    sidecar.start()
    sidecar.wait_running(name)
    assert sidecar.value("records_lost_total", connector=name, topic=topic, reason="retention") == 0, "logged again"


@pytest.mark.parametrize("protocol", [EAGER, COOPERATIVE], ids=["eager", "cooperative"])
def test_records_deleted_past_the_position_of_a_running_connector_are_logged(kafka, sidecar, rest, endpoint, name,
                                                                             protocol):
    topic = kafka.topic(2)
    sidecar.start()
    rest.create(name, definition(topic, endpoint, protocol)).must(201)
    rest.wait_running(name)
    rest.put(rest.at(name, "pause")).is_empty(202)
    rest.wait_for(name, "PAUSED", "PAUSED")
    for partition in (0, 1):
        kafka.produce(topic, [b"%d" % number for number in range(20)], partition)
    kafka.delete_records(topic, {0: 10})
    rest.put(rest.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(name, topic), lambda: f"everything is committed; log:\n{sidecar.log.tail()}")
    assert endpoint.offsets(topic, 0) == list(range(10, 20))
    assert endpoint.offsets(topic, 1) == list(range(20))
    wait_for_loss(sidecar, name, topic, reason="retention", records=10, **{"from": 0, "to": 10})


def test_a_log_that_ends_before_the_commit_is_read_from_its_start(kafka, sidecar, rest, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"%d" % number for number in range(5)])
    sidecar.start()
    rest.create(name, definition(topic, endpoint), "STOPPED").must(201)
    rest.wait_for(name, "STOPPED")
    rest.patch(rest.at(name, "offsets"), {"offsets": [
        {"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 20}}]}).must(200)
    rest.put(rest.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets(topic) == list(range(5))
    wait_for_loss(sidecar, name, topic, reason="truncated", records=15, **{"from": 20, "to": 0})


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
@pytest.mark.parametrize("protocol", [EAGER, COOPERATIVE], ids=["eager", "cooperative"])
def test_a_recreated_topic_is_read_from_its_start(kafka, sidecar, rest, endpoint, name, state, protocol):
    topic = kafka.topic()
    kafka.produce(topic, [b"old %d" % number for number in range(10)])
    sidecar.start()
    rest.create(name, definition(topic, endpoint, protocol)).must(201)
    eventually(lambda: kafka.all_committed(name, topic), "the old records are committed")
    if state == "paused":
        rest.put(rest.at(name, "pause")).is_empty(202)
        rest.wait_for(name, "PAUSED", "PAUSED")
    elif state == "stopped":
        rest.stop_connector(name)
    kafka.delete_topic(topic)
    kafka.topic(name=topic)
    # More records than in the old topic, so that its next offset also exists in the new one.
    new = [b"new %d" % number for number in range(15)]
    kafka.produce(topic, new)
    if state != "running":
        rest.put(rest.at(name, "resume")).is_empty(202)
    eventually(lambda: set(endpoint.bodies(topic)) >= set(new),
               lambda: f"all records are delivered, {endpoint.bodies(topic)}; log:\n{sidecar.log.tail()}")
    eventually(lambda: kafka.committed(name, topic) == {0: 15}, "all records are committed")
    wait_for_loss(sidecar, name, topic, reason="recreated", to=0)


def test_a_topic_recreated_while_the_process_is_down_is_read_from_its_start(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"old"] * 10)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "the old records are committed")
    sidecar.stop()
    kafka.delete_topic(topic)
    kafka.topic(name=topic)
    kafka.produce(topic, [b"new %d" % number for number in range(15)])
    sidecar.start()
    eventually(lambda: kafka.committed(name, topic) == {0: 15}, "all records are committed")
    assert endpoint.bodies(topic)[10:] == [b"new %d" % number for number in range(15)]


def test_with_auto_offset_reset_none_a_task_fails_on_a_loss_or_without_a_commit(kafka, sidecar, rest, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"%d" % number for number in range(20)])
    sidecar.start()
    config = definition(topic, endpoint, consumer__override__auto__offset__reset="none")
    rest.create(name, config).must(201)
    rest.wait_for(name, "RUNNING", "FAILED")
    trace = rest.status(name)["tasks"][0]["trace"]
    assert f"{topic}[0]" in trace and "no committed offset" in trace, trace
    rest.stop_connector(name)
    rest.patch(rest.at(name, "offsets"), {"offsets": [
        {"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 2}}]}).must(200)
    kafka.delete_records(topic, {0: 10})
    rest.put(rest.at(name, "resume")).is_empty(202)
    rest.wait_for(name, "RUNNING", "FAILED")
    trace = rest.status(name)["tasks"][0]["trace"]
    assert f"{topic}[0]@2" in trace and "starts at 10" in trace, trace
    assert kafka.committed(name, topic) == {0: 2} and not endpoint.offsets(topic)
    rest.stop_connector(name)
    rest.patch(rest.at(name, "offsets"), {"offsets": [
        {"partition": {"kafka_topic": topic, "kafka_partition": 0}, "offset": {"kafka_offset": 12}}]}).must(200)
    rest.put(rest.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets(topic) == list(range(12, 20))
