"""The dead letter queue: a record is dropped only after the broker has acknowledged its dead letter."""

from endpoint import DELIVERED, Answer
from kafka_cluster import unique
from sidecar import fields
from waiting import eventually, holds


def refuse_offset_1(request):
    return Answer(status=422, body=b'{"retry":true}') if request.offset == 1 else DELIVERED


def test_a_dropped_record_is_in_the_dead_letter_queue_with_its_context(kafka, sidecar, endpoint, name):
    topic, letters = kafka.topic(), kafka.topic()
    kafka.produce(topic, [b"0", b"\x00one", b"2"], key=b"k", headers=[("own", b"header")])
    endpoint.decide = refuse_offset_1
    sidecar.connector(name, topic, endpoint, {"exception.strategy": "DROP_MESSAGE",
                                              "errors.deadletterqueue.topic.name": letters})
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    letter, = kafka.read(letters)
    assert (letter.key(), letter.value()) == (b"k", b"\x00one")
    headers = dict(letter.headers())
    assert headers["own"] == b"header"
    assert headers["__connect.errors.topic"] == topic.encode()
    assert headers["__connect.errors.partition"] == b"0" and headers["__connect.errors.offset"] == b"1"
    assert headers["__connect.errors.connector.name"] == name.encode()
    assert {"task.id", "stage", "class.name", "exception.class.name", "exception.message"} <= {
        header.replace("__connect.errors.", "") for header in headers}
    assert sidecar.value("dead_letter_records_total", connector=name, outcome="produced") == 1
    assert sidecar.value("records_dropped_total", connector=name, topic=topic) == 1
    line, = sidecar.log.find("record dropped", name)
    assert fields(line)["outcome"] == "dead_letter"


def test_the_context_headers_can_be_disabled(kafka, sidecar, endpoint, name):
    topic, letters = kafka.topic(), kafka.topic()
    kafka.produce(topic, [b"0", b"1"], headers=[("own", b"header")])
    endpoint.decide = refuse_offset_1
    sidecar.connector(name, topic, endpoint, {
        "exception.strategy": "DROP_MESSAGE", "errors.deadletterqueue.topic.name": letters,
        "errors.deadletterqueue.context.headers.enable": False})
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert [one.headers() for one in kafka.read(letters)] == [[("own", b"header")]]


def test_nothing_is_dropped_while_the_dead_letter_queue_fails_and_the_status_has_the_reason(
        kafka, sidecar, rest, endpoint, name):
    topic, missing = kafka.topic(), unique("missing")
    kafka.produce(topic, [b"0", b"1", b"2"])
    sidecar.settings["kafka.message.timeout.ms"] = "1000"
    endpoint.decide = refuse_offset_1
    sidecar.connector(name, topic, endpoint, {"exception.strategy": "DROP_MESSAGE",
                                              "errors.deadletterqueue.topic.name": missing})
    sidecar.start()
    endpoint.wait_for(2)
    eventually(lambda: kafka.committed(name, topic) == {0: 1}, lambda: kafka.committed(name, topic))
    holds(lambda: kafka.committed(name, topic) == {0: 1}, lambda: kafka.committed(name, topic), seconds=3)
    assert sidecar.value("records_dropped_total", connector=name) == 0
    sidecar.log.wait_for("dead letter queue write failed, will retry", missing, "offset=1")
    assert sidecar.value("dead_letter_records_total", connector=name, outcome="failed") >= 1
    status = rest.get(f"/connectors/{name}/status").must(200).json
    assert [task["state"] for task in status["tasks"]] == ["RUNNING"]
    warning, = status["warnings"]
    assert f"{topic}[0]@1 waits for its dead letter" in warning and missing in warning
    kafka.topic(name=missing)
    sidecar.restart()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed once the topic exists")
    assert [one.value() for one in kafka.read(missing)] == [b"1"]


def test_a_record_waits_until_the_dead_letter_queue_accepts_it(kafka, sidecar, endpoint, name):
    topic, letters = kafka.topic(), unique("missing")
    kafka.produce(topic, [b"0", b"1", b"2"])
    sidecar.settings["kafka.message.timeout.ms"] = "1000"
    endpoint.decide = refuse_offset_1
    sidecar.connector(name, topic, endpoint, {"exception.strategy": "DROP_MESSAGE",
                                              "errors.deadletterqueue.topic.name": letters})
    sidecar.start()
    sidecar.log.wait_for("dead letter queue write failed, will retry", "offset=1", timeout=60)
    # Neither a stop nor a crash drops it in the meantime.
    sidecar.stop()
    assert kafka.committed(name, topic) == {0: 1}
    sidecar.start()
    sidecar.log.wait_for("dead letter queue write failed, will retry", "offset=1", timeout=60)
    sidecar.kill()
    assert kafka.committed(name, topic) == {0: 1}
    sidecar.start()
    sidecar.log.wait_for("dead letter queue write failed, will retry", "offset=1", timeout=90)
    assert kafka.committed(name, topic) == {0: 1}
    kafka.topic(name=letters)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed", timeout=120)
    assert {one.value() for one in kafka.read(letters)} == {b"1"}
    assert endpoint.offsets(topic).count(0) == 1 and endpoint.offsets(topic).count(2) == 1


def test_a_record_that_the_dead_letter_queue_always_rejects_stops_the_connector(kafka, sidecar, rest, endpoint, name):
    """It is too large for one topic, and lacks the key that the other, compacted one requires."""
    refusing = {"large": {"max.message.bytes": "10"}, "keyless": {"cleanup.policy": "compact"}}
    topics = {case: (kafka.topic(), kafka.topic(config=config)) for case, config in refusing.items()}
    endpoint.decide = refuse_offset_1
    for case, (topic, letters) in topics.items():
        kafka.produce(topic, [b"0", b"1", b"2"])
        sidecar.connector(f"{name}-{case}", topic, endpoint, {
            "exception.strategy": "DROP_MESSAGE", "errors.deadletterqueue.topic.name": letters})
    sidecar.start()
    for case, (topic, letters) in topics.items():
        sidecar.wait_for_value(1, "tasks_stopped", connector=f"{name}-{case}")
        status = rest.get(f"/connectors/{name}-{case}/status").must(200).json
        task, = status["tasks"]
        assert task["state"] == "FAILED"
        assert task["trace"].startswith(f"{topic}[0]@1: its dead letter was refused 3 times: "
                                        f"dead letter topic {letters}: ")
        assert kafka.committed(f"{name}-{case}", topic) == {0: 1} and kafka.read(letters) == []
        assert sidecar.value("records_dropped_total", connector=f"{name}-{case}") == 0
        assert sidecar.value("dead_letter_records_total", connector=f"{name}-{case}", outcome="failed") == 3
        kafka.configure(letters, {"max.message.bytes": "1000000", "cleanup.policy": "delete"})
        rest.post(f"/connectors/{name}-{case}/restart?includeTasks=true").must(202)
    for case, (topic, letters) in topics.items():
        eventually(lambda: kafka.all_committed(f"{name}-{case}", topic), "everything is committed")
        assert [one.value() for one in kafka.read(letters)] == [b"1"]
