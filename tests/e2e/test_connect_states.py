"""Kafka Connect's API: pause, resume, stop and restart, and their effect on deliveries."""

import pytest

from endpoint import DELIVERED, RETRY, Answer
from load import Load, assert_all_once
from rest import definition
from waiting import eventually, holds

STOP = {"exception.strategy": "STOP_TASK"}
QUIET = 1.5     # seconds without a request


@pytest.fixture
def topic(kafka):
    return kafka.topic()


@pytest.fixture
def running(api, topic, endpoint, name):
    api.create(name, definition(topic, endpoint, {"offset.flush.interval.ms": 200})).must(201)
    api.wait_running(name)
    return name


def nothing_comes(endpoint, seconds=QUIET):
    seen = len(endpoint.requests)
    holds(lambda: len(endpoint.requests) == seen, lambda: f"{endpoint.positions()[seen:]} came", seconds)


# Pause and resume

@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_pause_finishes_requests_in_flight_and_resume_continues_after_them(api, kafka, topic, endpoint, running,
                                                                           method):
    members = kafka.members(running)
    endpoint.decide = lambda one: Answer(delay=1.5)
    kafka.produce(topic, [b"%d" % n for n in range(5)])
    endpoint.wait_for(1)
    api.call(method, api.at(running, "pause")).is_empty(202)
    status = api.wait_for(running, "PAUSED", "PAUSED")
    assert status["tasks"] == [{"id": 0, "state": "PAUSED", "worker_id": api.worker}]
    eventually(lambda: endpoint.requests[-1].answered, "it is answered")
    delivered = len(endpoint.requests)
    eventually(lambda: kafka.committed(running, topic) == {0: delivered}, "finished records are committed")
    endpoint.decide = lambda one: DELIVERED
    kafka.produce(topic, [b"%d" % n for n in range(5, 10)])
    nothing_comes(endpoint)
    assert kafka.members(running) == members and kafka.committed(running, topic) == {0: delivered}
    api.call(method, api.at(running, "pause")).is_empty(202)
    api.call(method, api.at(running, "resume")).is_empty(202)
    api.call(method, api.at(running, "resume")).is_empty(202)
    endpoint.wait_for(10)
    assert endpoint.offsets() == list(range(10)) and kafka.members(running) == members
    api.wait_for(running, "RUNNING", "RUNNING")


def test_a_record_that_waits_for_a_retry_is_not_retried_while_paused(api, kafka, topic, endpoint, name):
    endpoint.decide = lambda one: RETRY if one.attempt == 1 else DELIVERED
    kafka.produce(topic, [b"0"])
    api.create(name, definition(topic, endpoint, {"retry.backoff.sec": "1"})).must(201)
    endpoint.wait_for(1)
    api.put(api.at(name, "pause")).is_empty(202)
    api.wait_for(name, "PAUSED", "PAUSED")
    paused = len(endpoint.requests)
    nothing_comes(endpoint, 2.5)
    assert kafka.committed(name, topic) == {0: paused - 1}
    api.put(api.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.committed(name, topic) == {0: 1}, "it is delivered")
    assert endpoint.offsets() == [0, 0]


def test_pause_and_resume_under_load_deliver_each_record_once(api, kafka, topic, endpoint, running):
    members = kafka.members(running)
    with Load(kafka, topic, 200, keys=10) as load:
        for _ in range(5):
            endpoint.wait_for(len(endpoint.requests) + 50)
            api.put(api.at(running, "pause")).is_empty(202)
            api.wait_for(running, "PAUSED", "PAUSED")
            api.put(api.at(running, "resume")).is_empty(202)
        count = load.stop()
    assert_all_once(kafka, running, topic, count, endpoint)
    assert endpoint.offsets() == list(range(count)) and kafka.members(running) == members


# Stop

