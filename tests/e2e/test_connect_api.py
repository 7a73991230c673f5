"""Kafka Connect's API: the exact answers of /connectors."""

import pytest

import kafka_cluster
from endpoint import Endpoint
from rest import compact, definition, encoded, shown

MISSING = "no-such-connector"


@pytest.fixture(scope="module")
def topic(kafka):
    return kafka.topic()


@pytest.fixture(scope="module")
def running(api, topic, shared_endpoint):
    """A running connector."""
    name = kafka_cluster.unique("there")
    api.create(name, definition(topic, shared_endpoint)).must(201)
    api.wait_for(name, "RUNNING", "RUNNING")
    return name


def filled(text, running):
    return text.replace("{n}", running).replace("{x}", MISSING)


# Unknown resources

NOT_THERE = [
    ("GET", "/connectors/{x}", None, "Connector {x} not found"),
    ("GET", "/connectors/{x}/config", None, "Connector {x} not found"),
    ("PATCH", "/connectors/{x}/config", {}, "Connector {x} not found"),
    ("DELETE", "/connectors/{x}", None, "Connector {x} not found"),
    ("GET", "/connectors/{x}/status", None, "No status found for connector {x}"),
    ("GET", "/connectors/{x}/tasks", None, "Connector {x} not found"),
    ("GET", "/connectors/{x}/tasks/0/status", None, "No status found for task {x}-0"),
    ("GET", "/connectors/{n}/tasks/9/status", None, "No status found for task {n}-9"),
    ("GET", "/connectors/{n}/tasks/abc/status", None, "HTTP 404 Not Found"),
    ("POST", "/connectors/{x}/tasks/0/restart", None, "Unknown connector: {x}"),
    ("POST", "/connectors/{n}/tasks/9/restart", None, "Unknown task: {n}-9"),
    ("POST", "/connectors/{n}/tasks/abc/restart", None, "HTTP 404 Not Found"),
    ("POST", "/connectors/{x}/restart", None, "Unknown connector: {x}"),
    ("POST", "/connectors/{x}/restart?includeTasks=true", None, "Unknown connector: {x}"),
    ("PUT", "/connectors/{x}/pause", None, "Unknown connector {x}"),
    ("GET", "/connectors/{x}/pause", None, "Unknown connector {x}"),
    ("PUT", "/connectors/{x}/resume", None, "Unknown connector {x}"),
    ("GET", "/connectors/{x}/resume", None, "Unknown connector {x}"),
    ("PUT", "/connectors/{x}/stop", None, "Unknown connector {x}"),
    ("GET", "/connectors/{x}/offsets", None, "Connector {x} not found"),
    ("DELETE", "/connectors/{x}/offsets", None, "Connector {x} not found"),
    ("GET", "/connectors/{n}/nothing", None, "HTTP 404 Not Found"),
    ("GET", "/connectors/{n}/tasks-config", None, "HTTP 404 Not Found"),
    ("GET", "/connectors/{n}/tasks/0", None, "HTTP 404 Not Found"),
    ("GET", "/nothing", None, "HTTP 404 Not Found"),
    ("GET", "/connector-plugins/Nothing/config", None, "Unknown plugin Nothing."),
    ("GET", "/admin/loggers/no.such.logger", None, "Logger no.such.logger not found."),
    ("GET", "/admin", None, "HTTP 404 Not Found"),
]


@pytest.mark.parametrize("method, path, body, message", NOT_THERE)
def test_an_unknown_resource_is_404(api, running, method, path, body, message):
    reply = api.call(method, filled(path, running), body)
    reply.is_error(404, filled(message, running))
    assert reply.body == compact({"error_code": 404, "message": filled(message, running)})


ALLOWED = [
    ("/", "GET HEAD OPTIONS"),
    ("/connectors", "GET HEAD POST OPTIONS"),
    ("/connectors/{n}", "GET HEAD PUT DELETE OPTIONS"),
    ("/connectors/{n}/config", "GET HEAD PUT PATCH OPTIONS"),
    ("/connectors/{n}/status", "GET HEAD OPTIONS"),
    ("/connectors/{n}/tasks", "GET HEAD OPTIONS"),
    ("/connectors/{n}/tasks/0/status", "GET HEAD OPTIONS"),
    ("/connectors/{n}/tasks/0/restart", "POST OPTIONS"),
    ("/connectors/{n}/restart", "POST OPTIONS"),
    ("/connectors/{n}/stop", "PUT OPTIONS"),
    ("/connectors/{n}/topics", "GET HEAD OPTIONS"),
    ("/connectors/{n}/topics/reset", "PUT OPTIONS"),
    ("/connectors/{n}/offsets", "GET HEAD PATCH DELETE OPTIONS"),
    ("/connector-plugins", "GET HEAD OPTIONS"),
    ("/connector-plugins/HttpSink/config", "GET HEAD OPTIONS"),
    ("/connector-plugins/HttpSink/config/validate", "PUT OPTIONS"),
    ("/admin/loggers", "GET HEAD OPTIONS"),
    ("/admin/loggers/root", "GET HEAD PUT OPTIONS"),
    ("/health", "GET HEAD OPTIONS"),
]


