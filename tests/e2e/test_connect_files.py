"""Connectors defined by files, used through REST; reload and drain."""

import pytest

from endpoint import DELIVERED, RETRY
from load import Load
from rest import JSON, Rest, definition, offset, shown
from waiting import eventually, holds


@pytest.fixture
def topic(kafka):
    return kafka.topic()


@pytest.fixture
def file_connector(rest, topic, endpoint, name):
    """A connector defined by a file, in a running process."""
    rest.sidecar.connector(name, topic, endpoint, {"offset.flush.interval.ms": 200})
    rest.sidecar.start()
    rest.wait_running(name)
    return name


def file_of(rest, name):
    return str(rest.sidecar.connectors / f"{name}.toml")


def test_a_file_defined_connector_looks_like_any_other(rest, topic, endpoint, file_connector):
    info = rest.get(rest.at(file_connector)).must(200).json
    assert info["name"] == file_connector and info["type"] == "sink"
    assert info["tasks"] == [{"connector": file_connector, "task": 0}]
    assert info["config"] == shown(file_connector, {**definition(topic, endpoint), "offset.flush.interval.ms": "200"})
    status = rest.status(file_connector)
    assert status["origin"] == "file" and status["file"] == file_of(rest, file_connector)
    assert rest.names() == [file_connector]


def test_rest_cannot_change_a_file_defined_connector(rest, topic, endpoint, file_connector):
    before = rest.config(file_connector)
    good = definition(topic, endpoint, tasks__max="2")
    for reply in (rest.put(rest.at(file_connector, "config"), good), rest.put(rest.at(file_connector), good),
                  rest.patch(rest.at(file_connector, "config"), {"tasks.max": "2"}), rest.delete(rest.at(file_connector))):
        message = reply.is_error(403).json["message"]
        assert file_of(rest, file_connector) in message, message
    rest.create(file_connector, good).is_error(409, f"Connector {file_connector} already exists")
    assert rest.config(file_connector) == before
    rest.wait_for(file_connector, "RUNNING", "RUNNING")


@pytest.mark.parametrize("action, status, state, tasks", [
    ("pause", 202, "PAUSED", ["PAUSED"]), ("stop", 204, "STOPPED", [])])
def test_pause_and_stop_work_and_survive_a_restart_and_an_edit(rest, kafka, topic, endpoint, file_connector, action, status,
                                                               state, tasks):
    rest.put(rest.at(file_connector, action)).is_empty(status)
    rest.wait_for(file_connector, state, *tasks)
    rest.sidecar.restart()
    rest.wait_for(file_connector, state, *tasks)
    rest.sidecar.connector(file_connector, topic, f"{endpoint.url}/edited", {"offset.flush.interval.ms": 200})
    eventually(lambda: rest.config(file_connector)["callback.request.url"] == f"{endpoint.url}/edited",
               lambda: rest.config(file_connector))
    kafka.produce(topic, [b"x"])
    holds(lambda: not endpoint.requests and rest.states(file_connector) == (state, tasks),
          lambda: rest.status(file_connector), 1.5)
    rest.put(rest.at(file_connector, "resume")).is_empty(202)
    assert endpoint.wait_for(1)[0].target == "/records/edited"
    rest.sidecar.restart()
    rest.wait_running(file_connector)


def test_restart_and_offsets_work_for_a_file_defined_connector(rest, kafka, topic, endpoint, file_connector):
    kafka.produce(topic, [b"0", b"1", b"2"])
    endpoint.wait_for(3)
    eventually(lambda: kafka.all_committed(file_connector, topic), "everything is committed")
    rest.post(rest.at(file_connector, "restart")).is_empty(204)
    rest.post(rest.at(file_connector, "restart?includeTasks=true")).must(202)
    rest.wait_for(file_connector, "RUNNING", "RUNNING")
    rest.post(rest.at(file_connector, "tasks/0/restart")).is_empty(204)
    rest.stop_connector(file_connector)
    rest.patch(rest.at(file_connector, "offsets"), {"offsets": [offset(topic, 0, 1)]}).must(200)
    assert rest.offsets(file_connector) == {(topic, 0): 1}
    rest.sidecar.restart()
    rest.put(rest.at(file_connector, "resume")).is_empty(202)
    eventually(lambda: kafka.all_committed(file_connector, topic), "everything is committed")
    assert endpoint.offsets() == [0, 1, 2, 1, 2]


def test_a_failed_file_defined_connector_recovers_by_restart(rest, kafka, topic, endpoint, name):
    endpoint.decide = lambda one: RETRY
    kafka.produce(topic, [b"0"])
    rest.sidecar.connector(name, topic, endpoint, {"exception.strategy": "STOP_TASK"})
    rest.sidecar.start()
    rest.wait_for(name, "RUNNING", "FAILED")
    endpoint.decide = lambda one: DELIVERED
    rest.post(rest.at(name, "restart")).is_empty(204)
    rest.wait_for(name, "RUNNING", "RUNNING")
    endpoint.wait_for(2)


