"""Kafka Connect's API: connectors are created, changed and deleted, and every mistake has a defined answer."""

import json

import pytest

import kafka_cluster
from rest import JAVA_CLASS, JSON, compact, definition, shown
from waiting import eventually

UNKNOWN_CLASS = "Failed to find any class that implements Connector and which name matches com.example.Other…"
INVALID = "Connector configuration is invalid and contains the following {} error(s):\n"
ENDPOINT = "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`"


@pytest.fixture(scope="module")
def topic(kafka):
    return kafka.topic()


@pytest.fixture
def good(topic, shared_endpoint):
    return definition(topic, shared_endpoint)


# Invalid bodies

@pytest.mark.parametrize("body", [b"", b"null", b"{", b"[]", b"1", b'"x"', b'{"name":"x","config":{}', b"{'name':1}",
                                  b'{"name":"x"} trailing', b"\xff\xfe", b'{"name":"x","config":[]}',
                                  b'{"name":"x","config":"y"}', b'{"name":["x"],"config":{}}',
                                  b'{"name":"x","config":{"topics":{"a":1}}}', b'{"name":"x","config":{"topics":["a"]}}',
                                  b'{"name":"x","config":{},"unknown":1}'])
def test_an_invalid_create_request_is_400(api, body):
    api.post("/connectors", body, headers=JSON).is_error(400)
    assert "x" not in api.names()


@pytest.mark.parametrize("body", [b"", b"null", b"{", b"[]", b'"x"', b'{"topics":["a"]}', b'{"topics":{"a":"b"}}'])
@pytest.mark.parametrize("path", ["config", ""])
def test_an_invalid_config_body_is_400(api, name, body, path):
    api.put(api.at(name, path), body, headers=JSON).is_error(400)
    api.get(api.at(name)).is_error(404)


def test_malformed_json_is_reported_with_its_position(api):
    message = api.post("/connectors", b'{"name":\n  oops}', headers=JSON).is_error(400).json["message"]
    assert "line" in message.lower() and "2" in message, message


def test_an_unknown_field_is_named(api):
    body = {"name": "x", "config": {}, "initialstate": "PAUSED"}
    assert "Unrecognized field" in (message := api.post("/connectors", body).is_error(400).json["message"]), message
    assert "initialstate" in message


# Order of checks

def test_a_name_that_differs_from_the_config_is_the_first_error(api, name):
    body = {"name": name, "config": {"name": "other", "connector.class": "com.example.Other"}}
    api.post("/connectors", body).is_error(
        400, f"Connector name configuration (other) doesn't match connector name in the URL ({name})")


def test_a_missing_name_counts_as_empty(api, good):
    body = {"config": {"name": "other", **good}}
    api.post("/connectors", body).is_error(
        400, "Connector name configuration (other) doesn't match connector name in the URL ()")
    api.post("/connectors", {"config": good}).is_error(400)
    api.post("/connectors", {"name": "  ", "config": good}).is_error(400)


@pytest.mark.parametrize("bad", ["a\nb", "\x00", "tab\there", "\x7f"])
def test_a_name_with_control_characters_is_400(api, good, bad):
    before = api.names()
    api.create(bad, good).is_error(400)
    assert api.names() == before


def test_an_unknown_class_is_the_second_error(api, name, good):
    api.create(name, {"connector.class": "com.example.Other"}).is_error(400, UNKNOWN_CLASS)
    api.put(api.at(name, "config"), {**good, "connector.class": "com.example.Other"}).is_error(400, UNKNOWN_CLASS)


def test_an_invalid_config_is_the_third_error_and_lists_all_problems(api, name):
    message = api.create(name, {"topics": "a", "tasks.max": "0"}).is_error(400, INVALID.format(2) + "…").json["message"]
    assert 'Missing required configuration "callback.request.url" which has no default value.' in message
    assert "Invalid value 0 for configuration tasks.max: Value must be at least 1" in message
    assert message.endswith(ENDPOINT), message


