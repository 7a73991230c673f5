"""Kafka Connect's API: a connector's topics, and reading, changing and deleting its offsets."""

import pytest

from endpoint import DELIVERED, RETRY, Answer
from rest import JSON, definition, offset
from waiting import eventually

ALTERED = {"message": "The offsets for this connector have been altered successfully"}
RESET = {"message": "The offsets for this connector have been reset successfully"}
NONE_GIVEN = "Partitions / offsets need to be provided for an alter offsets request"
NOT_STOPPED = ("Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the "
               "specified connector by issuing a 'PUT' request to the '/connectors/{}/stop' endpoint")


@pytest.fixture
def topic(kafka):
    return kafka.topic()


@pytest.fixture(scope="module")
def stopped(api, kafka, shared_endpoint):
    """A stopped connector on a topic with two partitions."""
    topic = kafka.topic(2)
    name = f"stopped-of-{topic}"
    api.create(name, definition(topic, shared_endpoint), "STOPPED").must(201)
    api.wait_for(name, "STOPPED")
    return name, topic


def move(api, name, *entries):
    api.patch(api.at(name, "offsets"), {"offsets": list(entries)}).is_exactly(200, ALTERED)


def delivered(api, kafka, topic, endpoint, name, count=10, keys=None):
    """Creates a connector, waits until it has delivered `count` records, and stops it."""
    kafka.produce(topic, [b"%d" % n for n in range(count)])
    api.create(name, definition(topic, endpoint, keys)).must(201)
    endpoint.wait_for(count, topic)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    api.stop_connector(name)
    return len(endpoint.of(topic))


# Topics

def test_topics_lists_the_consumed_topics_and_can_be_reset(api, kafka, topic, endpoint, name):
    silent = kafka.topic()
    api.create(name, definition(f"{topic},{silent}", endpoint)).must(201)
    api.get(api.at(name, "topics")).is_exactly(200, {name: {"topics": []}})
    kafka.produce(topic, [b"x"])
    endpoint.wait_for(1)
    eventually(lambda: api.get(api.at(name, "topics")).json == {name: {"topics": [topic]}},
               lambda: api.get(api.at(name, "topics")))
    api.put(api.at(name, "topics/reset")).is_empty(202)
    api.get(api.at(name, "topics")).is_exactly(200, {name: {"topics": []}})
    kafka.produce(silent, [b"x"])
    endpoint.wait_for(2)
    eventually(lambda: api.get(api.at(name, "topics")).json == {name: {"topics": [silent]}},
               lambda: api.get(api.at(name, "topics")))


def test_topics_of_an_unknown_connector_are_empty(api):
    api.get(api.at("nobody", "topics")).is_exactly(200, {"nobody": {"topics": []}})
    api.put(api.at("nobody", "topics/reset")).is_empty(202)


# Reading offsets

@pytest.mark.parametrize("action", [None, "pause", "stop"])
def test_offsets_can_be_read_in_any_state(api, kafka, topic, endpoint, name, action):
    kafka.produce(topic, [b"0", b"1"])
    api.create(name, definition(topic, endpoint)).must(201)
    endpoint.wait_for(2)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    if action:
        api.put(api.at(name, action))
    api.get(api.at(name, "offsets")).is_exactly(200, {"offsets": [
        {"partition": {"kafka_partition": 0, "kafka_topic": topic}, "offset": {"kafka_offset": 2}}]})


def test_a_connector_that_never_ran_has_no_offsets(api, stopped):
    api.get(api.at(stopped[0], "offsets")).is_exactly(200, {"offsets": []})


# Errors of changing offsets, in order

@pytest.mark.parametrize("body", [{"offsets": []}, {}, {"offsets": None}])
@pytest.mark.parametrize("connector", ["nobody", "running"])
def test_an_empty_offsets_request_is_the_first_error(api, topic, shared_endpoint, name, connector, body):
    if connector == "running":
        api.create(name, definition(topic, shared_endpoint)).must(201)
    api.patch(api.at(name if connector == "running" else "nobody", "offsets"), body).is_error(400, NONE_GIVEN)


def test_an_unknown_connector_is_the_second_error(api):
    api.patch(api.at("nobody", "offsets"), {"offsets": [{}]}).is_error(404, "Connector nobody not found")


