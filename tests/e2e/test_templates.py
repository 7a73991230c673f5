"""Templates: records choose parts of the path, of headers and of the body, and nothing else of a request."""

import contextlib
import json
import re
import socket
import threading
import urllib.parse

from sidecar import fields
from waiting import eventually

HOSTILE = ["plain", "../../admin", "..", ".", "", "a/b", "%2e%2e", "..;x", "a?admin=true#x", "a\r\nX-Evil: yes\r\n\r\nGET /admin",
           "a HTTP/1.1\r\nHost: evil\r\n\r\n", '","admin":true,"x":"', '\\"', "\\", "\0", "{{topic}}", "${env:HOME}",
           "http://evil/", "@evil:80/", "\u2028\uff0e\uff0e"]
NAMES = {"host", "accept-encoding", "user-agent", "content-type", "content-length", "idempotency-key", "traceparent",
         "x-id"} | {f"x-b3-{part}" for part in ("traceid", "spanid", "sampled", "info")} | {
         f"x-kafka-{part}" for part in ("topic", "partition", "offset", "timestamp", "key")}


class RawReceiver:
    """Takes requests as bytes, framed by Content-Length alone, and delivers them all."""

    def __init__(self):
        self.requests = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        buffer = b""
        with connection, contextlib.suppress(OSError):
            while more := connection.recv(65536):
                buffer += more
                while b"\r\n\r\n" in buffer:
                    head, _, rest = buffer.partition(b"\r\n\r\n")
                    length = int(re.search(rb"\r\nContent-Length: (\d+)", head)[1])
                    if len(rest) < length:
                        break
                    self.requests.append((head, rest[:length]))
                    buffer = rest[length:]
                    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"retry":false}')

    def close(self):
        self._listener.close()


def test_hostile_records_end_no_header_leave_no_path_and_break_no_json(kafka, sidecar, name):
    topic, letters, receiver = kafka.topic(), kafka.topic(), RawReceiver()
    values = [json.dumps({"id": text, "n": 1.10}).encode() for text in HOSTILE]
    kafka.produce_records(topic, [{"value": value, "key": text.encode(), "partition": 0}
                                  for value, text in zip(values, HOSTILE)])
    sidecar.connector(name, topic, f"http://127.0.0.1:{receiver.port}/orders/{{{{value.id}}}}/x?key={{{{key}}}}", {
        "callback.request.headers": {"Content-Type": "application/json", "X-Id": "id {{key}}"},
        "callback.request.body": '{"id": "{{value.id}}", "all": {{value}}, "n": {{value.n}}}',
        "errors.deadletterqueue.topic.name": letters})
    sidecar.start()
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")

    refused = {text for text in HOSTILE if text in ("", ".", "..") or re.search("[\0-\x1f]", text)}
    received = []
    for head, body in receiver.requests:
        first, *lines = head.split(b"\r\n")
        assert {line.split(b":")[0].decode().lower() for line in lines} == NAMES and len(lines) == len(NAMES)
        method, target, version = first.decode("ascii").split(" ")
        assert (method, version) == ("POST", "HTTP/1.1")
        path, _, query = target.partition("?")
        empty, orders, segment, end = path.split("/")
        text = urllib.parse.unquote(segment)
        assert (empty, orders, end) == ("", "orders", "x") and text not in ("", ".", "..")
        assert query == "key=" + urllib.parse.quote(text, safe="")
        assert b"X-Id: id " + text.encode() in lines
        assert json.loads(body) == {"id": text, "all": {"id": text, "n": 1.1}, "n": 1.1}
        received.append(text)
    assert received == [text for text in HOSTILE if text not in refused]

    # The others are dead letters, at once and with the reason.
    found = kafka.read(letters)
    assert [letter.key().decode() for letter in found] == [text for text in HOSTILE if text in refused]
    for letter in found:
        context = dict(letter.headers())
        assert context["__connect.errors.exception.class.name"] == b"RecordFault"
        assert context["__connect.errors.exception.message"].startswith(b"callback.request.")
        assert context["__connect.errors.attempts"] == b"0"
    lines = [fields(line) for line in sidecar.log.find("record dropped", name)]
    assert {line["reason"] for line in lines} == {"unsendable"} and len(lines) == len(refused)
    assert all(line["topic"] == topic and line["partition"] == "0" and line["offset"].isdigit() for line in lines)
    assert sidecar.value("records_dropped_total", connector=name, reason="unsendable") == len(refused)
    assert not sidecar.log.find("orders/plain")  # no rendered URL
    receiver.close()


def test_a_record_without_its_field_stops_the_connector_and_an_edit_goes_on(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b'{"id":0}', b"{}", b'{"id":2}'])
    keys = {"exception.strategy": "STOP_TASK"}
    sidecar.connector(name, topic, f"{endpoint.url}/{{{{value.id}}}}", keys)
    sidecar.start()
    eventually(lambda: sidecar.log.find("record stops the connector", name), "it stops")
    line, = sidecar.log.find("record stops the connector", name)
    assert fields(line)["reason"] == "unsendable" and fields(line)["offset"] == "1"
    assert "{{value.id}}: there is no such field" in line
    sidecar.connector(name, topic, f"{endpoint.url}/{{{{value.id:-none}}}}", keys)
    eventually(lambda: kafka.all_committed(name, topic), "everything is committed")
    assert [request.target.rsplit("/", 1)[1] for request in endpoint.requests] == ["0", "none", "2"]


def test_tombstones_are_deleted_by_their_key(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b'{"id":1}', None], key=b"k 1")
    sidecar.connector(name, topic, f"{endpoint.url}/{{{{key}}}}", {
        "callback.request.method": "PUT", "behavior.on.null.values": "delete", "callback.request.body": "{{value.id}}"})
    sidecar.start()
    first, second = endpoint.wait_for(2)
    assert (first.method, first.body) == ("PUT", b"1") and first.target.endswith("/k%201")
    assert (second.method, second.body) == ("DELETE", b"") and second.target == first.target


def test_no_connector_reaches_a_disallowed_address(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    sidecar.settings["endpoint.disallow.cidr.ranges"] = ["127.0.0.0/8", "::1"]
    proxy = {"http.proxy.host": "localhost", "http.proxy.port": endpoint.port}
    cases = [("127.0.0.1", {}), ("localhost", {}), ("0.0.0.0", {}), ("[::ffff:127.0.0.1]", {}), ("elsewhere.invalid", proxy)]
    for number, (host, keys) in enumerate(cases):
        sidecar.connector(f"{name}-{number}", topic, f"http://{host}:{endpoint.port}/", {"retry.backoff.sec": [600], **keys})
    sidecar.start()
    for number in range(len(cases)):
        eventually(lambda: sidecar.log.find("record will be retried", f"{name}-{number}"), "it is tried")
        line, = sidecar.log.find("record will be retried", f"{name}-{number}")
        assert fields(line)["reason"] == "connect"
        assert "endpoint.disallow.cidr.ranges disallows this address" in line
    assert not endpoint.requests