def methods(text):
    return {one.strip() for one in text.split(",")}


@pytest.mark.parametrize("path, allowed", ALLOWED)
def test_a_wrong_method_is_405_and_options_list_the_allowed_ones(api, running, path, allowed):
    path, allowed = filled(path, running), set(allowed.split())
    for method in {"GET", "PUT", "POST", "DELETE", "PATCH"} - allowed:
        reply = api.call(method, path).is_error(405, "HTTP 405 Method Not Allowed")
        assert methods(reply.headers["allow"]) == allowed
    reply = api.call("OPTIONS", path).must(200)
    assert reply.headers["content-type"].split(";")[0] == "text/plain"
    assert methods(reply.headers["allow"]) == methods(reply.body.decode()) == allowed


@pytest.mark.parametrize("path", ["/connectors/{n}/pause", "/connectors/{n}/resume"])
def test_pause_and_resume_also_accept_get(api, running, path):
    reply = api.call("POST", filled(path, running)).is_error(405)
    assert {"GET", "PUT"} <= methods(reply.headers["allow"])


@pytest.mark.parametrize("path", ["/", "/connectors", "/connectors/{n}", "/connectors/{n}/status", "/health",
                                  "/connector-plugins", "/admin/loggers", "/connectors/{x}"])
def test_head_answers_like_get_without_a_body(api, running, path):
    path = filled(path, running)
    head, get = api.call("HEAD", path), api.get(path)
    assert head.status == get.status and head.body == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers.get("content-length", str(len(get.body))) == str(len(get.body))


@pytest.mark.parametrize("path", ["/connectors", "/connectors/{n}", "/connectors/{n}/status", "/connectors/{n}/config",
                                  "/connectors/{n}/tasks", "/connectors/{n}/offsets", "/connector-plugins",
                                  "/admin/loggers/root", "/health", "/connectors/{x}/status"])
def test_a_trailing_slash_is_ignored(api, running, path):
    path = filled(path, running)
    assert (api.get(path + "/").status, api.get(path + "/").body) == (api.get(path).status, api.get(path).body)


# Media types

@pytest.mark.parametrize("accept, status", [
    (None, 200), ("*/*", 200), ("application/json", 200), ("application/*", 200), ("text/html", 406),
    ("text/html, application/json;q=0.5", 200), ("text/html,*/*;q=0.1", 200), ("application/xml", 406)])
def test_the_accept_header_is_honored(api, accept, status):
    reply = api.get("/connectors", headers={"Accept": accept} if accept else {})
    if status == 406:
        reply.is_error(406, "HTTP 406 Not Acceptable")
    assert reply.must(status).headers["content-type"].split(";")[0] == "application/json"
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("method, path, body, kind, status", [
    ("POST", "/connectors", b"{}", "text/plain", 415), ("POST", "/connectors", b"{}", None, 415),
    ("POST", "/connectors", b"{}", "application/x-www-form-urlencoded", 415),
    ("PUT", "/connectors/{n}/config", b"{}", "text/plain", 415), ("PUT", "/connectors/{n}", b"{}", "text/plain", 415),
    ("PATCH", "/connectors/{n}/config", b"{}", "application/merge-patch+json", 415),
    ("PATCH", "/connectors/{n}/offsets", b"{}", "text/plain", 415),
    ("PUT", "/connector-plugins/HttpSink/config/validate", b"{}", "text/plain", 415),
    ("PUT", "/admin/loggers/root", b"{}", "text/plain", 415),
    ("PUT", "/connectors/{n}/resume", None, "text/plain", 415),
    ("PUT", "/connectors/{n}/resume", None, None, 202),
    ("PUT", "/connectors/{n}/resume", None, "application/json", 202),
    ("PUT", "/connectors/{n}/resume", b"", "application/json; charset=utf-8", 202)])
def test_the_content_type_is_checked(api, running, method, path, body, kind, status):
    reply = api.call(method, filled(path, running), body, {"Content-Type": kind} if kind else {}).must(status)
    if status == 415:
        reply.is_error(415, "HTTP 415 Unsupported Media Type: send application/json")
        assert reply.headers["accept"] == "application/json"