@pytest.mark.parametrize("keys, message", [
    ({"tasks.max": "many"}, "Invalid value many for configuration tasks.max: Not a number of type INT"),
    ({"tasks.max": "-1"}, "Invalid value -1 for configuration tasks.max: Value must be at least 1"),
    ({"forward.kafka.headers": "maybe"},
     "Invalid value maybe for configuration forward.kafka.headers: Expected value to be either true or false"),
    ({"exception.strategy": "HOPE"}, "Invalid value HOPE for configuration exception.strategy: String must be one of: "),
    ({"callback.request.url": "ftp://x/"}, "Invalid value ftp://x/ for configuration callback.request.url"),
    ({"callback.request.uri": "http://x/"}, "callback.request.url"),
    ({"transforms": "a"}, "transforms"),
    ({"topics": None}, "Null value can not be supplied as the configuration value."),
    ({"value.converter": "io.confluent.connect.avro.AvroConverter"}, "value.converter"),
])
def test_an_invalid_value_is_reported(api, name, good, keys, message):
    text = api.create(name, {**good, **keys}).is_error(400, "Connector configuration is invalid…").json["message"]
    assert message in text and text.endswith(ENDPOINT), text
    api.get(api.at(name)).is_error(404)


@pytest.mark.parametrize("keys, message", [
    ({"topics": ""}, "Must configure one of topics or topics.regex"),
    ({"topics.regex": "a.*"}, "topics and topics.regex are mutually exclusive options, but both are set."),
])
def test_a_conflict_of_topics_and_regex_is_reported_at_both_keys(api, name, good, keys, message):
    text = api.create(name, {**good, **keys}).is_error(400, INVALID.format(2) + "…").json["message"]
    assert text.count(message) == 2, text


def test_a_name_in_use_is_the_last_error(api, name, good):
    api.create(name, good).must(201)
    api.create(name, good).is_error(409, f"Connector {name} already exists")
    api.create(name, {"topics": "a"}).is_error(400, INVALID.format(1) + "…")


# POST

def test_post_returns_the_connector_and_its_location(api, name, good):
    reply = api.create(name, good).must(201)
    assert reply.headers["location"] == f"http://127.0.0.1:{api.port}/connectors/{name}"
    assert list(reply.json) == ["name", "config", "tasks", "type"]
    assert (reply.json["name"], reply.json["config"], reply.json["type"]) == (name, shown(name, good), "sink")
    assert reply.json["tasks"] in ([], [{"connector": name, "task": 0}])
    assert api.config(name) == shown(name, good)


def test_location_follows_the_host_header(api, name, good):
    reply = api.post("/connectors", {"name": name, "config": good}, headers={"Host": "sidecar.example:8083"}).must(201)
    assert reply.headers["location"].endswith(f"/connectors/{name}")
    assert reply.headers["location"].startswith("http://")


def test_post_trims_the_name(api, name, good):
    assert api.create(f"  {name} ", good).must(201).json["name"] == name
    assert name in api.names()


def test_numbers_and_booleans_become_strings(api, name, good):
    api.create(name, {**good, "tasks.max": 1, "forward.kafka.headers": True}).must(201)
    assert api.config(name) == shown(name, {**good, "tasks.max": "1", "forward.kafka.headers": "true"})


def test_numbers_keep_their_text_and_putting_the_shown_config_changes_nothing(api, kafka, name, good):
    literals = {"request.delay.sec": "0.00", "retry.after.max.sec": "1e2", "retry.backoff.sec": "5.0"}
    body = compact(good)[:-1] + b"".join(b',"%s":%s' % (key.encode(), text.encode()) for key, text in literals.items()) + b"}"
    encoded = body.decode().encode("utf-16")        # with a byte order mark
    assert api.put(api.at(name, "config"), encoded, headers=JSON).must(201).json["config"] == shown(name, {**good, **literals})
    api.wait_running(name)
    members, generation = kafka.members(name), api.status(name)["generation"]
    for again in (body, compact(api.config(name))):
        api.put(api.at(name, "config"), again, headers=JSON).must(200)
        assert api.config(name) == shown(name, {**good, **literals})
    assert api.status(name)["generation"] == generation and kafka.members(name) == members


