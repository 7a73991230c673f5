"""Connectors created by REST survive every kind of process end, and unacknowledged ones are never stored incompletely.

KILLS (8; the full size is 50) is how often the process is killed while connectors are created; -s prints the figures.
"""

import http.client
import os
import random
import shutil
import subprocess
import threading
import time

import pytest

import kafka_cluster
from rest import definition, shown
from small_disk import fill_disk, mount_small_disk
from waiting import eventually

FAST_SETTINGS = {"consumer.override.session.timeout.ms": 6000}    # the broker soon removes a killed member
KILLS = int(os.environ.get("KILLS", "8"))
SEED = int(os.environ.get("KILLS_SEED", "20250101"))


@pytest.fixture
def topic(kafka):
    return kafka.topic()


def files(rest):
    """Returns the files of the state directory."""
    return {str(one.relative_to(rest.sidecar.state)): one.read_bytes() for one in rest.sidecar.state.rglob("*")
            if one.is_file()}


class Caller(threading.Thread):
    """Creates, changes and deletes connectors until the process dies; keeps the acknowledged and uncertain results."""

    def __init__(self, rest, topic, prefix, endpoint):
        super().__init__()
        self.acknowledged = {}      # name -> the config that must exist
        self.unsure = {}            # name -> the configs that may exist (None: no connector)
        self._rest, self._prefix, self._topic, self._endpoint = rest, prefix, topic, endpoint
        self.start()

    def run(self):
        try:
            number = 0
            while True:
                name = f"{self._prefix}-{number}"
                config = definition(self._topic, self._endpoint)
                self._ask(name, config, lambda: self._rest.create(name, config, "STOPPED").must(201))
                if number % 2:
                    changed = {**config, "tasks.max": "2"}
                    self._ask(name, changed, lambda: self._rest.put(self._rest.at(name, "config"), changed).must(200))
                if number % 3 == 2:
                    self._ask(name, None, lambda: self._rest.delete(self._rest.at(name)).must(204))
                number += 1
        except (OSError, http.client.HTTPException):
            pass        # the process was killed

    def _ask(self, name, wanted, call):
        self.unsure[name] = [self.acknowledged.get(name), wanted]
        call()
        self.acknowledged[name] = wanted
        del self.unsure[name]


def test_after_kill_9_acknowledged_connectors_exist_and_none_is_incomplete(rest, topic, endpoint):
    random.seed(SEED)
    wanted, moments, unsure_count = {}, [], 0
    for round_ in range(KILLS):
        rest.sidecar.start()
        caller = Caller(rest, topic, f"kill-{round_}", endpoint)
        moment = random.uniform(0.01, 0.4)
        time.sleep(moment)      # the time of the kill is random
        rest.sidecar.kill()
        caller.join()
        moments.append(moment)
        wanted.update(caller.acknowledged)
        rest.sidecar.start()
        for name, choices in caller.unsure.items():
            unsure_count += 1
            reply = rest.get(rest.at(name, "config"))
            found = reply.json if reply.status == 200 else None
            assert found in [one and shown(name, one) for one in choices], f"{name} is incomplete: {found}"
            wanted[name] = found
        there = {name: config for name, config in wanted.items() if config is not None}
        listed = rest.get("/connectors?expand=info&expand=status").must(200).json
        assert sorted(listed) == sorted(there)
        for name, config in there.items():
            assert listed[name]["info"]["config"] == shown(name, config)
            assert listed[name]["status"]["connector"]["state"] == "STOPPED", listed[name]
        assert not rest.sidecar.log.find("level=error")
        assert len(files(rest)) == len(there), "partly written files are left behind"
        rest.sidecar.kill()
    print(f"\n{KILLS} kills, {len(wanted)} connectors requested, {unsure_count} of them during a kill, "
          f"{sum(one is not None for one in wanted.values())} exist at the end")
    assert len(wanted) > KILLS


