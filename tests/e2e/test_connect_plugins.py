"""Kafka Connect's API: plugins, validate, loggers, the OpenAPI document and health."""

import json
import re

import pytest

import kafka_cluster
import ports
from rest import JAVA_CLASS, JSON, Rest, definition
from sidecar import Sidecar
from waiting import eventually

VALIDATE = "/connector-plugins/HttpSink/config/validate"
KEY_INFO = ["name", "type", "required", "default_value", "importance", "documentation", "group", "width", "display_name",
            "dependents", "order"]
FRAMEWORK = """name connector.class tasks.max tasks.max.enforce key.converter value.converter header.converter transforms
    predicates config.action.reload errors.retry.timeout errors.retry.delay.max.ms errors.tolerance errors.log.enable
    errors.log.include.messages topics topics.regex errors.deadletterqueue.topic.name
    errors.deadletterqueue.topic.replication.factor errors.deadletterqueue.context.headers.enable""".split()
GOOD = {"connector.class": "HttpSink", "name": "x", "topics": "a", "callback.request.url": "http://127.0.0.1:1/"}


# Plugins

@pytest.mark.parametrize("query, kinds", [
    ("", {"sink"}), ("?connectorsOnly=true", {"sink"}), ("?connectorsOnly=false", {"sink", "converter", "header_converter"})])
def test_plugins_are_listed(api, query, kinds):
    found = api.get("/connector-plugins" + query).must(200).json
    assert {one["type"] for one in found} == kinds
    sinks = [one for one in found if one["type"] == "sink"]
    assert len(sinks) == 1 and sinks[0]["class"].split(".")[-1] in ("HttpSink", "HttpSinkConnector")
    assert all([key for key in one if key in ("class", "type", "version")][:2] == ["class", "type"] for one in found)
    if "converter" in kinds:
        assert any(one["class"].endswith("StringConverter") for one in found if one["type"] == "converter")


@pytest.mark.parametrize("plugin", ["HttpSink", "HttpSinkConnector", JAVA_CLASS])
def test_the_plugin_config_is_found_by_each_of_its_names(api, plugin):
    keys = api.get(f"/connector-plugins/{plugin}/config").must(200).json
    names = [one["name"] for one in keys]
    assert len(set(names)) == len(names)
    assert {"callback.request.url", "exception.strategy", "retry.backoff.sec", *FRAMEWORK} <= set(names)
    assert names.index("callback.request.url") < names.index("tasks.max"), "the plugin's own keys come first"
    for one in keys:
        assert list(one) == KEY_INFO
        assert one["type"] in "BOOLEAN STRING INT SHORT LONG DOUBLE LIST CLASS PASSWORD".split(), one
        assert one["importance"] in ("HIGH", "MEDIUM", "LOW") and one["width"] in ("NONE", "SHORT", "MEDIUM", "LONG")
        assert one["default_value"] is None or isinstance(one["default_value"], str), one
        assert not (one["required"] and one["default_value"] is not None), one
        assert isinstance(one["dependents"], list) and isinstance(one["order"], int)
        assert one["group"] is not None or one["order"] == -1, one
    by_name = {one["name"]: one for one in keys}
    assert by_name["callback.request.url"]["required"] and by_name["tasks.max"]["default_value"] == "1"
    assert by_name["tasks.max"]["type"] == "INT"


# Validate

def test_validate_accepts_a_valid_config(api):
    reply = api.put(VALIDATE, GOOD).must(200)
    assert list(reply.json) == ["name", "error_count", "groups", "configs"]
    assert (reply.json["name"], reply.json["error_count"]) == ("HttpSink", 0)
    assert {"Common", "Transforms", "Predicates", "Error Handling"} <= set(reply.json["groups"])
    found = {one["value"]["name"]: one for one in reply.json["configs"]}
    assert set(FRAMEWORK) <= set(found)
    for name, one in found.items():
        assert list(one) == ["definition", "value"] and list(one["definition"]) == KEY_INFO
        assert list(one["value"]) == ["name", "value", "recommended_values", "errors", "visible"]
        assert one["definition"]["name"] == name and one["value"]["errors"] == [] and one["value"]["visible"] is True
    assert found["topics"]["value"]["value"] == "a" and found["tasks.max"]["value"]["value"] == "1"


