"""A client of the REST API, with helpers for tests."""

import dataclasses
import http.client
import json
import urllib.parse

import ports
from waiting import eventually

JSON = {"Content-Type": "application/json"}
JAVA_CLASS = "nz.ac.auckland.kafka.http.sink.HttpSinkConnector"


def compact(value):
    """Returns JSON as on the wire: no spaces, keys in the given order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


@dataclasses.dataclass
class Reply:
    asked: str
    status: int
    headers: dict               # lower-case names
    body: bytes

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            raise AssertionError(f"not JSON: {self}") from None

    def must(self, status):
        assert self.status == status, f"expected {status}: {self}"
        return self

    def is_exactly(self, status, value):
        """Asserts the exact body, including the order of keys."""
        self.must(status)
        assert self.body == compact(value), f"expected {compact(value)}: {self}"
        assert self.headers["content-type"].split(";")[0] == "application/json", self
        return self

    def is_empty(self, status):
        """Asserts that there is no body and no Content-Type, by which clients choose a parser."""
        self.must(status)
        assert self.body == b"" and "content-type" not in self.headers, self
        assert self.headers.get("content-length", "0") == "0", self
        return self

    def is_error(self, status, message=None):
        """Asserts Connect's error body. `message` is the whole text, or a part of it if it starts or ends with …"""
        self.must(status)
        assert self.headers.get("content-type", "").split(";")[0] == "application/json", self
        assert list(self.json) == ["error_code", "message"] and self.json["error_code"] == status, self
        text = self.json["message"]
        assert isinstance(text, str), self
        if message is None:
            return self
        part = message.strip("…")
        if message == part:
            assert text == part, f"expected {part!r}: {self}"
        else:
            assert part in text, f"expected {message!r}: {self}"
            assert message.startswith("…") or text.startswith(part), f"expected {message!r}: {self}"
        return self


def encoded(name):
    """Encodes a name as a path segment, including `.` and `..`."""
    return name.replace(".", "%2E") if name.strip(".") == "" else urllib.parse.quote(name, safe="")


class Caller:
    """A client of one address, which opens a new connection for each call."""

    def __init__(self, port, headers=None, scheme=http.client.HTTPConnection, **options):
        self.port = port
        self._headers, self._scheme, self._options = headers or {}, scheme, options

    @property
    def worker(self):
        return f"127.0.0.1:{self.port}"

    def call(self, method, path, body=None, headers=None, timeout=60):
        """Sends a request. A `body` of bytes is sent unchanged, any other as JSON with its Content-Type."""
        given = dict(self._headers)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.update(JSON)
        given.update(headers or {})
        connection = self._scheme("127.0.0.1", self.port, timeout=timeout, **self._options)
        try:
            connection.request(method, path, body, given)
            response = connection.getresponse()
            return Reply(f"{method} {path}", response.status,
                         {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def put(self, path, body=None, **more):
        return self.call("PUT", path, body, **more)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def patch(self, path, body=None, **more):
        return self.call("PATCH", path, body, **more)

    def delete(self, path, **more):
        return self.call("DELETE", path, **more)


class Rest(Caller):
    """A client of one process of the program."""

    def __init__(self, sidecar, *arguments, **options):
        self.sidecar = sidecar
        if not sidecar.settings["rest.listen"]:
            sidecar.settings["rest.listen"] = f"127.0.0.1:{ports.free_port()}"
        super().__init__(int(sidecar.settings["rest.listen"].rpartition(":")[2]), *arguments, **options)

    # Connectors

    def at(self, name, what=""):
        """Returns the path of a connector, or of a resource below it."""
        return f"/connectors/{encoded(name)}" + (f"/{what}" if what else "")

    def create(self, name, config, initial_state=None):
        return self.post("/connectors", {"name": name, "config": config,
                                         **({"initial_state": initial_state} if initial_state else {})})

    def names(self):
        return sorted(self.get("/connectors").must(200).json)

    def status(self, name):
        return self.get(self.at(name, "status")).must(200).json

    def states(self, name):
        """Returns the state of the connector and the states of its tasks."""
        status = self.status(name)
        return status["connector"]["state"], [one["state"] for one in status["tasks"]]

    def wait_for(self, name, connector, *tasks):
        """Waits until connector and tasks are in these states; returns the status."""
        eventually(lambda: self.states(name) == (connector, list(tasks)),
                   lambda: f"{name} is {connector} with {tasks}; actual: {self.get(self.at(name, 'status'))}; log:\n"
                           f"{self.sidecar.log.tail()}")
        return self.status(name)

    def wait_running(self, name):
        """Waits until it runs and has partitions."""
        self.wait_for(name, "RUNNING", *["RUNNING"] * int(self.config(name).get("tasks.max", 1)))
        eventually(lambda: (self.sidecar.value("assigned_partitions", connector=name) or 0) > 0,
                   lambda: f"{name} has partitions; log:\n{self.sidecar.log.tail()}")

    def config(self, name):
        return self.get(self.at(name, "config")).must(200).json

    def stop_connector(self, name):
        self.put(self.at(name, "stop")).is_empty(204)
        self.wait_for(name, "STOPPED")

    def offsets(self, name):
        """Returns {(topic, partition): offset}."""
        return {(one["partition"]["kafka_topic"], one["partition"]["kafka_partition"]): one["offset"]["kafka_offset"]
                for one in self.get(self.at(name, "offsets")).must(200).json["offsets"]}


def definition(topic, endpoint, keys=None, **dotted):
    """Returns a connector config; dotted keys can be given as a__b=…"""
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    return {"topics": topic, "callback.request.url": url, **(keys or {}),
            **{key.replace("__", "."): value for key, value in dotted.items()}}


def shown(name, config):
    """Returns the config that REST shows: with the name and the class of the connector."""
    return {"connector.class": "HttpSink", **config, "name": name}


def offset(topic, partition, at):
    """Returns an entry of an offsets body; `at` None deletes."""
    return {"partition": {"kafka_topic": topic, "kafka_partition": partition},
            "offset": None if at is None else {"kafka_offset": at}}
