"""Abuse of the REST listener: every request gets a defined answer, and neither process nor deliveries are affected.

IDLE (500; the full size is 10000) connections are opened and left idle.
"""

import concurrent.futures
import contextlib
import json
import os
import resource
import time

import pytest

import kafka_cluster
from load import Load, assert_all_once
from observing import undisturbed
from raw import connect, exchange, head, statuses, trickle, until_closed
from rest import JSON, compact, definition
from waiting import eventually

IDLE = int(os.environ.get("IDLE", "500"))
MIB = 1 << 20
GROWTH = 96 * MIB       # the listeners may hold 64 MiB of requests and answers in total
RATE = 100
VICTIM = "victim"


def memory(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class Target:
    """A process that delivers, with a connector that a successful attack would delete."""

    def __init__(self, api, kafka, endpoint):
        self.api, self.kafka, self.endpoint = api, kafka, endpoint
        self.name, self.topic = kafka_cluster.unique("guarded"), kafka.topic()
        api.create(self.name, definition(self.topic, endpoint)).must(201)
        api.create(VICTIM, definition(self.topic, endpoint, {"consumer.override.group.id": self.name + "-victim"}),
                   "STOPPED").must(201)
        api.wait_running(self.name)
        self.port = api.port
        self.before = memory(api.sidecar.process)
        self.guard = contextlib.ExitStack()
        self.guard.enter_context(undisturbed(kafka, api.sidecar, self.name))
        self.load = self.guard.enter_context(Load(kafka, self.topic, RATE))

    def assert_unharmed(self):
        assert self.api.sidecar.process.poll() is None, self.api.sidecar.log.tail()
        assert VICTIM in self.api.names()
        assert self.api.sidecar.probe("/livez") == 200


@pytest.fixture(scope="module")
def target(api, kafka, shared_endpoint):
    one = Target(api, kafka, shared_endpoint)
    yield one
    one.load.stop()


@pytest.fixture(autouse=True)
def unharmed(target):
    yield
    target.assert_unharmed()


DELETE = head(f"DELETE /connectors/{VICTIM} HTTP/1.1")
POST = "POST /connectors HTTP/1.1"

INVALID = {     # each is followed by a complete request, which must not be executed
    "length and chunks": head(POST, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and length": head(POST, "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n",
    "two lengths": head(POST, "Content-Length: 2", "Content-Length: 5") + b"{}",
    "two lengths in one": head(POST, "Content-Length: 2, 5") + b"{}",
    "signed length": head(POST, "Content-Length: +2") + b"{}",
    "negative length": head(POST, "Content-Length: -2"),
    "hexadecimal length": head(POST, "Content-Length: 0x2") + b"{}",
    "empty length": head(POST, "Content-Length: "),
    "length overflow": head(POST, "Content-Length: 99999999999999999999999"),
    "unknown coding": head(POST, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "misspelled chunked": head(POST, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunked with a tab": head(POST, "Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "chunked twice": head(POST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "identity after chunked": head(POST, "Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "a space before the colon": head(POST, "Content-Length : 2") + b"{}",
    "a folded header": head(POST, "X-A: b", " Content-Length: 2") + b"{}",
    "a line without colon": head(POST, "Content-Length"),
    "a header without a name": head(POST, ": 2"),
    "NUL in a header": head(POST, "X-A: \x00b"),
    "lines without CR": b"POST /connectors HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
    "one line without CR": b"POST /connectors HTTP/1.1\r\nHost: x\nContent-Length: 2\r\n\r\n{}",
    "a bare CR": head(POST, "X-A: b\rContent-Length: 2") + b"{}",
    "no host": b"GET /connectors HTTP/1.1\r\n\r\n",
    "two hosts": head("GET /connectors HTTP/1.1", "Host: other"),
    "an invalid chunk size": head(POST, *["Transfer-Encoding: chunked"]) + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk size overflow": head(POST, "Transfer-Encoding: chunked") + b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    "a negative chunk size": head(POST, "Transfer-Encoding: chunked") + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than declared": head(POST, "Transfer-Encoding: chunked") + b"1\r\n{}\r\n0\r\n\r\n",
    "chunks without CR": head(POST, "Transfer-Encoding: chunked") + b"2\n{}\n0\n\n",
    "no version": b"GET /connectors\r\nHost: x\r\n\r\n",
    "an unsupported version": b"GET /connectors HTTP/2.0\r\nHost: x\r\n\r\n",
    "another protocol": b"GET /connectors ICY/1.1\r\nHost: x\r\n\r\n",
    "NUL in the path": b"GET /conn\x00ectors HTTP/1.1\r\nHost: x\r\n\r\n",
    "the HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a byte outside ASCII in a header": head("GET /connectors HTTP/1.1", "X-A: \xff"),
    "bytes outside ASCII that hide the next header": head("GET /connectors HTTP/1.1", "X-A: \xff\xff", "X-B: c"),
    "a length that is not a number": head(POST, "Content-Length: abc") + b"{}",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32 + b"\r\n\r\n",
}


AMBIGUOUS = {   # answered, but a proxy in front may see a different end of the request
    "an encoded word": head("GET /connectors HTTP/1.1", "Content-Length: =?utf-8?q?0?="),
    "no length": head("PUT /connectors/none/pause HTTP/1.1"),
    "a body of many lines": head(POST, "Content-Type: application/json", "Content-Length: 4") + b"{\n }",
    "chunks": head("GET /connectors HTTP/1.1", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
}


PAGES = {   # requests of a local browser for a page of another site
    "a form": ("POST", "/-/drain", {"Origin": "http://evil.example", "Content-Type": "text/plain"}, b"x=1"),
    "an image": ("GET", f"/connectors/{VICTIM}/resume", {"Sec-Fetch-Site": "cross-site"}, None),
    "a page whose host name resolves to this machine": (
        "DELETE", f"/connectors/{VICTIM}", {"Host": "evil.example:8083", "Origin": "http://evil.example:8083"}, None),
    "an image of such a page": ("GET", f"/connectors/{VICTIM}/resume", {"Host": "evil.example:8083"}, None),
}


@pytest.mark.parametrize("what", PAGES)
def test_a_web_page_cannot_change_anything(target, what):
    method, path, headers, body = PAGES[what]
    target.api.call(method, path, body, headers=headers).is_error(403)
    assert target.api.get(f"/connectors/{VICTIM}/status").json["connector"]["state"] == "STOPPED"
    target.api.get(f"/connectors/{VICTIM}/status", headers={"Host": f"localhost:{target.port}"}).must(200)


@pytest.mark.parametrize("what", INVALID)
def test_an_invalid_http_request_is_rejected_and_closes_the_connection(target, what):
    received = exchange(target.port, INVALID[what] + DELETE)
    answered = statuses(received)
    assert len(answered) == 1 and answered[0] in (400, 413, 415, 501, 505), received
    body = json.loads(received.partition(b"\r\n\r\n")[2])
    assert body["error_code"] == answered[0] and body["message"], received
    assert VICTIM in target.api.names()


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_an_ambiguous_request_closes_the_connection_after_the_answer(target, what):
    received = exchange(target.port, AMBIGUOUS[what] + DELETE)
    assert len(statuses(received)) == 1 and b"connection: close" in received.lower(), received
    assert VICTIM in target.api.names()


def test_the_body_of_a_request_is_not_parsed_as_a_request(target):
    received = exchange(target.port, head("POST /connectors HTTP/1.1", "Content-Type: application/json", "Connection: close",
                                          f"Content-Length: {len(DELETE)}") + DELETE)
    assert statuses(received) == [400]
    received = exchange(target.port, head("GET /connectors HTTP/1.1", f"Content-Length: {len(DELETE)}", "Connection: close")
                        + DELETE)
    assert len(statuses(received)) == 1


LIMITS = [
    ("one huge header", head("GET / HTTP/1.1", "X-A: " + "b" * 70_000), 431),
    ("many headers", head("GET / HTTP/1.1", *[f"X-{n}: b" for n in range(2000)]), 431),
    ("an endless header", head("GET / HTTP/1.1", "X-A: " + "b" * 5_000_000), 431),
    ("a huge path", head(f"GET /{'a' * 20_000} HTTP/1.1"), 414),
    ("a huge declared body", head(POST, *["Content-Type: application/json", f"Content-Length: {MIB + 1}"]), 413),
    ("a body of terabytes", head(POST, "Content-Type: application/json", f"Content-Length: {1 << 42}"), 413),
    ("a huge body in chunks", head(POST, "Content-Type: application/json", "Transfer-Encoding: chunked")
     + b"10000\r\n%s\r\n" % (b"x" * 65536) * 20 + b"0\r\n\r\n", 413),
]


@pytest.mark.parametrize("what, data, status", LIMITS, ids=[one[0] for one in LIMITS])
def test_an_oversized_request_is_rejected(target, what, data, status):
    received = exchange(target.port, data)
    if not received:    # a reset may arrive before the answer while the test is still sending
        assert len(data) > MIB, what
    else:
        assert statuses(received) == [status], received[:500]


def test_a_body_just_below_the_limit_is_accepted(target):
    body = compact({"name": "x", "config": {}})
    target.api.post("/connectors", body + b" " * (MIB - len(body)), headers=JSON).is_error(400, "Connector configuration…")


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 150_000, b'{"name":"x","config":' + b"[" * 100_000,
                                  b"[" * 200_000 + b"]" * 200_000, b'{"name":"x","config":{"a":' + b'{"a":' * 1000 + b"1" +
                                  b"}" * 1002])
@pytest.mark.parametrize("method, path", [("POST", "/connectors"), ("PUT", f"/connectors/{VICTIM}/config"),
                                          ("PATCH", f"/connectors/{VICTIM}/offsets"),
                                          ("PUT", "/connector-plugins/HttpSink/config/validate")])
def test_deeply_nested_json_is_rejected(target, method, path, body):
    target.api.call(method, path, body, JSON).is_error(400)


def test_pipelined_requests_are_answered_in_order(target):
    paths = ["/connectors", "/nothing", f"/connectors/{VICTIM}/config", "/", "/connectors/x/status"] * 20
    data = b"".join(head(f"GET {path} HTTP/1.1") for path in paths[:-1])
    received = exchange(target.port, data + head(f"GET {paths[-1]} HTTP/1.1", "Connection: close"))
    assert statuses(received) == [200, 404, 200, 200, 404] * 20


def test_http_1_0_is_answered(target):
    received = exchange(target.port, b"GET /connectors HTTP/1.0\r\n\r\n")
    assert statuses(received) == [200] and b"chunked" not in received.lower().partition(b"\r\n\r\n")[0]
    assert VICTIM in json.loads(received.partition(b"\r\n\r\n")[2])


def test_chunked_bodies_and_expect_continue_work(target):
    name = kafka_cluster.unique("chunked")
    body = compact({"name": name, "config": definition(target.topic, target.endpoint), "initial_state": "STOPPED"})
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    lines = ["Content-Type: application/json", "Connection: close"]
    assert statuses(exchange(target.port, head(POST, *lines, "Transfer-Encoding: chunked") + chunks)) == [201]
    target.api.delete(target.api.at(name)).is_empty(204)
    with connect(target.port) as connection:
        connection.sendall(head(POST, *lines, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert statuses(connection.recv(65536)) == [100]
        connection.sendall(body)
        assert statuses(until_closed(connection)) == [201]
    target.api.delete(target.api.at(name)).is_empty(204)


def test_a_slow_request_times_out(target):
    slow = {
        "line": (b"GET /", b"a"), "headers": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"b"),
        "body": (head(POST, "Content-Type: application/json", "Content-Length: 1000"), b" "),
        "chunks": (head(POST, "Content-Type: application/json", "Transfer-Encoding: chunked"), b"1\r\n \r\n"),
    }
    with concurrent.futures.ThreadPoolExecutor(len(slow)) as callers:
        closed = {what: callers.submit(trickle, target.port, *one, 0.3, 60) for what, one in slow.items()}
        target.api.get("/connectors").must(200)
    for what, one in closed.items():
        received, seconds = one.result()
        assert statuses(received) in ([], [408]) and seconds > 1, f"{what}: {received} after {seconds:.1f} s"
        print(f"{what}: closed after {seconds:.1f} s")


def test_idle_connections_do_not_block_other_callers(target):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 500
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"only {hard} files may be open here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    with contextlib.ExitStack() as idle:
        for number in range(IDLE):
            idle.enter_context(connect(target.port if number % 2 else target.api.sidecar.port))
            if number % 50 == 0:
                begun = time.monotonic()
                target.api.get("/connectors").must(200)
                assert target.api.sidecar.probe("/metrics") == 200
                assert time.monotonic() - begun < 10
        target.api.get("/connectors?expand=status").must(200)
        assert target.api.sidecar.get("/metrics")[0] == 200
        assert memory(target.api.sidecar.process) < target.before + GROWTH
    eventually(lambda: target.api.get("/").status == 200, "it answers afterwards")


def test_deliveries_and_memory_were_not_affected(target):
    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        for answered in callers.map(lambda n: statuses(exchange(target.port, LIMITS[n % len(LIMITS)][1])), range(200)):
            assert not answered or answered[0] in (413, 414, 431)
    growth = memory(target.api.sidecar.process) - target.before
    print(f"\n{target.load.count} records delivered, memory grew by {growth / MIB:.1f} MiB")
    assert growth < GROWTH
    count = target.load.stop()
    assert_all_once(target.kafka, target.name, target.topic, count, target.endpoint)
    target.guard.close()