@pytest.mark.parametrize("kind", ["HttpSink", "HttpSinkConnector", JAVA_CLASS])
@pytest.mark.parametrize("plugin", ["HttpSink", "HttpSinkConnector", JAVA_CLASS])
def test_validate_returns_the_class_as_sent(api, plugin, kind):
    path = f"/connector-plugins/{plugin}/config/validate"
    if plugin == JAVA_CLASS and kind != JAVA_CLASS:
        return      # Kafka Connect and its clients differ here
    assert api.put(path, {**GOOD, "connector.class": kind}).must(200).json["name"] == kind


@pytest.mark.parametrize("change, errors", [
    ({"callback.request.url": None}, {"callback.request.url": 1}),
    ({"topics": ""}, {"topics": 1, "topics.regex": 1}),
    ({"topics.regex": "b.*"}, {"topics": 1, "topics.regex": 1}),
    ({"tasks.max": "0"}, {"tasks.max": 1}),
    ({"tasks.max": "0", "exception.strategy": "HOPE"}, {"tasks.max": 1, "exception.strategy": 1}),
    ({"errors.deadletterqueue.topic.name": "a"}, {"errors.deadletterqueue.topic.name": 1}),
])
def test_validate_answers_200_with_each_error_at_its_key(api, change, errors):
    reply = api.put(VALIDATE, {**GOOD, **change}).must(200)
    found = {one["value"]["name"]: one["value"]["errors"] for one in reply.json["configs"] if one["value"]["errors"]}
    assert {name: len(texts) for name, texts in found.items()} == errors, found
    assert reply.json["error_count"] == sum(errors.values())
    assert all(one["definition"] and one["value"] for one in reply.json["configs"])


def test_validate_reports_a_missing_url_and_a_null(api):
    bare = {key: value for key, value in GOOD.items() if key != "callback.request.url"}
    missing = api.put(VALIDATE, bare).must(200)
    assert 'Missing required configuration \\"callback.request.url\\" which has no default value.' in missing.body.decode()
    assert missing.json["error_count"] == 1


def test_validate_hides_credentials(api):
    reply = api.put(VALIDATE, {**GOOD, "callback.request.headers": "Authorization:Bearer hush-hush",
                               "consumer.override.sasl.password": "hush-hush"}).must(200)
    assert b"hush-hush" not in reply.body and b"[hidden]" in reply.body


@pytest.mark.parametrize("body, message", [
    ({"connector.class": "com.example.Other"},
     "Failed to find any class that implements Connector and which name matches com.example.Other…"),
])
def test_validate_with_another_class_is_400(api, body, message):
    found = api.put(VALIDATE, body).is_error(400).json["message"]
    assert found.startswith((message.strip("…"), "Included connector type com.example.Other does not match")), found


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"topics":{}}'])
def test_validate_without_a_config_is_400(api, body):
    api.put(VALIDATE, body, headers=JSON).is_error(400)


def test_validate_of_an_unknown_plugin_is_an_error(api):
    reply = api.put("/connector-plugins/Nothing/config/validate", GOOD)
    assert reply.status in (400, 404), reply
    reply.is_error(reply.status)


def test_validate_creates_nothing(api):
    before = api.names()
    api.put(VALIDATE, {**GOOD, "name": kafka_cluster.unique("validated")}).must(200)
    assert api.names() == before


# Loggers

def test_loggers_are_listed_in_order_with_the_root(api):
    found = api.get("/admin/loggers").must(200).json
    assert list(found) == sorted(found) and "root" in found
    for name, one in found.items():
        assert list(one) == ["level", "last_modified"]
        assert one["level"] in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")
        assert api.get(f"/admin/loggers/{name}").must(200).json == one


@pytest.fixture
def level(api):
    yield lambda text, logger="root", query="": api.put(f"/admin/loggers/{logger}{query}", {"level": text})
    api.put("/admin/loggers/root", {"level": "INFO"}).must(200)


def lines(api, topic, shared_endpoint):
    """Returns the log lines from creating, running and deleting a connector."""
    begin = len(api.sidecar.log.lines)
    name = kafka_cluster.unique("logged")
    api.create(name, definition(topic, shared_endpoint)).must(201)
    api.wait_running(name)
    api.delete(api.at(name)).is_empty(204)
    eventually(lambda: api.sidecar.value("connector_state", connector=name) is None, "it is removed")
    return [one for one in api.sidecar.log.lines[begin:] if name in one]