def test_content_type_may_have_parameters(api, topic, shared_endpoint, name):
    reply = api.post("/connectors", compact({"name": name, "config": definition(topic, shared_endpoint)}),
                     headers={"Content-Type": "Application/JSON; charset=UTF-8"})
    reply.must(201)


def test_upgrade_to_h2c_is_ignored(api):
    api.get("/connectors", headers={"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
                                    "HTTP2-Settings": "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA"}).must(200)


# Root and lists

def test_the_root_shows_versions_and_cluster(api, kafka):
    reply = api.get("/").must(200)
    assert list(reply.json) == ["version", "commit", "kafka_cluster_id"]
    major, minor, *_ = reply.json["version"].split(".")
    assert (int(major), int(minor)) == (3, 9)
    assert reply.json["commit"] and reply.json["kafka_cluster_id"]
    assert reply.json["kafka_cluster_id"] == kafka.cluster_id()


def test_health_is_healthy_with_a_broker(api):
    api.get("/health").is_exactly(200, {"status": "healthy", "message":
                                        "Worker has completed startup and is ready to handle requests."})


def test_the_list_has_the_names(api, running):
    assert running in api.get("/connectors").must(200).json
    assert all(isinstance(one, str) for one in api.get("/connectors").json)
    assert running in api.get("/connectors?forward=false").must(200).json


@pytest.mark.parametrize("query, keys", [
    ("expand=status", ["status"]), ("expand=info", ["info"]), ("expand=status&expand=info", ["status", "info"]),
    ("expand=info&expand=status", ["status", "info"]), ("expand=junk", []), ("expand=status,info", []),
    ("expand=junk&expand=info", ["info"]), ("expand=status&forward=true", ["status"])])
def test_the_expanded_list_has_status_and_info(api, running, query, keys):
    found = api.get(f"/connectors?{query}").must(200).json[running]
    assert sorted(found) == sorted(keys)
    if "status" in keys:
        assert found["status"] == api.status(running)
    if "info" in keys:
        assert found["info"] == api.get(api.at(running)).json


def test_the_json_of_a_running_connector(api, running, topic, shared_endpoint):
    config = shown(running, definition(topic, shared_endpoint))
    info = api.get(api.at(running)).must(200)
    assert info.json == {"name": running, "config": config, "tasks": [{"connector": running, "task": 0}], "type": "sink"}
    assert list(info.json) == ["name", "config", "tasks", "type"] and list(info.json["tasks"][0]) == ["connector", "task"]
    assert api.config(running) == config
    status = api.status(running)
    assert [one for one in status if one in ("name", "connector", "tasks", "type")] == ["name", "connector", "tasks", "type"]
    assert (status["name"], status["type"]) == (running, "sink")
    assert status["connector"] == {"state": "RUNNING", "worker_id": api.worker}
    assert status["tasks"] == [{"id": 0, "state": "RUNNING", "worker_id": api.worker}]
    assert list(status["connector"]) == ["state", "worker_id"] and list(status["tasks"][0]) == ["id", "state", "worker_id"]
    assert set(status) - {"name", "connector", "tasks", "type"} <= {"origin", "file", "generation", "observed_generation"}
    api.get(api.at(running, "tasks/0/status")).is_exactly(200, {"id": 0, "state": "RUNNING", "worker_id": api.worker})
    tasks = api.get(api.at(running, "tasks")).must(200).json
    assert [one["id"] for one in tasks] == [{"connector": running, "task": 0}]
    assert tasks[0]["config"]["topics"] == topic and tasks[0]["config"]["task.class"]
    assert tasks[0]["config"]["callback.request.url"] == shared_endpoint.url
    assert tasks[0]["config"]["connector.class"] == "HttpSink"


@pytest.mark.parametrize("odd", ["a b", "a/b", "a%2Fb", "žluťoučký 🐎", "a+b", "a&b=c?d#e", "..", ".", "%", "a;b", "COM1",
                                 "\"quoted\"", "back\\slash"])
def test_a_name_may_have_any_printable_character(api, kafka, topic, odd):
    name = odd if odd in ("..", ".") else odd + kafka_cluster.unique("")
    with Endpoint() as endpoint:
        created = api.create(name, definition(topic, endpoint), "STOPPED").must(201)
        try:
            assert created.json["name"] == created.json["config"]["name"] == name
            assert created.headers["location"].endswith(f"/connectors/{encoded(name)}")
            assert name in api.names()
            assert api.get("/connectors/" + encoded(name)).must(200).json["name"] == name
            assert api.status(name)["name"] == name
            api.get(api.at(name + "-", "status")).is_error(404, f"No status found for connector {name}-")
        finally:
            api.delete("/connectors/" + encoded(name)).is_empty(204)
