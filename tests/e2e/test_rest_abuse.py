"""Whatever is sent to the listener: it has its answer, the process lives on, and deliveries don't notice.

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
GROWTH = 96 * MIB       # the listeners may hold 64 MiB of requests and answers together
RATE = 100
VICTIM = "victim"


def memory(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


class House:
    """A process with deliveries under way, and a connector that whoever breaks in would delete."""

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

    def stands(self):
        assert self.api.sidecar.process.poll() is None, self.api.sidecar.log.tail()
        assert VICTIM in self.api.names()
        assert self.api.sidecar.probe("/livez") == 200


@pytest.fixture(scope="module")
def house(api, kafka, sink):
    one = House(api, kafka, sink)
    yield one
    one.load.stop()


@pytest.fixture(autouse=True)
def stands(house):
    yield
    house.stands()


DELETE = head(f"DELETE /connectors/{VICTIM} HTTP/1.1")
POST = "POST /connectors HTTP/1.1"

BAD = {     # each is followed by a whole request of its own, which must not be taken
    "length and chunks": head(POST, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "chunks and length": head(POST, "Transfer-Encoding: chunked", "Content-Length: 5") + b"0\r\n\r\n",
    "two lengths": head(POST, "Content-Length: 2", "Content-Length: 5") + b"{}",
    "two lengths in one": head(POST, "Content-Length: 2, 5") + b"{}",
    "signed length": head(POST, "Content-Length: +2") + b"{}",
    "negative length": head(POST, "Content-Length: -2"),
    "hexadecimal length": head(POST, "Content-Length: 0x2") + b"{}",
    "empty length": head(POST, "Content-Length: "),
    "length beyond all numbers": head(POST, "Content-Length: 99999999999999999999999"),
    "unknown coding": head(POST, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "nearly chunked": head(POST, "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunked with a tab": head(POST, "Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n",
    "chunked twice": head(POST, "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "identity after chunked": head(POST, "Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
    "a space before the colon": head(POST, "Content-Length : 2") + b"{}",
    "a folded header": head(POST, "X-A: b", " Content-Length: 2") + b"{}",
    "a line without colon": head(POST, "Content-Length"),
    "a nameless header": head(POST, ": 2"),
    "NUL in a header": head(POST, "X-A: \x00b"),
    "lines without CR": b"POST /connectors HTTP/1.1\nHost: x\nContent-Length: 2\n\n{}",
    "one line without CR": b"POST /connectors HTTP/1.1\r\nHost: x\nContent-Length: 2\r\n\r\n{}",
    "a bare CR": head(POST, "X-A: b\rContent-Length: 2") + b"{}",
    "no host": b"GET /connectors HTTP/1.1\r\n\r\n",
    "two hosts": head("GET /connectors HTTP/1.1", "Host: other"),
    "a size that is none": head(POST, *["Transfer-Encoding: chunked"]) + b"zz\r\n{}\r\n0\r\n\r\n",
    "a size beyond all numbers": head(POST, "Transfer-Encoding: chunked") + b"FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    "a negative size": head(POST, "Transfer-Encoding: chunked") + b"-2\r\n{}\r\n0\r\n\r\n",
    "a chunk longer than told": head(POST, "Transfer-Encoding: chunked") + b"1\r\n{}\r\n0\r\n\r\n",
    "chunks without CR": head(POST, "Transfer-Encoding: chunked") + b"2\n{}\n0\n\n",
    "no version": b"GET /connectors\r\nHost: x\r\n\r\n",
    "another version": b"GET /connectors HTTP/2.0\r\nHost: x\r\n\r\n",
    "another protocol": b"GET /connectors ICY/1.1\r\nHost: x\r\n\r\n",
    "NUL in the path": b"GET /conn\x00ectors HTTP/1.1\r\nHost: x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a byte that ends nothing": head("GET /connectors HTTP/1.1", "X-A: \xff"),
    "a byte that hides the headers behind it": head("GET /connectors HTTP/1.1", "X-A: \xff\xff", "X-B: c"),
    "a length that is no number": head(POST, "Content-Length: abc") + b"{}",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32 + b"\r\n\r\n",
}


AMBIGUOUS = {   # is answered, but a proxy in front may see another end of it
    "an encoded word": head("GET /connectors HTTP/1.1", "Content-Length: =?utf-8?q?0?="),
    "no length": head("PUT /connectors/none/pause HTTP/1.1"),
    "a body of many lines": head(POST, "Content-Type: application/json", "Content-Length: 4") + b"{\n }",
    "chunks": head("GET /connectors HTTP/1.1", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
}


PAGES = {   # what a browser on this machine sends for the page of another site
    "a form": ("POST", "/-/drain", {"Origin": "http://evil.example", "Content-Type": "text/plain"}, b"x=1"),
    "an image": ("GET", f"/connectors/{VICTIM}/resume", {"Sec-Fetch-Site": "cross-site"}, None),
    "a page whose name leads here": ("DELETE", f"/connectors/{VICTIM}",
                                     {"Host": "evil.example:8083", "Origin": "http://evil.example:8083"}, None),
    "such a page's image": ("GET", f"/connectors/{VICTIM}/resume", {"Host": "evil.example:8083"}, None),
}


@pytest.mark.parametrize("what", PAGES)
def test_a_web_page_cannot_change_anything(house, what):
    method, path, headers, body = PAGES[what]
    house.api.call(method, path, body, headers=headers).is_error(403)
    assert house.api.get(f"/connectors/{VICTIM}/status").json["connector"]["state"] == "STOPPED"
    house.api.get(f"/connectors/{VICTIM}/status", headers={"Host": f"localhost:{house.port}"}).must(200)


@pytest.mark.parametrize("what", BAD)
def test_an_invalid_http_request_is_rejected_and_closes_the_connection(house, what):
    received = exchange(house.port, BAD[what] + DELETE)
    told = statuses(received)
    assert len(told) == 1 and told[0] in (400, 413, 415, 501, 505), received
    body = json.loads(received.partition(b"\r\n\r\n")[2])
    assert body["error_code"] == told[0] and body["message"], received
    assert VICTIM in house.api.names()


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_an_ambiguous_request_closes_the_connection_after_the_answer(house, what):
    received = exchange(house.port, AMBIGUOUS[what] + DELETE)
    assert len(statuses(received)) == 1 and b"connection: close" in received.lower(), received
    assert VICTIM in house.api.names()


def test_the_body_of_a_request_is_not_parsed_as_a_request(house):
    received = exchange(house.port, head("POST /connectors HTTP/1.1", "Content-Type: application/json", "Connection: close",
                                         f"Content-Length: {len(DELETE)}") + DELETE)
    assert statuses(received) == [400]
    received = exchange(house.port, head("GET /connectors HTTP/1.1", f"Content-Length: {len(DELETE)}", "Connection: close")
                        + DELETE)
    assert len(statuses(received)) == 1


LIMITS = [
    ("one huge header", head("GET / HTTP/1.1", "X-A: " + "b" * 70_000), 431),
    ("many headers", head("GET / HTTP/1.1", *[f"X-{n}: b" for n in range(2000)]), 431),
    ("a header that never ends", head("GET / HTTP/1.1", "X-A: " + "b" * 5_000_000), 431),
    ("a huge path", head(f"GET /{'a' * 20_000} HTTP/1.1"), 414),
    ("a huge body that is told", head(POST, *["Content-Type: application/json", f"Content-Length: {MIB + 1}"]), 413),
    ("a body of terabytes", head(POST, "Content-Type: application/json", f"Content-Length: {1 << 42}"), 413),
    ("a huge body in chunks", head(POST, "Content-Type: application/json", "Transfer-Encoding: chunked")
     + b"10000\r\n%s\r\n" % (b"x" * 65536) * 20 + b"0\r\n\r\n", 413),
]


@pytest.mark.parametrize("what, data, status", LIMITS, ids=[one[0] for one in LIMITS])
def test_an_oversized_request_is_rejected(house, what, data, status):
    received = exchange(house.port, data)
    if not received:    # a reset may overtake the answer where we are still sending
        assert len(data) > MIB, what
    else:
        assert statuses(received) == [status], received[:500]


def test_a_body_just_below_the_limit_is_accepted(house):
    body = compact({"name": "x", "config": {}})
    house.api.post("/connectors", body + b" " * (MIB - len(body)), headers=JSON).is_error(400, "Connector configuration…")


@pytest.mark.parametrize("body", [b"[" * 500_000, b'{"a":' * 150_000, b'{"name":"x","config":' + b"[" * 100_000,
                                  b"[" * 200_000 + b"]" * 200_000, b'{"name":"x","config":{"a":' + b'{"a":' * 1000 + b"1" +
                                  b"}" * 1002])
@pytest.mark.parametrize("method, path", [("POST", "/connectors"), ("PUT", f"/connectors/{VICTIM}/config"),
                                          ("PATCH", f"/connectors/{VICTIM}/offsets"),
                                          ("PUT", "/connector-plugins/HttpSink/config/validate")])
def test_deeply_nested_json_is_rejected(house, method, path, body):
    house.api.call(method, path, body, JSON).is_error(400)


def test_pipelined_requests_are_answered_in_order(house):
    paths = ["/connectors", "/nothing", f"/connectors/{VICTIM}/config", "/", "/connectors/x/status"] * 20
    data = b"".join(head(f"GET {path} HTTP/1.1") for path in paths[:-1])
    received = exchange(house.port, data + head(f"GET {paths[-1]} HTTP/1.1", "Connection: close"))
    assert statuses(received) == [200, 404, 200, 200, 404] * 20


def test_http_1_0_is_answered(house):
    received = exchange(house.port, b"GET /connectors HTTP/1.0\r\n\r\n")
    assert statuses(received) == [200] and b"chunked" not in received.lower().partition(b"\r\n\r\n")[0]
    assert VICTIM in json.loads(received.partition(b"\r\n\r\n")[2])


def test_chunked_bodies_and_expect_continue_work(house):
    name = kafka_cluster.unique("chunked")
    body = compact({"name": name, "config": definition(house.topic, house.endpoint), "initial_state": "STOPPED"})
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:])) + b"0\r\n\r\n"
    lines = ["Content-Type: application/json", "Connection: close"]
    assert statuses(exchange(house.port, head(POST, *lines, "Transfer-Encoding: chunked") + chunks)) == [201]
    house.api.delete(house.api.at(name)).is_empty(204)
    with connect(house.port) as connection:
        connection.sendall(head(POST, *lines, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert statuses(connection.recv(65536)) == [100]
        connection.sendall(body)
        assert statuses(until_closed(connection)) == [201]
    house.api.delete(house.api.at(name)).is_empty(204)


def test_a_slow_request_times_out(house):
    slow = {
        "line": (b"GET /", b"a"), "headers": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", b"b"),
        "body": (head(POST, "Content-Type: application/json", "Content-Length: 1000"), b" "),
        "chunks": (head(POST, "Content-Type: application/json", "Transfer-Encoding: chunked"), b"1\r\n \r\n"),
    }
    with concurrent.futures.ThreadPoolExecutor(len(slow)) as callers:
        cut = {what: callers.submit(trickle, house.port, *one, 0.3, 60) for what, one in slow.items()}
        house.api.get("/connectors").must(200)
    for what, one in cut.items():
        received, seconds = one.result()
        assert statuses(received) in ([], [408]) and seconds > 1, f"{what}: {received} after {seconds:.1f} s"
        print(f"{what}: cut after {seconds:.1f} s")


def test_idle_connections_do_not_block_other_callers(house):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = IDLE + 500
    if soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"only {hard} files may be open here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    with contextlib.ExitStack() as idle:
        for number in range(IDLE):
            idle.enter_context(connect(house.port if number % 2 else house.api.sidecar.port))
            if number % 50 == 0:
                begun = time.monotonic()
                house.api.get("/connectors").must(200)
                assert house.api.sidecar.probe("/metrics") == 200
                assert time.monotonic() - begun < 10
        house.api.get("/connectors?expand=status").must(200)
        assert house.api.sidecar.get("/metrics")[0] == 200
        assert memory(house.api.sidecar.process) < house.before + GROWTH
    eventually(lambda: house.api.get("/").status == 200, "it answers after them")


def test_deliveries_and_memory_were_not_affected(house):
    with concurrent.futures.ThreadPoolExecutor(8) as callers:
        for told in callers.map(lambda n: statuses(exchange(house.port, LIMITS[n % len(LIMITS)][1])), range(200)):
            assert not told or told[0] in (413, 414, 431)
    growth = memory(house.api.sidecar.process) - house.before
    print(f"\n{house.load.count} records meanwhile, memory grew by {growth / MIB:.1f} MiB")
    assert growth < GROWTH
    count = house.load.stop()
    assert_all_once(house.kafka, house.name, house.topic, count, house.endpoint)
    house.guard.close()