def test_the_target_states_survive_a_stop_and_a_kill(rest, kafka, topic, endpoint):
    for name in ("of-file-paused", "of-file-stopped"):
        rest.sidecar.connector(name, topic, endpoint, FAST_SETTINGS)
    rest.sidecar.start()
    names = {}
    for state in ("RUNNING", "PAUSED", "STOPPED"):
        names[kafka_cluster.unique(state.lower())] = state
    for name, state in names.items():
        rest.create(name, definition(topic, endpoint, FAST_SETTINGS), state if state != "PAUSED" else None).must(201)
        if state == "PAUSED":
            rest.put(rest.at(name, "pause")).is_empty(202)
    rest.put(rest.at("of-file-paused", "pause")).is_empty(202)
    rest.put(rest.at("of-file-stopped", "stop")).is_empty(204)
    names.update({"of-file-paused": "PAUSED", "of-file-stopped": "STOPPED"})
    configs = {name: rest.config(name) for name in names}
    for end in (rest.sidecar.kill, rest.sidecar.stop):
        end()
        rest.sidecar.start()
        for name, state in names.items():
            rest.wait_for(name, state, *[state] * (state != "STOPPED"))
            assert rest.config(name) == configs[name]


def test_a_deleted_connector_stays_deleted(rest, topic, endpoint, name):
    rest.sidecar.start()
    rest.create(name, definition(topic, endpoint, FAST_SETTINGS)).must(201)
    rest.put(rest.at(name, "pause")).is_empty(202)
    rest.delete(rest.at(name)).is_empty(204)
    rest.sidecar.kill()
    rest.sidecar.start()
    assert rest.names() == []
    rest.create(name, definition(topic, endpoint, FAST_SETTINGS)).must(201)
    rest.wait_for(name, "RUNNING", "RUNNING")       # not paused like its predecessor


ODD_NAMES = ["../x", "a/b", "/etc/passwd", "..", ".", ".hidden", "n" * 300, "🐎" * 80, "CON", "con", "nul.toml", "a b", "é",
             "e\u0301", "%2F", "a%2Fb", "-rf", "A", "a", "trailing.", "\"q\"", "back\\slash", "a:b", "*?"]


def test_names_that_are_not_valid_file_names_are_stored(rest, topic, endpoint):
    rest.sidecar.start()
    outside = sorted(rest.sidecar.directory.parent.rglob("*"))
    for name in ODD_NAMES:
        config = {**definition(topic, endpoint), "callback.request.headers": f"X-Number:{ODD_NAMES.index(name)}",
                  "consumer.override.group.id": f"group-{ODD_NAMES.index(name)}"}
        rest.create(name, config, "STOPPED").must(201)
    assert rest.names() == sorted(ODD_NAMES)
    grown = set(rest.sidecar.directory.parent.rglob("*")) - set(outside)
    assert grown and all(one.is_relative_to(rest.sidecar.state) for one in grown), grown
    rest.sidecar.kill()
    rest.sidecar.start()
    assert rest.names() == sorted(ODD_NAMES)
    for name in ODD_NAMES:
        assert rest.config(name)["name"] == name
        assert rest.config(name)["callback.request.headers"] == f"X-Number:{ODD_NAMES.index(name)}"
        rest.wait_for(name, "STOPPED")
        rest.delete(rest.at(name)).is_empty(204)
    assert rest.names() == []
    rest.sidecar.restart()
    assert rest.names() == []


def damage_cut(path):
    path.write_bytes(path.read_bytes()[:20])


def damage_binary(path):
    path.write_bytes(os.urandom(500))


def damage_emptied(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_cut, damage_binary, damage_emptied])
def test_a_damaged_file_is_logged_and_set_aside_and_the_others_load(rest, kafka, topic, endpoint, damage):
    rest.sidecar.start()
    good, bad = kafka_cluster.unique("good"), kafka_cluster.unique("bad")
    rest.create(good, definition(topic, endpoint)).must(201)
    before = set(files(rest))
    rest.create(bad, definition(topic, endpoint)).must(201)
    (its,) = set(files(rest)) - before
    rest.sidecar.stop()
    damage(rest.sidecar.state / its)
    rest.sidecar.start()
    rest.wait_running(good)
    rest.sidecar.log.wait_for("level=error", its.rsplit("/")[-1])
    assert bad not in rest.names()
    assert not (rest.sidecar.state / its).exists(), "it is not set aside"
    assert len(files(rest)) == len(before) + 1, "the damaged file is kept for inspection"
    rest.create(bad, definition(topic, endpoint)).must(201)
    rest.sidecar.restart()
    assert rest.names() == sorted([good, bad])


