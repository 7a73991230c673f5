"""The life cycle of a connector with the calls of first users and of Kafka Connect, and migration from there."""

import confluent_kafka
import pytest

import kafka_cluster
from rest import JAVA_CLASS, JSON, compact, shown
from waiting import eventually, holds


def seed(topic, endpoint):
    """Returns a definition like in the first documentation."""
    return {
        "connector.class": JAVA_CLASS,
        "tasks.max": "1",
        "value.converter": "org.apache.kafka.connect.storage.StringConverter",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "header.converter": "org.apache.kafka.connect.storage.StringConverter",
        "topics": topic,
        "callback.request.url": endpoint.url,
        "callback.request.method": "POST",
        "callback.request.headers": "Accept:application/json|Content-Type:application/json",
        "retry.backoff.sec": "5,30,60,300,600",
        "exception.strategy": "PROGRESS_BACK_OFF_DROP_MESSAGE",
    }


@pytest.fixture
def topic(kafka):
    return kafka.topic()


FORMS = {   # calls that change, pause and resume: (method, path after the name)
    "the seed's": (("PUT", ""), ("GET", "pause"), ("GET", "resume")),
    "Kafka Connect's": (("PUT", "config"), ("PUT", "pause"), ("PUT", "resume")),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_life_cycle_of_a_connector(api, kafka, topic, endpoint, name, form):
    (change, at), (pause, paused), (resume, resumed) = FORMS[form]
    config = seed(topic, endpoint)

    made = api.post("/connectors", compact({"name": name, "config": config}), headers=JSON).must(201)
    assert made.json["config"] == shown(name, config) and made.json["type"] == "sink"
    kafka.produce(topic, [b"0"])
    first = endpoint.wait_for(1)[0]
    assert (first.method, first.body) == ("POST", b"0")
    assert (first.headers["accept"], first.headers["content-type"]) == ("application/json", "application/json")

    changed = {**config, "callback.request.url": endpoint.url + "/changed"}
    assert api.call(change, api.at(name, at), changed).must(200).json["config"] == shown(name, changed)
    kafka.produce(topic, [b"1"])
    assert endpoint.wait_for(2)[1].target == "/records/changed"

    api.call(pause, api.at(name, paused)).is_empty(202)
    api.wait_for(name, "PAUSED", "PAUSED")
    kafka.produce(topic, [b"2"])
    holds(lambda: len(endpoint.requests) == 2, "nothing comes", 1)
    api.call(resume, api.at(name, resumed)).is_empty(202)
    endpoint.wait_for(3)

    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    api.delete(api.at(name)).is_empty(204)
    api.get(api.at(name, "status")).is_error(404)
    eventually(lambda: not kafka.members(name), "it has left its group")
    assert endpoint.offsets() == [0, 1, 2]


def test_put_of_an_old_definition_creates_the_connector(api, kafka, topic, endpoint, name):
    api.put(api.at(name), seed(topic, endpoint)).must(201)
    kafka.produce(topic, [b"0"])
    endpoint.wait_for(1)


def commit_as_another_client(kafka, group, topic, offsets):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group,
                                         "enable.auto.commit": False})
    consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, partition, at) for partition, at in offsets.items()],
                    asynchronous=False)
    consumer.close()


@pytest.mark.parametrize("form", ["POST", "PUT"])
def test_a_connector_migrated_from_kafka_connect_continues_at_the_next_offset(api, kafka, endpoint, form):
    name, topic = kafka_cluster.unique("orders"), kafka.topic(3)
    for partition in range(3):
        kafka.produce(topic, [b"%d" % n for n in range(10)], partition)
    commit_as_another_client(kafka, f"connect-{name}", topic, {0: 7, 1: 10})
    if form == "POST":
        api.create(name, seed(topic, endpoint)).must(201)
    else:
        api.put(api.at(name), seed(topic, endpoint)).must(201)
    eventually(lambda: kafka.all_committed(name, topic), lambda: kafka.committed(name, topic))
    assert endpoint.offsets(topic, 0) == [7, 8, 9]
    assert endpoint.offsets(topic, 1) == []
    assert endpoint.offsets(topic, 2) == list(range(10))
    assert api.offsets(name) == {(topic, partition): 10 for partition in range(3)}