def test_stop_leaves_the_group_and_removes_the_tasks(api, kafka, topic, endpoint, running):
    kafka.produce(topic, [b"0", b"1"])
    endpoint.wait_for(2)
    api.put(api.at(running, "stop")).is_empty(204)
    api.put(api.at(running, "stop")).is_empty(204)
    status = api.wait_for(running, "STOPPED")
    assert status["connector"] == {"state": "STOPPED", "worker_id": api.worker}
    api.get(api.at(running, "tasks")).is_exactly(200, [])
    assert api.get(api.at(running)).must(200).json["tasks"] == []
    api.get(api.at(running, "tasks/0/status")).is_error(404, f"No status found for task {running}-0")
    api.post(api.at(running, "tasks/0/restart")).is_error(404, f"Unknown task: {running}-0")
    eventually(lambda: not kafka.members(running), "it has left its group")
    assert kafka.committed(running, topic) == {0: 2}
    kafka.produce(topic, [b"2"])
    nothing_comes(endpoint)
    api.put(api.at(running, "resume")).is_empty(202)
    endpoint.wait_for(3)
    assert endpoint.offsets() == [0, 1, 2]


def test_stop_does_not_wait_for_a_backoff_and_does_not_commit_its_record(api, kafka, topic, endpoint, name):
    endpoint.decide = lambda one: RETRY
    kafka.produce(topic, [b"0"])
    api.create(name, definition(topic, endpoint, {"retry.backoff.sec": "600"})).must(201)
    endpoint.wait_for(1)
    api.stop_connector(name)
    eventually(lambda: not kafka.members(name), "it has left its group")
    assert kafka.committed(name, topic) == {0: 0}
    endpoint.decide = lambda one: DELIVERED
    api.put(api.at(name, "resume")).is_empty(202)
    eventually(lambda: kafka.committed(name, topic) == {0: 1}, "it is then delivered")


def test_pausing_a_stopped_connector_delivers_nothing(api, kafka, topic, endpoint, running):
    api.stop_connector(running)
    api.put(api.at(running, "pause")).is_empty(202)
    eventually(lambda: api.states(running)[0] == "PAUSED", lambda: api.status(running))
    kafka.produce(topic, [b"0"])
    nothing_comes(endpoint)
    api.put(api.at(running, "resume")).is_empty(202)
    endpoint.wait_for(1)
    assert endpoint.offsets() == [0]


# Restart

@pytest.mark.parametrize("query", ["", "?includeTasks=false", "?onlyFailed=junk&includeTasks=yes"])
def test_a_restart_of_a_running_connector_is_204_and_delivers_nothing_twice(api, kafka, topic, endpoint, running,
                                                                            query):
    kafka.produce(topic, [b"0"])
    endpoint.wait_for(1)
    api.post(api.at(running, "restart" + query)).is_empty(204)
    kafka.produce(topic, [b"1"])
    endpoint.wait_for(2)
    api.wait_for(running, "RUNNING", "RUNNING")
    assert endpoint.offsets() == [0, 1]


@pytest.mark.parametrize("query, connector, task", [
    ("includeTasks=true", "RESTARTING", "RESTARTING"), ("includeTasks=TRUE&onlyFailed=false", "RESTARTING", "RESTARTING"),
    ("onlyFailed=true", "RUNNING", "RUNNING"), ("includeTasks=true&onlyFailed=true", "RUNNING", "RUNNING")])
def test_a_restart_with_flags_is_202_with_the_restarting_parts(api, kafka, topic, endpoint, running, query, connector,
                                                               task):
    reply = api.post(api.at(running, f"restart?{query}")).must(202)
    assert list(reply.json)[:2] == ["name", "connector"] and reply.json["name"] == running
    assert reply.json["connector"] == {"state": connector, "worker_id": api.worker}
    assert reply.json["tasks"] == [{"id": 0, "state": task, "worker_id": api.worker}]
    kafka.produce(topic, [b"0"])
    endpoint.wait_for(1)
    api.wait_for(running, "RUNNING", "RUNNING")


def test_a_task_restart_joins_with_a_new_member(api, kafka, topic, endpoint, running):
    members = kafka.members(running)
    api.post(api.at(running, "tasks/0/restart")).is_empty(204)
    eventually(lambda: len(kafka.members(running)) == 1 and kafka.members(running) != members, "a new member")
    kafka.produce(topic, [b"0"])
    endpoint.wait_for(1)
    api.wait_for(running, "RUNNING", "RUNNING")