@pytest.mark.parametrize("paused", [False, True])
def test_a_connector_that_is_not_stopped_is_the_third_error(api, topic, shared_endpoint, name, paused):
    api.create(name, definition(topic, shared_endpoint), "PAUSED" if paused else "RUNNING").must(201)
    api.patch(api.at(name, "offsets"), {"offsets": [{}]}).is_error(400, NOT_STOPPED.format(name))
    api.delete(api.at(name, "offsets")).is_error(400, NOT_STOPPED.format(name))


def entry(partition, at={"kafka_offset": 1}):
    return {"partition": partition, "offset": at}


@pytest.mark.parametrize("one, message", [
    ({}, "The partition for a sink connector offset cannot be null or missing"),
    ({"offset": {"kafka_offset": 1}}, "The partition for a sink connector offset cannot be null or missing"),
    (entry(None), "The partition for a sink connector offset cannot be null or missing"),
    (entry({}), "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"),
    (entry({"kafka_topic": "t"}),
     "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"),
    (entry({"kafka_partition": 0}),
     "The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'"),
    (entry({"kafka_topic": None, "kafka_partition": 0}), "Kafka topic names must be valid strings and may not be null"),
    (entry({"kafka_topic": "t", "kafka_partition": None}), "Kafka partitions must be valid numbers and may not be null"),
    (entry({"kafka_topic": "t", "kafka_partition": "one"}), "Failed to parse the following Kafka partition value…"),
    (entry({"kafka_topic": "t", "kafka_partition": 0}, {}),
     "The offset for a sink connector should either be null or contain the key 'kafka_offset'"),
    (entry({"kafka_topic": "t", "kafka_partition": 0}, {"kafka_offset": "soon"}),
     "Failed to parse the following Kafka offset value…"),
])
def test_an_invalid_entry_is_the_last_error(api, stopped, one, message):
    api.patch(api.at(stopped[0], "offsets"), {"offsets": [one]}).is_error(400, message)
    api.patch(api.at(stopped[0], "offsets"), {"offsets": [offset(stopped[1], 0, 1), one]}).is_error(400, message)
    assert api.offsets(stopped[0]) == {}


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"offsets":{}}', b'{"offsets":[1]}', b'{"offset":[]}'])
def test_an_invalid_offsets_body_is_400(api, stopped, body):
    api.patch(api.at(stopped[0], "offsets"), body, headers=JSON).is_error(400)


@pytest.mark.parametrize("topic, partition, at, message", [
    ("no-such-topic", 0, 1, "The cluster has no topic no-such-topic"),
    ("no-such-topic", 0, None, "The cluster has no topic no-such-topic"),
    (None, 9, 1, "The topic {} has no partition 9"),
    (None, 0, -5, "Failed to parse the following Kafka offset value…")])
def test_an_offset_that_the_broker_does_not_have_is_400_and_changes_nothing(api, stopped, topic, partition, at,
                                                                            message):
    known = offset(stopped[1], 1, 1)
    reply = api.patch(api.at(stopped[0], "offsets"),
                      {"offsets": [known, offset(topic or stopped[1], partition, at)]})
    reply.is_error(400, message.format(stopped[1]))
    assert api.offsets(stopped[0]) == {}


# Changing offsets

def test_offsets_can_be_set_before_the_first_run(api, kafka, topic, endpoint, name):
    kafka.produce(topic, [b"%d" % n for n in range(6)])
    api.create(name, definition(topic, endpoint), "STOPPED").must(201)
    move(api, name, offset(topic, 0, 4))
    assert api.offsets(name) == {(topic, 0): 4} and kafka.committed(name, topic) == {0: 4}
    api.put(api.at(name, "resume")).is_empty(202)
    endpoint.wait_for(2)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets() == [4, 5]