def test_in_memory_state_is_logged_and_lost_at_the_end(rest, topic, endpoint, name):
    rest.sidecar.settings["state.dir"] = ""
    rest.sidecar.start()
    rest.sidecar.log.wait_for("state.dir is empty")
    rest.create(name, definition(topic, endpoint)).must(201)
    rest.wait_for(name, "RUNNING", "RUNNING")
    rest.sidecar.restart()
    assert rest.names() == []


# Full and read-only disks

def mounted(directory):
    """Mounts a small file system at the directory, if permitted; returns a function that unmounts it."""
    kept = directory.parent / "kept"
    shutil.copytree(directory, kept)
    undo = mount_small_disk(directory, "64k")
    if not undo:
        pytest.skip("no file system may be mounted here")
    shutil.copytree(kept, directory, dirs_exist_ok=True)
    return undo


def full(directory):
    undo = mounted(directory)
    fill_disk(directory)
    return undo


def read_only(directory):
    undo = mounted(directory)
    subprocess.run(["mount", "-o", "remount,ro", str(directory)], check=True)
    return undo


def gone(directory):
    """Replaces the directory by a file."""
    directory.rename(directory.parent / "elsewhere")
    directory.write_text("not a directory")
    return directory.unlink


@pytest.mark.parametrize("how", [full, read_only, gone])
def test_a_change_that_cannot_be_stored_is_500_and_changes_nothing(rest, kafka, topic, endpoint, name, how):
    rest.sidecar.start()
    rest.create(name, definition(topic, endpoint)).must(201)
    rest.sidecar.stop()
    undo = how(rest.sidecar.state) if how is not gone else lambda: None
    try:
        rest.sidecar.start()
        if how is gone:
            undo = gone(rest.sidecar.state)
        rest.wait_running(name)
        members, before = kafka.members(name), rest.config(name)
        other, messages = kafka_cluster.unique("other"), []
        for reply in (rest.create(other, definition(topic, endpoint)),
                      rest.put(rest.at(other, "config"), definition(topic, endpoint)),
                      rest.put(rest.at(name, "config"), {**before, "callback.request.url": endpoint.url + "/" + "x" * 3000}),
                      rest.patch(rest.at(name, "config"), {"callback.request.url": endpoint.url + "/" + "x" * 3000})):
            messages.append(reply.is_error(500).json["message"])
            assert str(rest.sidecar.state) in messages[-1], messages
        assert rest.names() == [name] and rest.config(name) == before
        rest.get(rest.at(other)).is_error(404)
        assert rest.states(name) == ("RUNNING", ["RUNNING"]) and kafka.members(name) == members
        kafka.produce(topic, [b"x"])
        assert endpoint.wait_for(1)[0].target == "/records"
        messages.append(rest.put(rest.at(name, "pause")).is_error(500).json["message"])
        messages.append(rest.delete(rest.at(name)).json["message"] if how is read_only else "")
        assert rest.states(name) == ("RUNNING", ["RUNNING"])
        print("", *messages, sep="\n")
        rest.sidecar.stop()
    finally:
        undo()


def test_a_state_directory_that_cannot_be_created_is_logged_at_start(rest):
    blocker = rest.sidecar.directory / "file"
    blocker.write_text("")
    rest.sidecar.settings["state.dir"] = str(blocker / "state")
    rest.sidecar.start(wait=False)
    lines = eventually(lambda: rest.sidecar.log.find(str(blocker)), lambda: rest.sidecar.log.tail())
    assert any(word in one for one in lines for word in ("level=error", "level=fatal", "level=warn", "error")), lines
    if rest.sidecar.process.poll() is None:
        rest.sidecar.process.kill()
    rest.sidecar.process.wait()
    rest.sidecar.process = None
