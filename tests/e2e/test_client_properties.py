"""Properties of the Kafka client: Java names, topics that are never matched, and detection of dead processes."""

import time

import pytest

import kafka_cluster
from endpoint import Answer
from sidecar import Sidecar, fields
from waiting import eventually

JAVA = "org.apache.kafka."


def test_java_consumer_properties_work_and_are_shown_as_sent(kafka, rest, sidecar, endpoint, name):
    topic = kafka.topic()
    config = {"connector.class": "HttpSink", "topics": topic, "callback.request.url": endpoint.url}
    config |= {"consumer.override." + key: value for key, value in {
        "bootstrap.servers": kafka.sasl_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f'{JAVA}common.security.plain.PlainLoginModule required username="sink" '
                            'password="sink-secret";',
        "partition.assignment.strategy": f"{JAVA}clients.consumer.CooperativeStickyAssignor",
        "max.poll.records": "500",
        "max.poll.interval.ms": "2147483647",
        "fetch.max.wait.ms": "100",
        "receive.buffer.bytes": "-1",
        "request.timeout.ms": "40000",
        "default.api.timeout.ms": "60000",
        "metadata.max.age.ms": "60000",
        "client.dns.lookup": "use_all_dns_ips",
        "enable.metrics.push": "false",
        "key.deserializer": f"{JAVA}common.serialization.ByteArrayDeserializer",
        "interceptor.classes": "",
    }.items()}
    sidecar.start()
    rest.put(f"/connectors/{name}/config", config).must(201)
    kafka.produce(topic, [b"a"])
    eventually(lambda: endpoint.bodies() == [b"a"], lambda: sidecar.log.tail())
    assert rest.get(f"/connectors/{name}/config").must(200).json == {**config, "name": name}

    config["consumer.override.sasl.jaas.config"] = "software.amazon.msk.auth.iam.IAMLoginModule required;"
    refused = rest.put(f"/connectors/{name}/config", config).must(400).json["message"]
    assert "consumer.override.sasl.jaas.config" in refused and "sasl.username" in refused, refused


def test_a_regular_expression_matches_neither_internal_topics_nor_the_dead_letter_topic(kafka, sidecar, endpoint, name):
    topic, dead = kafka.topic(name=f"{name}.in"), kafka.topic(name=f"{name}.dead")
    endpoint.decide = lambda one: Answer(body=b'{"retry":true}') if one.body == b"bad" else Answer()
    sidecar.connector(name, None, endpoint, {
        "topics.regex": rf"({name}|__).*", "exception.strategy": "DROP_MESSAGE",
        "errors.deadletterqueue.topic.name": dead,
        "consumer.override.topic.metadata.refresh.interval.ms": 500})
    kafka.produce(topic, [b"bad", b"good"])
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), lambda: sidecar.log.tail())
    assert [record.value() for record in kafka.read(dead)] == [b"bad"]
    # The topic of the commits exists now.
    assert len(kafka.partitions("__consumer_offsets")) > 0
    later = kafka.topic(name=f"{name}.later")
    eventually(lambda: sidecar.value("assigned_partitions", connector=name) == 2, lambda: sidecar.log.tail())
    kafka.produce(later, [b"last"])
    eventually(lambda: b"last" in endpoint.bodies(), lambda: sidecar.log.tail())
    assert {one.topic for one in endpoint.requests} == {topic, later}
    for line in sidecar.log.find("partitions assigned", name):
        assert "__" not in fields(line)["partitions"] and dead not in fields(line)["partitions"], line


@pytest.fixture
def pair(binary, kafka, tmp_path):
    """Two processes; the second outlives the first."""
    both = [Sidecar(binary, tmp_path / f"process-{number}", kafka.bootstrap) for number in range(2)]
    yield both
    for one in both:
        one.end_of_test()


def test_delivery_resumes_soon_after_kill_9_in_other_and_restarted_processes(kafka, pair, endpoint, second_endpoint,
                                                                             name):
    """Prints the durations. The brokers notice a dead member after the session timeout, by default 10 s."""
    first, second = pair
    shared, alone = kafka_cluster.unique(name), kafka_cluster.unique(name)
    shared_topic, alone_topic = kafka.topic(2), kafka.topic()
    first.connector(shared, shared_topic, endpoint)
    second.connector(shared, shared_topic, endpoint)
    first.connector(alone, alone_topic, second_endpoint)
    for one in pair:
        one.start()
    eventually(lambda: [one.value("assigned_partitions", connector=shared) for one in pair] == [1, 1],
               lambda: first.log.tail() + second.log.tail())
    first.wait_running(alone)

    first.kill()
    killed = time.monotonic()
    for partition in range(2):
        kafka.produce(shared_topic, [b"x"], partition=partition)
    kafka.produce(alone_topic, [b"x"])
    first.start()
    eventually(lambda: {one.partition for one in endpoint.requests} == {0, 1} and second_endpoint.requests,
               lambda: first.log.tail() + second.log.tail(), 120)
    took = {"another process": max(one.time for one in endpoint.requests) - killed,
            "the restarted one": second_endpoint.requests[0].time - killed}
    print("\nafter kill -9 delivery resumes in " + ", ".join(f"{who} after {s:.1f} s" for who, s in took.items()))
    # Well below the 45 s of librdkafka's default, even on a busy machine.
    assert max(took.values()) < 35, took


def test_static_members_resume_at_once_with_their_ids(kafka, sidecar, endpoint, name):
    topic = kafka.topic(2)
    sidecar.connector(name, topic, endpoint, {
        "tasks.max": 2, "consumer.override.group.instance.id": name, "consumer.override.session.timeout.ms": 240_000})
    sidecar.start()

    def both_deliver(body):
        for partition in range(2):
            kafka.produce(topic, [body], partition=partition)
        eventually(lambda: endpoint.bodies().count(body) >= 2, lambda: sidecar.log.tail(), 120)

    both_deliver(b"before")
    eventually(lambda: len(kafka.members(name)) == 2, lambda: kafka.members(name))
    members = kafka.members(name)
    sidecar.kill()
    sidecar.start()
    killed = time.monotonic()
    both_deliver(b"after")      # long before the session timeout
    print(f"\nstatic members resume {time.monotonic() - killed:.1f} s after the restart")
    eventually(lambda: len(kafka.members(name)) == 2 and not set(members) & set(kafka.members(name)),
               lambda: f"{members} are replaced, no member is added: {kafka.members(name)}")
    assert not sidecar.log.find("FENCED"), sidecar.log.tail()