@pytest.mark.parametrize("kind", ["HttpSink", "HttpSinkConnector", JAVA_CLASS])
def test_the_class_has_several_names(api, name, good, kind):
    assert api.create(name, {**good, "connector.class": kind}, "STOPPED").must(201).json["config"]["connector.class"] == kind


@pytest.mark.parametrize("initial, state, tasks", [
    ("RUNNING", "RUNNING", ["RUNNING"]), ("PAUSED", "PAUSED", ["PAUSED"]), ("STOPPED", "STOPPED", []),
    ("paused", "PAUSED", ["PAUSED"]), ("Stopped", "STOPPED", [])])
def test_a_connector_starts_in_its_initial_state(api, kafka, shared_endpoint, name, initial, state, tasks):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    api.create(name, definition(topic, shared_endpoint), initial).must(201)
    api.wait_for(name, state, *tasks)
    if state == "RUNNING":
        shared_endpoint.wait_for(1, topic)
    elif state == "PAUSED":
        eventually(lambda: kafka.members(name), "it has joined its group")
        assert not shared_endpoint.of(topic)
        api.put(api.at(name, "resume")).is_empty(202)
        shared_endpoint.wait_for(1, topic)
    else:
        assert not kafka.members(name) and not shared_endpoint.of(topic)


def test_an_unknown_initial_state_is_400(api, name, good):
    assert "HALTED" in api.create(name, good, "HALTED").is_error(400).json["message"]
    api.get(api.at(name)).is_error(404)


def test_the_config_is_returned_as_sent_with_references_and_secrets(api, name, good):
    (api.sidecar.secrets / "token").write_text("s3cret-of-file")
    config = {**good, "callback.request.headers": "Authorization:Bearer ${file:%s}|X-Plain:visible" %
              (api.sidecar.secrets / "token"), "errors.tolerance": "all", "config.action.reload": "none"}
    assert api.create(name, config).must(201).json["config"] == shown(name, config)
    assert api.config(name) == shown(name, config)
    assert "s3cret-of-file" not in json.dumps(api.get("/connectors?expand=info&expand=status").json)


# PUT and PATCH

@pytest.mark.parametrize("path", ["config", ""])
def test_put_creates_and_then_changes(api, kafka, shared_endpoint, name, path):
    topic = kafka.topic()
    config = definition(topic, shared_endpoint)
    made = api.put(api.at(name, path), config).must(201)
    assert made.headers["location"] == f"http://127.0.0.1:{api.port}/connectors/{name}"
    assert made.json["config"] == shown(name, config)
    changed = {**config, "callback.request.url": shared_endpoint.url + "/changed"}
    reply = api.put(api.at(name, path), {**changed, "name": name}).must(200)
    assert reply.json["config"] == shown(name, changed) == api.config(name)
    assert list(reply.json) == ["name", "config", "tasks", "type"]
    kafka.produce(topic, [b"x"])
    assert shared_endpoint.wait_for(1, topic)[0].target == "/records/changed"


def test_put_has_the_errors_of_post_and_then_changes_nothing(api, name, good):
    api.create(name, good).must(201)
    api.put(api.at(name, "config"), {**good, "name": "other"}).is_error(
        400, f"Connector name configuration (other) doesn't match connector name in the URL ({name})")
    api.put(api.at(name, "config"), {**good, "tasks.max": "0"}).is_error(400, INVALID.format(1) + "…")
    assert api.config(name) == shown(name, good)
    api.wait_for(name, "RUNNING", "RUNNING")


@pytest.mark.parametrize("action, state, tasks", [("pause", "PAUSED", ["PAUSED"]), ("stop", "STOPPED", [])])
def test_put_keeps_the_target_state(api, name, good, action, state, tasks):
    api.create(name, good).must(201)
    api.put(api.at(name, action))
    api.wait_for(name, state, *tasks)
    api.put(api.at(name, "config"), {**good, "callback.timeout.read.ms": "1000"}).must(200)
    api.wait_for(name, state, *tasks)