@pytest.mark.parametrize("form", ["restart", "restart?includeTasks=true", "tasks/0/restart"])
def test_a_restart_does_not_resume_a_paused_connector(api, kafka, topic, endpoint, running, form):
    api.put(api.at(running, "pause")).is_empty(202)
    api.wait_for(running, "PAUSED", "PAUSED")
    assert api.post(api.at(running, form)).status in (202, 204)
    kafka.produce(topic, [b"0"])
    nothing_comes(endpoint)
    api.wait_for(running, "PAUSED", "PAUSED")


def test_a_restart_does_not_start_a_stopped_connector(api, running):
    api.stop_connector(running)
    api.post(api.at(running, "restart")).is_empty(204)
    api.post(api.at(running, "restart?includeTasks=true")).must(202)
    holds(lambda: api.states(running) in (("STOPPED", []), ("RESTARTING", [])), lambda: api.status(running), 1)
    api.wait_for(running, "STOPPED")


# FAILED

@pytest.fixture
def failed(api, kafka, topic, endpoint, name):
    """A connector whose task failed at offset 1 of 3; the endpoint accepts everything again."""
    endpoint.decide = lambda one: Answer(status=418, body=b'{"retry":true}') if one.offset == 1 else DELIVERED
    kafka.produce(topic, [b"payload-0", b"payload-1", b"payload-2"])
    api.create(name, definition(topic, endpoint, STOP)).must(201)
    api.wait_for(name, "RUNNING", "FAILED")
    endpoint.decide = lambda one: DELIVERED
    return name


def test_a_failed_task_has_a_trace_with_record_status_and_reason(api, kafka, topic, endpoint, failed):
    task = api.status(failed)["tasks"][0]
    assert list(task) == ["id", "state", "worker_id", "trace"] and task["state"] == "FAILED"
    assert topic in task["trace"] and "1" in task["trace"] and "418" in task["trace"]
    assert "payload" not in task["trace"]
    assert api.get(api.at(failed, "tasks/0/status")).must(200).json == task
    assert "trace" not in api.status(failed)["connector"]
    expanded = api.get("/connectors?expand=status").must(200).json[failed]["status"]
    assert expanded["tasks"][0]["trace"] == task["trace"]
    eventually(lambda: kafka.committed(failed, topic) == {0: 1}, "finished records are committed")
    assert endpoint.offsets() == [0, 1]


RECOVERIES = {
    "restart": lambda api, name: api.post(api.at(name, "restart")).is_empty(204),
    "restart with tasks": lambda api, name: api.post(api.at(name, "restart?includeTasks=true")).must(202),
    "restart of failed tasks": lambda api, name: api.post(
        api.at(name, "restart?includeTasks=true&onlyFailed=true")).must(202),
    "task restart": lambda api, name: api.post(api.at(name, "tasks/0/restart")).is_empty(204),
    "changed config": lambda api, name: api.patch(api.at(name, "config"), {"callback.timeout.read.ms": "7000"}).must(200),
    "stop and resume": lambda api, name: (api.stop_connector(name), api.put(api.at(name, "resume")).is_empty(202)),
}


@pytest.mark.parametrize("how", RECOVERIES)
def test_a_failed_task_recovers(api, endpoint, failed, how):
    RECOVERIES[how](api, failed)
    api.wait_for(failed, "RUNNING", "RUNNING")
    endpoint.wait_for(4)
    assert endpoint.offsets() == [0, 1, 1, 2]
    assert "trace" not in api.status(failed)["tasks"][0]


def test_only_failed_tasks_are_restarting_in_the_answer(api, failed):
    reply = api.post(api.at(failed, "restart?includeTasks=true&onlyFailed=true")).must(202)
    assert reply.json["connector"]["state"] == "RUNNING"
    assert [one["state"] for one in reply.json["tasks"]] == ["RESTARTING"]


@pytest.mark.parametrize("action", ["resume", "pause"])
def test_a_failed_task_does_not_recover_by_pause_resume_or_an_identical_put(api, endpoint, failed, action):
    api.put(api.at(failed, action)).is_empty(202)
    api.put(api.at(failed, "config"), api.config(failed)).must(200)
    nothing_comes(endpoint)
    assert api.states(failed)[1] == ["FAILED"]


def test_a_failed_connector_can_be_stopped(api, kafka, failed):
    api.stop_connector(failed)
    api.get(api.at(failed, "tasks")).is_exactly(200, [])
    eventually(lambda: not kafka.members(failed), "it has left its group")
