"""Definitions come, go and change while the process runs."""

import os

from endpoint import DELIVERED
from kafka_cluster import unique
from sidecar import toml
from waiting import eventually, holds


def delivers(kafka, topic, endpoint):
    """Produces one record more and waits until it comes to this endpoint."""
    value = unique("value").encode()
    kafka.produce(topic, [value])
    eventually(lambda: value in endpoint.bodies(topic), f"{value} at the endpoint")


def two_running(kafka, sidecar, endpoint, name):
    """A process with two running connectors; the second is never touched. Returns their topics."""
    topics = kafka.topic(), kafka.topic()
    sidecar.connector(name, topics[0], endpoint)
    sidecar.connector(f"{name}-other", topics[1], endpoint)
    sidecar.start()
    sidecar.wait_running(name, f"{name}-other")
    return topics


def test_an_added_file_starts_and_a_removed_one_stops_and_others_are_not_touched(kafka, sidecar, endpoint, name):
    topic, other_topic = two_running(kafka, sidecar, endpoint, name)
    others = kafka.members(f"{name}-other")
    rebalances = sidecar.value("rebalances_total", connector=f"{name}-other")
    added, added_topic = f"{name}-added", kafka.topic()
    sidecar.connector(added, added_topic, endpoint)
    sidecar.reload()
    delivers(kafka, added_topic, endpoint)
    sidecar.remove(name)
    sidecar.reload()
    eventually(lambda: kafka.members(name) == [], "the removed one left its group")
    eventually(lambda: sidecar.value("connector_state", connector=name) is None, "its metrics are gone")
    kafka.produce(topic, [b"nobody is there"])
    delivers(kafka, other_topic, endpoint)
    assert endpoint.of(topic) == []
    assert kafka.members(f"{name}-other") == others
    assert sidecar.value("rebalances_total", connector=f"{name}-other") == rebalances




def test_a_changed_topic_applies(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    delivers(kafka, topic, endpoint)
    changed = kafka.topic()
    sidecar.connector(name, changed, endpoint)
    sidecar.reload()
    delivers(kafka, changed, endpoint)
    assert kafka.all_committed(name, topic)


def test_an_invalid_change_keeps_the_last_good_definition_running(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    members = kafka.members(name)
    sidecar.write(name, f'topics = "{topic}"\ncallback.request.url = "{endpoint.url}"\ntasks.max = "lots"\n')
    sidecar.reload()
    sidecar.wait_for_value(1, "connector_invalid", connector=name)
    sidecar.wait_for_value(1, "config_files", status="invalid")
    delivers(kafka, topic, endpoint)
    assert kafka.members(name) == members
    assert sidecar.log.find(f"{name}.toml", "tasks.max")
    assert sidecar.value("connector_state", connector=name, state="running") == 1
    sidecar.connector(name, topic, endpoint)
    sidecar.reload()
    sidecar.wait_for_value(0, "connector_invalid", connector=name)
    delivers(kafka, topic, endpoint)


def test_a_comment_or_a_touch_restarts_nothing(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    members = kafka.members(name)
    file = sidecar.connectors / f"{name}.toml"
    sidecar.write(name, "# only a comment\n" + file.read_text())
    sidecar.reload()
    os.utime(file)
    sidecar.reload()
    holds(lambda: kafka.members(name) == members, "the same member", seconds=3)
    delivers(kafka, topic, endpoint)


def test_a_stopped_connector_starts_anew_when_its_definition_changes(kafka, sidecar, endpoint, second_endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.refuse()
    sidecar.connector(name, topic, endpoint, {"exception.strategy": "STOP_TASK", "retry.backoff.sec": [0.05]})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    sidecar.connector(name, topic, second_endpoint, {"exception.strategy": "STOP_TASK"})
    sidecar.reload()
    assert second_endpoint.wait_for(1)[0].body == b"0"
    sidecar.wait_for_value(0, "tasks_stopped", connector=name)


def test_a_wait_ends_at_once_when_the_definition_changes_the_delays(kafka, sidecar, endpoint, second_endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    endpoint.refuse()
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [600], "topics": topic,
                                              "consumer.override.client.id": "new-consumer"})
    sidecar.reload()
    kafka.produce(topic, [b"waits"])
    sidecar.wait_for_value(1, "records_waiting_retry", connector=name)
    sidecar.connector(name, topic, second_endpoint)
    sidecar.reload()
    assert second_endpoint.wait_for(1)[0].body == b"waits"



def test_files_that_are_no_definitions_are_left_alone(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    (sidecar.connectors / ".hidden.toml").write_text("nonsense")
    (sidecar.connectors / "notes.txt").write_text("nonsense")
    (sidecar.connectors / "x.toml~").write_text("nonsense")
    sidecar.reload()
    delivers(kafka, topic, endpoint)
    holds(lambda: sidecar.value("config_files", status="invalid") == 0, "nothing is invalid", seconds=1.5)
    assert sidecar.value("config_files", status="valid") == 2


def test_a_configmap_volume_is_followed_through_its_swap(kafka, sidecar, endpoint, name):
    directory, topics = sidecar.connectors, (kafka.topic(), kafka.topic())

    def swap(version, definitions):
        (directory / version).mkdir()
        for file, keys in definitions.items():
            (directory / version / file).write_text(toml(keys))
        (directory / "..data_tmp").symlink_to(version)
        (directory / "..data_tmp").rename(directory / "..data")
        for file in definitions:
            if not (directory / file).is_symlink():
                (directory / file).symlink_to(f"..data/{file}")

    definitions = {f"{name}-{n}.toml": {"topics": topics[n], "callback.request.url": endpoint.url} for n in (0, 1)}
    first = f"{name}-0.toml"
    swap("..2026_01", {first: definitions[first]})
    endpoint.decide = lambda one: DELIVERED
    sidecar.start()
    delivers(kafka, topics[0], endpoint)
    members = kafka.members(f"{name}-0")
    swap("..2026_02", definitions)
    sidecar.reload()
    delivers(kafka, topics[1], endpoint)
    assert kafka.members(f"{name}-0") == members