def test_an_identical_put_does_not_disturb_the_connector(api, kafka, name, good):
    api.create(name, good).must(201)
    api.wait_running(name)
    members = kafka.members(name)
    api.put(api.at(name, "config"), good).must(200)
    api.wait_running(name)
    assert kafka.members(name) == members


def test_additional_tasks_join_the_running_ones(api, kafka, shared_endpoint, name):
    topic = kafka.topic(3)
    api.create(name, definition(topic, shared_endpoint)).must(201)
    api.wait_running(name)
    members = set(kafka.members(name))
    assert len(api.patch(api.at(name, "config"), {"tasks.max": 3}).must(200).json["tasks"]) == 3
    connector, tasks = api.states(name)
    assert connector == "RUNNING" and tasks[0] == "RUNNING" and len(tasks) == 3
    api.wait_for(name, "RUNNING", *["RUNNING"] * 3)
    eventually(lambda: len(kafka.members(name)) == 3, "the group has three members")
    assert members < set(kafka.members(name)), "the first member is still there"


def test_patch_sets_values_and_null_deletes_them(api, name, good):
    api.create(name, {**good, "tasks.max": "2", "request.delay.sec": "1"}).must(201)
    reply = api.patch(api.at(name, "config"), {"tasks.max": None, "callback.timeout.read.ms": 5000}).must(200)
    wanted = shown(name, {**good, "request.delay.sec": "1", "callback.timeout.read.ms": "5000"})
    assert reply.json["config"] == wanted == api.config(name)
    assert api.patch(api.at(name, "config"), {}).must(200).json["config"] == wanted


@pytest.mark.parametrize("change", [{"tasks.max": "0"}, {"name": "other"}, {"callback.request.url": None},
                                    {"unheard.of": "1"}, {"topics": {"a": "b"}}])
def test_a_patch_with_an_invalid_result_is_400_and_changes_nothing(api, name, good, change):
    api.create(name, good, "STOPPED").must(201)
    api.patch(api.at(name, "config"), change).is_error(400)
    assert api.config(name) == shown(name, good)


# DELETE

@pytest.mark.parametrize("state", ["RUNNING", "PAUSED", "STOPPED"])
def test_delete_removes_everything_except_the_offsets(api, kafka, shared_endpoint, name, state):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    api.create(name, definition(topic, shared_endpoint)).must(201)
    shared_endpoint.wait_for(2, topic)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    if state != "RUNNING":
        api.put(api.at(name, {"PAUSED": "pause", "STOPPED": "stop"}[state]))
        api.wait_for(name, state, *["PAUSED"] * (state == "PAUSED"))
    api.delete(api.at(name)).is_empty(204)
    api.get(api.at(name, "status")).is_error(404, f"No status found for connector {name}")
    api.get(api.at(name)).is_error(404, f"Connector {name} not found")
    assert name not in api.names() and name not in api.get("/connectors?expand=status&expand=info").json
    api.get(api.at(name, "topics")).is_exactly(200, {name: {"topics": []}})
    api.delete(api.at(name)).is_error(404, f"Connector {name} not found")
    eventually(lambda: not kafka.members(name), "it has left its group")
    assert kafka.committed(name, topic) == {0: 2}
    # DELETE does not wait until its tasks have ended and their series are removed.
    api.sidecar.wait_for_value(None, "connector_state", connector=name)
    api.create(name, definition(topic, shared_endpoint)).must(201)
    kafka.produce(topic, [b"2"])
    assert [one.offset for one in shared_endpoint.wait_for(3, topic)] == [0, 1, 2]


def test_the_raw_bytes_of_an_error(api):
    assert api.post("/connectors", b"", headers=JSON).is_error(400).body.startswith(b'{"error_code":400,"message":"')
    assert api.get("/x").body == compact({"error_code": 404, "message": "HTTP 404 Not Found"})


def test_every_listed_name_has_a_status(api):
    """The failed calls above leave no incomplete connector."""
    for one in api.names():
        assert api.status(one)["name"] == one
    assert kafka_cluster.unique("x") not in api.names()