@pytest.mark.parametrize("at", [3, "3", 0, 10])
def test_offsets_can_be_moved_back_and_forward(api, kafka, topic, endpoint, name, at):
    seen = delivered(api, kafka, topic, endpoint, name)
    move(api, name, offset(topic, 0, at))
    assert api.offsets(name) == {(topic, 0): int(at)}
    kafka.produce(topic, [b"10"])
    api.put(api.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets()[seen:] == list(range(int(at), 11))


def test_offsets_can_be_changed_as_soon_as_stop_has_answered(api, kafka, topic, endpoint, name):
    """Also with a request in flight and without asking for the state in between."""
    endpoint.decide = lambda one: Answer(delay=0.3)
    api.create(name, definition(topic, endpoint)).must(201)
    for turn in range(4):
        api.wait_running(name)
        kafka.produce(topic, [b"%d" % turn])
        endpoint.wait_for(turn + 1)
        api.put(api.at(name, "stop")).is_empty(204)
        move(api, name, offset(topic, 0, turn + 1))
        assert api.states(name) == ("STOPPED", [])
        api.put(api.at(name, "resume")).is_empty(202)
    assert endpoint.offsets() == list(range(4))


@pytest.mark.parametrize("how", ["null", "delete"])
def test_a_connector_starts_over_after_its_offsets_are_deleted(api, kafka, topic, endpoint, name, how):
    seen = delivered(api, kafka, topic, endpoint, name, count=3)
    if how == "null":
        move(api, name, offset(topic, 0, None))
    else:
        api.delete(api.at(name, "offsets")).is_exactly(200, RESET)
    api.get(api.at(name, "offsets")).is_exactly(200, {"offsets": []})
    api.put(api.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets()[seen:] == [0, 1, 2]


def test_deleting_missing_offsets_is_not_an_error(api, topic, shared_endpoint, name):
    api.create(name, definition(topic, shared_endpoint), "STOPPED").must(201)
    api.delete(api.at(name, "offsets")).is_exactly(200, RESET)
    api.delete(api.at(name, "offsets")).is_exactly(200, RESET)


def test_moving_one_partition_leaves_the_others(api, kafka, endpoint, name):
    topic = kafka.topic(2)
    for partition in range(2):
        kafka.produce(topic, [b"x"] * 3, partition)
    api.create(name, definition(topic, endpoint)).must(201)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    api.stop_connector(name)
    seen = len(endpoint.requests)
    move(api, name, offset(topic, 1, 2))
    assert api.offsets(name) == {(topic, 0): 3, (topic, 1): 2}
    api.put(api.at(name, "resume")).is_empty(202)
    endpoint.wait_for(seen + 1)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.positions()[seen:] == [(1, 2)]


@pytest.mark.parametrize("how, wanted", [(3, range(3, 10)), (0, range(10)), (None, range(10))])
def test_moving_the_offsets_discards_deliveries_past_a_waiting_record(api, kafka, topic, endpoint, name, how, wanted):
    """The commit metadata has 1 to 9 as delivered while 0 waits; changing the offset redelivers them."""
    endpoint.decide = lambda one: RETRY if one.key == b"poison" else DELIVERED
    kafka.produce_records(topic, ({"partition": 0, "key": b"key-%d" % n if n else b"poison", "value": b"%d" % n}
                                  for n in range(10)))
    api.create(name, definition(topic, endpoint, {"delivery.ordering": "key", "retry.backoff.sec": "600"})).must(201)
    endpoint.wait_for(10)
    api.stop_connector(name)
    assert api.offsets(name) == {(topic, 0): 0}
    seen = len(endpoint.requests)
    endpoint.decide = lambda one: DELIVERED
    move(api, name, offset(topic, 0, how))
    api.put(api.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert sorted(endpoint.offsets()[seen:]) == list(wanted)


def test_stop_and_resume_keep_deliveries_past_a_waiting_record(api, kafka, topic, endpoint, name):
    """Stop and resume without changed offsets repeat nothing."""
    endpoint.decide = lambda one: RETRY if one.key == b"poison" else DELIVERED
    kafka.produce_records(topic, ({"partition": 0, "key": b"key-%d" % n if n else b"poison", "value": b"%d" % n}
                                  for n in range(10)))
    api.create(name, definition(topic, endpoint, {"delivery.ordering": "key", "retry.backoff.sec": "600"})).must(201)
    endpoint.wait_for(10)
    api.stop_connector(name)
    seen = len(endpoint.requests)
    endpoint.decide = lambda one: DELIVERED
    api.put(api.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert endpoint.offsets()[seen:] == [0]
