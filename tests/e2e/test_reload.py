"""Definitions are added, removed and changed while the process runs."""

import os
import re

import pytest

from kafka_cluster import unique
from observing import undisturbed
from sidecar import toml
from volume import Volume
from waiting import eventually, holds


def delivers(kafka, topic, endpoint):
    """Produces a record, waits until this endpoint receives it, and returns the request."""
    value = unique("value").encode()
    kafka.produce(topic, [value])
    return eventually(lambda: [one for one in endpoint.of(topic) if one.body == value], f"{value} at the endpoint")[0]


def two_running(kafka, sidecar, endpoint, name):
    """Starts a process with two connectors, of which the second stays unchanged; returns their topics."""
    topics = kafka.topic(), kafka.topic()
    sidecar.connector(name, topics[0], endpoint)
    sidecar.connector(f"{name}-other", topics[1], endpoint)
    sidecar.start()
    sidecar.wait_running(name, f"{name}-other")
    return topics


def test_an_added_file_starts_a_removed_one_stops_and_others_are_not_disturbed(kafka, sidecar, endpoint, name):
    topic, other_topic = two_running(kafka, sidecar, endpoint, name)
    added, added_topic = f"{name}-added", kafka.topic()
    with undisturbed(kafka, sidecar, f"{name}-other"):
        sidecar.connector(added, added_topic, endpoint)
        delivers(kafka, added_topic, endpoint)
        sidecar.remove(name)
        eventually(lambda: kafka.members(name) == [], "the removed connector has left its group")
        eventually(lambda: sidecar.value("connector_state", connector=name) is None, "its metrics are removed")
        kafka.produce(topic, [b"nobody is there"])
        delivers(kafka, other_topic, endpoint)
        assert endpoint.of(topic) == []