def test_removing_the_file_removes_the_connector_and_frees_its_name(rest, topic, endpoint, file_connector):
    rest.put(rest.at(file_connector, "pause")).is_empty(202)
    rest.sidecar.connector("other", topic, endpoint)    # removing the only file would look like a vanished directory
    eventually(lambda: "other" in rest.names(), "the other connector")
    rest.sidecar.remove(file_connector)
    eventually(lambda: file_connector not in rest.names(), lambda: rest.names())
    rest.create(file_connector, definition(topic, endpoint)).must(201)
    rest.wait_for(file_connector, "RUNNING", "RUNNING")
    rest.delete(rest.at(file_connector)).is_empty(204)


def test_an_invalid_edit_is_shown_as_a_trace_while_the_last_good_definition_runs(rest, topic, endpoint, file_connector):
    rest.sidecar.connector(file_connector, topic, endpoint, {"tasks.max": 0})
    status = eventually(lambda: "trace" in (now := rest.status(file_connector))["connector"] and now,
                        lambda: rest.status(file_connector))
    assert f"{file_connector}.toml" in status["connector"]["trace"] and "tasks.max" in status["connector"]["trace"]
    assert status["connector"]["state"] == "RUNNING" and [one["state"] for one in status["tasks"]] == ["RUNNING"]
    assert rest.get("/connectors?expand=status").json[file_connector]["status"]["connector"]["trace"]
    rest.sidecar.connector(file_connector, topic, endpoint)
    eventually(lambda: "trace" not in rest.status(file_connector)["connector"], lambda: rest.status(file_connector))


def test_a_new_invalid_file_is_a_failed_connector(rest, topic, endpoint, file_connector):
    rest.sidecar.write("broken", "topics = [")
    eventually(lambda: "broken" in rest.names(), lambda: rest.names())
    status = rest.status("broken")
    assert status["connector"]["state"] == "FAILED" and status["tasks"] == []
    assert "broken.toml:1" in status["connector"]["trace"]
    rest.wait_for(file_connector, "RUNNING", "RUNNING")


def test_a_file_with_the_name_of_a_rest_connector_is_rejected_and_the_running_one_stays(
        rest, kafka, topic, endpoint, name):
    rest.sidecar.start()
    rest.create(name, definition(topic, endpoint)).must(201)
    rest.wait_running(name)
    members = kafka.members(name)
    rest.sidecar.connector(name, topic, f"{endpoint.url}/of-the-file")
    rest.sidecar.log.wait_for("level=error", f"{name}.toml")
    assert rest.config(name)["callback.request.url"] == endpoint.url
    assert kafka.members(name) == members and rest.states(name) == ("RUNNING", ["RUNNING"])
    assert rest.status(name)["origin"] == "rest"


# Reload and drain

def test_reload_returns_the_result_of_the_reload(rest, topic, endpoint, file_connector):
    rest.post("/-/reload").is_exactly(200, {"problems": []})
    rest.sidecar.connector(f"{file_connector}-2", topic, endpoint)
    rest.post("/-/reload").is_exactly(200, {"problems": []})
    assert rest.names() == sorted([file_connector, f"{file_connector}-2"])
    rest.sidecar.write("broken", "topics = 'a'\ntasks.max = 0\n")
    problems = rest.post("/-/reload").must(200).json["problems"]
    assert any("broken.toml" in str(one) and "tasks.max" in str(one) for one in problems), problems
    rest.sidecar.remove("broken")
    rest.post("/-/reload").is_exactly(200, {"problems": []})
    assert rest.names() == sorted([file_connector, f"{file_connector}-2"])
    rest.get("/-/reload").is_error(405)


def test_a_drained_process_consumes_nothing_and_rejects_changes(rest, kafka, topic, endpoint, file_connector):
    with Load(kafka, topic, 200) as load:
        endpoint.wait_for(50)
        for _ in range(2):
            rest.post("/-/drain").is_exactly(200, {"drained": True})
            seen = len(endpoint.requests)
            assert kafka.committed(file_connector, topic) == {0: seen} and not kafka.members(file_connector)
        holds(lambda: len(endpoint.requests) == seen, "nothing more comes", 1)
        load.stop()
    reply = rest.create("late", definition(topic, endpoint))
    assert reply.status in (500, 503), reply
    reply.is_error(reply.status)
    rest.get("/connectors").must(200)
    assert rest.sidecar.probe("/readyz") == 503


def test_reload_and_drain_are_only_for_local_callers(rest, file_connector):
    """Local callers need neither a body nor a Content-Type."""
    rest.call("POST", "/-/reload", b"{}", JSON).must(200)
    assert Rest(rest.sidecar).post("/-/reload").must(200)
