"""Access to the Kafka cluster for tests: topics, records, committed offsets, group members."""

import importlib.util
import json
import os
import pathlib
import socket
import struct
import sys
import time
import uuid

import confluent_kafka
import confluent_kafka.admin
import pytest

_NODE = pathlib.Path(__file__).resolve().parent / "kafka" / "kafka.py"
_TIMEOUT = 30
_NO_COORDINATOR = (confluent_kafka.KafkaError.NOT_COORDINATOR, confluent_kafka.KafkaError.COORDINATOR_NOT_AVAILABLE,
                   confluent_kafka.KafkaError.COORDINATOR_LOAD_IN_PROGRESS)


def load_node():
    """Loads the module kafka/kafka.py, which is in no package and shares its name with others."""
    spec = importlib.util.spec_from_file_location("kafka_node", _NODE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def group_of(connector):
    return f"connect-{connector}"


def unique(stem):
    return f"{stem}-{uuid.uuid4().hex[:8]}"


class KafkaCluster:
    """A client of one broker. Offsets and ends are dictionaries by partition."""

    def __init__(self, bootstrap, sasl_bootstrap=None):
        self.bootstrap = bootstrap
        self.sasl_bootstrap = sasl_bootstrap
        self._settings = {"bootstrap.servers": bootstrap, "log_level": 2}
        self._admin = confluent_kafka.admin.AdminClient(self._settings)

    @classmethod
    def from_state(cls, path):
        state = json.loads(pathlib.Path(path).read_text())
        return cls(state["bootstrap"], state["sasl_bootstrap"])

    def cluster_id(self):
        return self._admin.list_topics(timeout=_TIMEOUT).cluster_id

    def topic(self, partitions=1, name=None, config=None):
        """Creates a topic and returns its name, which is unique by default."""
        name = name or unique("topic")
        new = confluent_kafka.admin.NewTopic(name, num_partitions=partitions, replication_factor=1,
                                             config=config or {})
        self._admin.create_topics([new], operation_timeout=_TIMEOUT)[name].result(_TIMEOUT)
        return name

    def configure(self, topic, config):
        """Sets the configuration of the topic; other keys get their defaults."""
        resource = confluent_kafka.admin.ConfigResource(confluent_kafka.admin.RESOURCE_TOPIC, topic, config)
        for result in self._admin.alter_configs([resource]).values():
            result.result(_TIMEOUT)

    def add_partitions(self, topic, total):
        """Increases the partitions of the topic to `total`."""
        new = confluent_kafka.admin.NewPartitions(topic, total)
        self._admin.create_partitions([new], operation_timeout=_TIMEOUT)[topic].result(_TIMEOUT)
        self._until(topic, lambda metadata: len(metadata.partitions) == total)

    def delete_topic(self, topic):
        """Deletes the topic and waits until the broker no longer knows it."""
        self._admin.delete_topics([topic], operation_timeout=_TIMEOUT)[topic].result(_TIMEOUT)
        self._until(topic, lambda metadata: metadata.error is not None)

    def _until(self, topic, condition):
        deadline = time.monotonic() + _TIMEOUT
        while not condition(self._admin.list_topics(topic, timeout=_TIMEOUT).topics[topic]):
            assert time.monotonic() < deadline, f"the broker's metadata of {topic} is still stale"
            time.sleep(0.02)

    def delete_records(self, topic, befores):
        """Deletes records: {partition: first offset to keep}. Returns {partition: first remaining offset}.

        Uses the wire protocol (DeleteRecords, version 1), because Debian 12's confluent_kafka has no such call.
        """
        name = topic.encode()
        body = struct.pack(">ih", 1, len(name)) + name + struct.pack(">i", len(befores))
        body += b"".join(struct.pack(">iq", partition, before) for partition, before in befores.items())
        reply = _call(self.bootstrap, 21, 1, body + struct.pack(">i", _TIMEOUT * 1000))
        assert reply[8:10 + len(name)] == struct.pack(">h", len(name)) + name, f"the answer is not about {topic}: {reply}"
        firsts = {}
        for partition, first, error in struct.iter_unpack(">iqh", reply[14 + len(name):]):
            assert error == 0, f"DeleteRecords of {topic}[{partition}]: error {error}"
            firsts[partition] = first
        return firsts

    def produce(self, topic, values, partition=0, key=None, headers=None, timestamp=None):
        """Appends values (bytes, or None for a tombstone) to a partition, and waits for the acknowledgement."""
        self.produce_records(topic, ({"value": value, "partition": partition, "key": key, "headers": headers,
                                      "timestamp": timestamp} for value in values))

    def producer(self):
        """Returns an idempotent producer, because retries of another one may change the order."""
        return confluent_kafka.Producer({**self._settings, "linger.ms": 5, "enable.idempotence": True})

    def produce_records(self, topic, records, producer=None):
        """Appends records, given as keyword arguments of confluent_kafka's Producer.produce, including `partition`."""
        failures = []
        producer = producer or self.producer()

        def done(error, _):
            if error:
                failures.append(error)

        for record in records:
            arguments = {name: value for name, value in record.items() if value is not None or name == "value"}
            while True:
                try:
                    producer.produce(topic, on_delivery=done, **arguments)
                    break
                except BufferError:
                    producer.poll(0.05)
        left = producer.flush(_TIMEOUT)
        assert not left and not failures, f"{left} records unsent, failures: {failures[:3]}"

    def produce_in_transactions(self, topic, transactions):
        """Produces transactions: (values, whether it commits). The end of each transaction takes one offset."""
        producer = confluent_kafka.Producer({**self._settings, "transactional.id": unique("transactions")})
        producer.init_transactions(_TIMEOUT)
        for values, committed in transactions:
            producer.begin_transaction()
            for value in values:
                producer.produce(topic, value, partition=0)
            producer.flush(_TIMEOUT)
            if committed:
                producer.commit_transaction(_TIMEOUT)
            else:
                producer.abort_transaction(_TIMEOUT)

    def partitions(self, topic):
        return sorted(self._admin.list_topics(topic, timeout=_TIMEOUT).topics[topic].partitions)

    def committed(self, connector, topic):
        """Returns the committed offsets of the connector's group; 0 where there is none."""
        partitions = [confluent_kafka.TopicPartition(topic, number) for number in self.partitions(topic)]
        consumer = confluent_kafka.Consumer({**self._settings, "group.id": group_of(connector)})
        deadline = time.monotonic() + _TIMEOUT
        try:
            while True:
                try:
                    found = consumer.committed(partitions, timeout=_TIMEOUT)
                    return {one.partition: max(one.offset, 0) for one in found}
                except confluent_kafka.KafkaException as error:
                    # A broker that has just started may not coordinate the group yet.
                    if error.args[0].code() not in _NO_COORDINATOR or time.monotonic() > deadline:
                        raise
                    consumer.poll(0.1)
        finally:
            consumer.close()

    def ends(self, topic):
        consumer = confluent_kafka.Consumer({**self._settings, "group.id": "ends"})
        try:
            partitions = [confluent_kafka.TopicPartition(topic, number) for number in self.partitions(topic)]
            return {one.partition: consumer.get_watermark_offsets(one, timeout=_TIMEOUT)[1] for one in partitions}
        finally:
            consumer.close()

    def all_committed(self, connector, topic):
        return self.committed(connector, topic) == self.ends(topic)

    def read(self, topic):
        """Returns all records of the topic as confluent_kafka messages."""
        consumer = confluent_kafka.Consumer({**self._settings, "group.id": "read", "enable.auto.commit": False})
        ends = self.ends(topic)
        consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in ends])
        records = []
        try:
            while len(records) < sum(ends.values()):
                record = consumer.poll(_TIMEOUT)
                assert record is not None and not record.error(), record and record.error()
                records.append(record)
        finally:
            consumer.close()
        return records

    def members(self, connector):
        """Returns the member ids of the connector's group; a new id means that a member has rejoined."""
        groups = self._admin.list_groups(group_of(connector), timeout=_TIMEOUT)
        return sorted(member.id for group in groups for member in group.members)

    def group_state(self, connector):
        groups = self._admin.list_groups(group_of(connector), timeout=_TIMEOUT)
        return groups[0].state if groups else None


def _call(bootstrap, api_key, version, body):
    """Sends a request of Kafka's protocol with header version 1, and returns the body of the answer."""
    client = b"test"
    request = struct.pack(">hhih", api_key, version, 1, len(client)) + client + body
    host, _, port = bootstrap.rpartition(":")
    with (socket.create_connection((host, int(port)), timeout=_TIMEOUT) as connection,
          connection.makefile("rb") as reply):
        connection.sendall(struct.pack(">i", len(request)) + request)
        size, = struct.unpack(">i", reply.read(4))
        answer = reply.read(size)
    return answer[4:]


def required():
    """Whether a missing broker is a failure."""
    return os.environ.get("REQUIRE_KAFKA") == "1"


def without(why):
    """Fails or skips the test because there is no broker, and prints the reason."""
    if required():
        pytest.fail(f"REQUIRE_KAFKA=1 and there is no broker: {why}", pytrace=False)
    print(f"\n*** NO KAFKA BROKER: end-to-end tests are SKIPPED ***\n{why}", file=sys.__stderr__, flush=True)
    pytest.skip(f"NO KAFKA BROKER: {why}")