def test_a_removed_connector_drains_and_commits_and_continues_there_when_it_returns(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    for _ in range(20):
        kafka.produce(topic, [b"x"])
    endpoint.wait_for(1, topic)
    sidecar.remove(name)
    eventually(lambda: sidecar.value("connector_state", connector=name) is None, "it is removed")
    assert kafka.committed(name, topic) == {0: len(endpoint.of(topic))}
    sidecar.connector(name, topic, endpoint)
    delivers(kafka, topic, endpoint)
    assert endpoint.offsets(topic) == list(range(21))


def test_sighup_reloads_at_once(kafka, sidecar, endpoint, name):
    """Without SIGHUP the long debounce time would apply."""
    sidecar.settings["connectors.debounce.ms"] = 60_000
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    looks = sum(sidecar.value("config_reloads_total", outcome=one) for one in ("changed", "unchanged"))
    sidecar.connector(name, topic, f"{endpoint.url}/edited")
    holds(lambda: sidecar.value("config_reloads_total", outcome="changed") == 1, "the event alone changes nothing", seconds=1)
    sidecar.reload()
    sidecar.wait_for_value(2, "config_reloads_total", outcome="changed")
    assert delivers(kafka, topic, endpoint).target == "/records/edited"
    assert looks == 1


def test_an_invalid_change_keeps_the_last_good_definition_running(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    with undisturbed(kafka, sidecar, name):
        sidecar.write(name, f'topics = "{topic}"\ncallback.request.url = "{endpoint.url}"\ntasks.max = "lots"\n')
        sidecar.wait_for_value(1, "connector_invalid", connector=name)
        sidecar.wait_for_value(1, "config_files", status="invalid")
        assert sidecar.value("config_files", status="valid") == 1
        delivers(kafka, topic, endpoint)
        line, = sidecar.log.wait_for(f"{name}.toml", "tasks.max")
        assert re.search(re.escape(f"{name}.toml") + r":3:(1|13)\b", line), line
        assert sidecar.value("connector_state", connector=name, state="running") == 1
        assert sidecar.value("config_last_reload_successful") == 0
        sidecar.connector(name, topic, f"{endpoint.url}/fixed")
        sidecar.wait_for_value(0, "connector_invalid", connector=name)
        assert delivers(kafka, topic, endpoint).target == "/records/fixed"
        assert sidecar.value("config_last_reload_successful") == 1
        assert sidecar.value("config_files", status="invalid") == 0


def test_a_new_invalid_file_fails_and_runs_once_it_is_fixed(kafka, sidecar, endpoint, name):
    two_running(kafka, sidecar, endpoint, name)
    added, topic = f"{name}-added", kafka.topic()
    with undisturbed(kafka, sidecar, name, f"{name}-other"):
        sidecar.write(added, 'topics = "unfinished\n')
        sidecar.wait_for_value(1, "connector_state", connector=added, state="failed")
        assert sidecar.value("connector_invalid", connector=added) == 1
        sidecar.connector(added, topic, endpoint)
        delivers(kafka, topic, endpoint)
        sidecar.wait_for_value(0, "connector_invalid", connector=added)


def test_a_comment_or_a_touch_restarts_nothing(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    file = sidecar.connectors / f"{name}.toml"

    def looked_again(save):
        looks = sidecar.value("config_reloads_total")
        save()
        eventually(lambda: sidecar.value("config_reloads_total") > looks, "another reload")

    with undisturbed(kafka, sidecar, name, f"{name}-other"):
        looked_again(lambda: sidecar.write(name, "# only a comment\n" + file.read_text()))
        os.utime(file)
        looked_again(lambda: file.write_text(file.read_text()))
        delivers(kafka, topic, endpoint)
    assert not sidecar.log.find("applied"), sidecar.log.find("applied")


def test_renaming_a_file_with_an_explicit_connector_name_restarts_nothing(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    sidecar.connector("one", topic, endpoint, {"name": name})
    sidecar.connector("other", topic, endpoint, {"name": f"{name}-other"})
    sidecar.start()
    sidecar.wait_running(name, f"{name}-other")
    with undisturbed(kafka, sidecar, name, f"{name}-other"):
        (sidecar.connectors / "one.toml").rename(sidecar.connectors / "renamed.toml")
        sidecar.connector("other", topic, f"{endpoint.url}/edited", {"name": f"{name}-other"})
        eventually(lambda: delivers(kafka, topic, endpoint)
                   and "/records/edited" in {one.target for one in endpoint.requests}, "the rename was processed")
        assert sidecar.value("connector_state", connector=name, state="running") == 1


@pytest.mark.parametrize("fix", ["url", "strategy", "tasks.max"])
def test_a_failed_connector_restarts_when_its_definition_changes(kafka, sidecar, endpoint, second_endpoint, name, fix):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    endpoint.refuse()
    keys = {"exception.strategy": "STOP_TASK", "retry.backoff.sec": [0.05]}
    sidecar.connector(name, topic, endpoint, keys)
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    sidecar.wait_for_value(1, "connector_state", connector=name, state="failed")
    server = second_endpoint if fix == "url" else endpoint
    if fix != "url":
        endpoint.come_back()
        keys.update({"exception.strategy": "PROGRESS_BACK_OFF_STOP_TASK"} if fix == "strategy" else {"tasks.max": 2})
    sidecar.connector(name, topic, server, keys)
    assert server.wait_for(1)[0].body == b"0"
    sidecar.wait_for_value(0, "tasks_stopped", connector=name)
    sidecar.wait_for_value(1, "connector_state", connector=name, state="running")
    eventually(lambda: kafka.all_committed(name, topic), "it is committed")


@pytest.mark.parametrize("file", ["a-before", "z-after"])
def test_a_second_definition_of_a_name_does_not_replace_the_running_one(kafka, sidecar, endpoint, second_endpoint, name,
                                                                        file):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    with undisturbed(kafka, sidecar, name):
        sidecar.connector(file, topic, second_endpoint, {"name": name})
        eventually(lambda: sidecar.log.find("level=error", f"{name}.toml", f"{file}.toml"),
                   lambda: f"an error that names both; log:\n{sidecar.log.tail()}")
        sidecar.wait_for_value(1, "config_files", status="invalid")
        delivers(kafka, topic, endpoint)
        sidecar.connector(name, topic, f"{endpoint.url}/edited")
        eventually(lambda: delivers(kafka, topic, endpoint).target == "/records/edited", "its own file still applies")
        assert second_endpoint.requests == []
    sidecar.remove(name)
    sidecar.wait_for_value(0, "config_files", status="invalid")
    delivers(kafka, topic, second_endpoint)


def test_files_that_are_not_definitions_are_ignored(kafka, sidecar, endpoint, name):
    topic, _ = two_running(kafka, sidecar, endpoint, name)
    (sidecar.connectors / ".hidden.toml").write_text("nonsense")
    (sidecar.connectors / "notes.txt").write_text("nonsense")
    (sidecar.connectors / "x.toml~").write_text("nonsense")
    sidecar.connector(name, topic, f"{endpoint.url}/edited")
    eventually(lambda: delivers(kafka, topic, endpoint).target == "/records/edited", "a later reload")
    holds(lambda: sidecar.value("config_files", status="invalid") == 0, "nothing is invalid", seconds=1)
    assert sidecar.value("config_files", status="valid") == 2


@pytest.mark.parametrize("links_first", [False, True], ids=["links-last", "links-first"])
def test_updates_of_a_configmap_volume_take_effect(kafka, sidecar, endpoint, name, links_first):
    topics = [kafka.topic() for _ in range(2)]
    names = [f"{name}-{n}" for n in range(2)]
    texts = [toml({"topics": topic, "callback.request.url": endpoint.url}) for topic in topics]
    volume = Volume(sidecar.connectors)
    volume.update({f"{names[0]}.toml": texts[0]})
    sidecar.start()
    delivers(kafka, topics[0], endpoint)
    with undisturbed(kafka, sidecar, names[0]):
        volume.update({f"{one}.toml": text for one, text in zip(names, texts)}, links_first)
        delivers(kafka, topics[1], endpoint)
    volume.update({f"{names[1]}.toml": texts[1].replace("/records", "/records/edited")}, links_first)
    eventually(lambda: kafka.members(names[0]) == [], "the connector of the removed key has stopped")
    eventually(lambda: delivers(kafka, topics[1], endpoint).target == "/records/edited", "the edit of the other one takes effect")