def test_the_root_level_changes_the_log(api, kafka, shared_endpoint, level):
    topic = kafka.topic()
    assert lines(api, topic, shared_endpoint)
    changed = level("ERROR").must(200).json
    assert "root" in changed and api.get("/admin/loggers/root").json["level"] == "ERROR"
    assert api.get("/admin/loggers/root").json["last_modified"] > 1_600_000_000_000
    assert lines(api, topic, shared_endpoint) == []
    level("debug").must(200)
    assert lines(api, topic, shared_endpoint)


def test_the_level_of_one_logger_does_not_change_the_others(api, kafka, shared_endpoint, level):
    topic = kafka.topic()
    assert level("ERROR", "reconcile").must(200).json == ["reconcile"]
    assert api.get("/admin/loggers/task").json["level"] == "INFO"
    loggers = {word for line in lines(api, topic, shared_endpoint) for word in line.split() if word.startswith("logger=")}
    assert "logger=task" in loggers and "logger=reconcile" not in loggers
    level("INFO").must(200)
    assert api.get("/admin/loggers/reconcile").json["level"] == "INFO"


def test_a_cluster_wide_level_change_is_204(level):
    level("WARN", query="?scope=cluster").is_empty(204)
    level("WARN", query="?scope=worker").must(200)


@pytest.mark.parametrize("body, message", [
    ({}, "Desired 'level' parameter was not specified in request."),
    ({"level": None}, "Desired 'level' parameter was not specified in request."),
    ({"level": "LOUD"}, "invalid log level 'LOUD'…")])
def test_an_invalid_level_is_400(api, body, message):
    api.put("/admin/loggers/root", body).is_error(400, message)


# OpenAPI

def test_the_openapi_document_describes_every_call(api):
    document = api.get("/openapi.json").must(200).json
    assert document["openapi"].startswith("3.") and document["info"]["version"]
    paths = {re.sub(r"\{\w+\}", "{}", path): {one.upper() for one in calls} for path, calls in document["paths"].items()}
    for path, calls in [("/", "GET"), ("/connectors", "GET POST"), ("/connectors/{}", "GET PUT DELETE"),
                        ("/connectors/{}/config", "GET PUT PATCH"), ("/connectors/{}/pause", "GET PUT"),
                        ("/connectors/{}/resume", "GET PUT"), ("/connectors/{}/stop", "PUT"),
                        ("/connectors/{}/offsets", "GET PATCH DELETE"), ("/connectors/{}/tasks/{}/restart", "POST"),
                        ("/admin/loggers/{}", "GET PUT"), ("/health", "GET"), ("/-/reload", "POST")]:
        assert set(calls.split()) <= paths[path], path
    for path, calls in document["paths"].items():
        concrete = path.replace("{id}", "0").replace("{task}", "0")
        allowed = api.call("OPTIONS", re.sub(r"\{\w+\}", "x", concrete))
        if allowed.status == 200:
            offered = {one.strip() for one in allowed.headers["allow"].split(",")} - {"HEAD", "OPTIONS"}
            assert offered == {one.upper() for one in calls if one != "parameters"}, path
    assert json.dumps(document).count('"$ref"') == sum(
        1 for one in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(document)) if reachable(document, one))


def reachable(document, reference):
    at = document
    for part in reference.split("/"):
        at = at[part]
    return bool(at)


# Health

def test_health_is_unhealthy_without_a_broker(binary, tmp_path):
    with ports.refused_port() as port:
        one = Sidecar(binary, tmp_path / "sidecar", f"127.0.0.1:{port}")
        api = Rest(one)
        one.start(wait=False)
        try:
            def health():
                try:
                    return api.get("/health")
                except OSError:
                    return None
            reply = eventually(health, lambda: one.log.tail())
            assert reply.status in (500, 503), reply
            assert (reply.status, reply.json["status"]) in ((500, "unhealthy"), (503, "starting")), reply
            assert list(reply.json) == ["status", "message"] and reply.json["message"].startswith("Worker ")
            api.get("/connectors").is_exactly(200, [])
        finally:
            one.end_of_test()


def test_health_follows_the_broker(binary, own_broker, tmp_path):
    one = Sidecar(binary, tmp_path / "sidecar", own_broker.bootstrap)
    api = Rest(one)
    one.start()
    eventually(lambda: api.get("/health").status == 200, lambda: api.get("/health"))
    own_broker.stop()
    eventually(lambda: api.get("/health").status == 500, lambda: api.get("/health"))
    assert api.get("/health").json["status"] == "unhealthy"
    one.end_of_test()
