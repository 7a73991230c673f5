"""Tests of the fixtures: each works and fails when it should. They need no program under test."""

import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import confluent_kafka.admin
import pytest

import metrics_text
import ports
import sidecar as sidecars
from endpoint import DELIVERED, RETRY, Answer
from waiting import eventually, holds

NODE = pathlib.Path(__file__).resolve().parent / "kafka" / "kafka.py"


def post(endpoint, body=b"x", topic="t", partition=0, offset=0, connection=None, **headers):
    own = connection or http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
    own.request("POST", "/records", body, {"X-Kafka-Topic": topic, "X-Kafka-Partition": str(partition),
                                           "X-Kafka-Offset": str(offset), **headers})
    response = own.getresponse()
    answer = response.status, response.read()
    if not connection:
        own.close()
    return answer


# Waiting

def test_eventually_returns_the_result_or_fails_with_a_reason():
    answers = iter([None, 0, "found"])
    assert eventually(lambda: next(answers), "never") == "found"
    with pytest.raises(AssertionError, match="not within 0.1 s: the moon"):
        eventually(lambda: False, lambda: "the moon", timeout=0.1)


def test_holds_fails_as_soon_as_the_condition_is_false():
    holds(lambda: True, "fine", 0.1)
    with pytest.raises(AssertionError, match="did not hold"):
        holds(lambda: False, "broken", 10)


# The endpoint

def test_the_endpoint_records_requests(endpoint):
    assert post(endpoint, b"\x00\xff", "orders", 3, 42, **{"X-Kafka-Key": "%C3%A4"}) == (200, b'{"retry":false}')
    one, = endpoint.requests
    assert (one.record, one.body, one.key) == (("orders", 3, 42), b"\x00\xff", "ä".encode())
    assert (one.method, one.target, one.attempt, one.answered) == ("POST", "/records", 1, True)


def test_the_endpoint_counts_attempts_by_record_and_answers_as_decided(endpoint):
    endpoint.decide = lambda request: RETRY if request.attempt == 1 else DELIVERED
    assert [post(endpoint, offset=number)[1] for number in (1, 1, 2)] == [RETRY.body, DELIVERED.body, RETRY.body]
    assert endpoint.positions("t") == [(0, 1), (0, 1), (0, 2)]
    assert len(endpoint.of("t", 0, 1)) == 2 and not endpoint.of("other")


def test_the_endpoint_answers_with_status_headers_and_no_content(endpoint):
    endpoint.decide = lambda request: Answer(status=503, body=b"no", headers=(("Retry-After", "7"),))
    assert post(endpoint) == (503, b"no")
    endpoint.decide = lambda request: Answer(status=204)
    assert post(endpoint) == (204, b"")


def test_the_endpoint_keeps_connections_alive_unless_configured_to_close(endpoint):
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port)
    for _ in range(3):
        post(endpoint, connection=connection)
    assert endpoint.connections == 1
    endpoint.decide = lambda request: Answer(close=True)
    post(endpoint, connection=connection)
    post(endpoint, connection=connection)
    assert [one.connection for one in endpoint.requests] == [1, 1, 1, 1, 2]


def test_the_endpoint_accepts_chunked_and_pipelined_requests(endpoint):
    chunked = (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX-Kafka-Offset: 1\r\n\r\n"
               b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n")
    plain = b"PUT /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"
    with socket.create_connection(("127.0.0.1", endpoint.port)) as client:
        for byte in (chunked + plain):
            client.send(bytes([byte]))
        eventually(lambda: len(endpoint.requests) == 2, "two requests")
    assert [(one.method, one.body) for one in endpoint.requests] == [("POST", b"abcde"), ("PUT", b"hi")]


def test_the_endpoint_can_reset_and_send_invalid_responses(endpoint):
    endpoint.decide = lambda request: Answer(reset=True)
    with pytest.raises((http.client.HTTPException, OSError)):
        post(endpoint)
    endpoint.decide = lambda request: Answer(raw=b"220 smtp ready\r\n")
    with pytest.raises(http.client.BadStatusLine):
        post(endpoint)


def test_the_endpoint_delays_trickles_and_notices_a_canceled_request(endpoint):
    endpoint.decide = lambda request: Answer(delay=0.3)
    begin = time.monotonic()
    post(endpoint)
    assert time.monotonic() - begin >= 0.3
    endpoint.decide = lambda request: Answer(body=b"slow", trickle=0.1)
    begin = time.monotonic()
    assert post(endpoint) == (200, b"slow")
    assert time.monotonic() - begin >= 0.3
    endpoint.decide = lambda request: Answer(hang=True)
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=0.2)
    with pytest.raises(socket.timeout):
        post(endpoint, connection=connection)
    assert endpoint.requests[-1].answered is None
    connection.close()
    eventually(lambda: endpoint.requests[-1].answered is False and endpoint.requests[-1].cut, "the request is canceled")


def test_the_endpoint_refuses_and_comes_back_on_the_same_port(endpoint):
    kept = http.client.HTTPConnection("127.0.0.1", endpoint.port)
    post(endpoint, connection=kept)
    for _ in range(3):
        endpoint.refuse()
        with pytest.raises(ConnectionRefusedError):
            post(endpoint)
        endpoint.come_back()
        assert post(endpoint)[0] == 200
    with pytest.raises((http.client.HTTPException, OSError)):
        post(endpoint, connection=kept)


def test_a_failing_decision_fails_the_test():
    from endpoint import Endpoint
    server = Endpoint(decide=lambda request: 1 / 0)
    assert post(server)[0] == 500
    with pytest.raises(AssertionError, match="decide"):
        server.close()


def test_the_endpoint_handles_3000_requests_per_second(endpoint):
    """One raw client pipelines, so that its own speed does not matter; half the rate is enough on a busy machine."""
    one = (b"POST /records HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-Kafka-Topic: t\r\nX-Kafka-Partition: 0\r\n"
           b"X-Kafka-Offset: 1\r\nX-B3-Sampled: Defer\r\nIdempotency-Key: \"a/b/0/1\"\r\n\r\nhello")
    count = 6000
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", endpoint.port)) as client:
        threading.Thread(target=client.sendall, args=(one * count,), daemon=True).start()
        left = count * len(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"retry":false}')
        while left:
            left -= len(client.recv(65536))
    rate = count / (time.monotonic() - begin)
    print(f"{rate:.0f} requests/s")
    assert len(endpoint.requests) == count and rate > 1500


def test_a_refused_port_refuses():
    with ports.refused_port() as port, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_an_unanswering_port_leaves_a_connect_pending():
    with ports.unanswering_port() as port, pytest.raises(socket.timeout):
        socket.create_connection(("127.0.0.1", port), timeout=1)


# The sidecar fixture

def test_keys_and_values_survive_being_written_as_toml():
    tomllib = pytest.importorskip("tomllib")
    text = sidecars.toml({"topics": 'a "b"\\', "topics.regex": "x", "retry.backoff.sec": [0.05, 5], "on": True,
                          "callback.request.headers": {"A-b c": "ü"}})
    read = tomllib.loads(text)
    assert read["topics"] == 'a "b"\\' and read["topics.regex"] == "x" and read["on"] is True
    assert read["retry"]["backoff"]["sec"] == [0.05, 5] and read["callback"]["request"]["headers"] == {"A-b c": "ü"}


def test_log_fields_are_parsed_from_logfmt():
    line = 'time=x level=warn msg="record \\"dropped\\"" topic=a offset=12 reason="no indicator" empty='
    assert sidecars.fields(line) == {"time": "x", "level": "warn", "msg": 'record "dropped"', "topic": "a",
                                     "offset": "12", "reason": "no indicator", "empty": ""}


def test_metrics_are_found_by_name_and_labels():
    metrics = metrics_text.Metrics(
        '# HELP x y\n# TYPE kafka_http_sink_a counter\nkafka_http_sink_a{c="1",d="q\\"\\n"} 2\n'
        'kafka_http_sink_a{c="2"} 3\nprocess_open_fds 7\nkafka_http_sink_b{le="+Inf"} +Inf\n')
    assert metrics.value("a") == 5 and metrics.value("a", c="2") == 3 and metrics.value("a", c="3") is None
    assert metrics.series("a", c="1") == [({"c": "1", "d": 'q"\n'}, 2.0)]
    assert metrics.value("process_open_fds") == 7 and metrics.types == {"kafka_http_sink_a": "counter"}
    for broken in ("kafka_http_sink_a{c=1} 2", "a b c d", "a 1\na 1"):
        with pytest.raises(AssertionError):
            metrics_text.Metrics(broken)


def program(path, text):
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


STUB = """import signal, sys, time, http.server, tomllib
port = int(tomllib.load(open(sys.argv[3], "rb"))["metrics"]["listen"].split(":")[1])
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"kafka_http_sink_up 1\\n")
    def log_message(self, *a): print("GET", self.path, file=sys.stderr, flush=True)
signal.signal(signal.SIGTERM, lambda *a: sys.exit(%s))
http.server.HTTPServer(("127.0.0.1", port), H).serve_forever()
"""


def test_the_sidecar_fixture_starts_scrapes_and_stops_a_process(tmp_path):
    one = sidecars.Sidecar(program(tmp_path / "good", STUB % 0), tmp_path / "work")
    one.start()
    assert one.value("up") == 1 and one.log.wait_for("GET", "/startupz")
    one.restart()
    one.end_of_test()
    assert one.process is None


def test_the_sidecar_fixture_reports_a_bad_exit_code_a_crash_and_a_sanitizer(tmp_path):
    bad = sidecars.Sidecar(program(tmp_path / "bad", STUB % 3), tmp_path / "1")
    with pytest.raises(AssertionError, match="exit code 3"):
        bad.start().end_of_test()
    crashed = sidecars.Sidecar(program(tmp_path / "crash", "import os; os.abort()"), tmp_path / "2")
    with pytest.raises(AssertionError, match="ended with -6"):
        crashed.start()
    crashing = sidecars.Sidecar(program(tmp_path / "asan", STUB % "print('x.cc:1: runtime error: y', file=sys.stderr)"),
                                tmp_path / "3")
    with pytest.raises(AssertionError, match="runtime error"):
        crashing.start().end_of_test()


# The broker

def test_records_are_read_from_kafka_as_produced(kafka):
    topic = kafka.topic(3)
    kafka.produce(topic, [b"\x00a", b"", None], partition=2, key=b"k", headers=[("h", b"1")], timestamp=1234567)
    records = kafka.read(topic)
    assert [(one.partition(), one.offset(), one.value()) for one in records] == [(2, 0, b"\x00a"), (2, 1, b""),
                                                                                 (2, 2, None)]
    assert records[0].headers() == [("h", b"1")] and records[0].key() == b"k" and records[0].timestamp()[1] == 1234567
    assert kafka.ends(topic) == {0: 0, 1: 0, 2: 3}


def test_topics_are_not_created_automatically(kafka):
    with pytest.raises(AssertionError, match="UNKNOWN_TOPIC|failures"):
        kafka.produce("nobody-made-this-topic", [b"x"])


def test_group_members_and_committed_offsets_are_visible(kafka):
    topic, connector = kafka.topic(2), "group-of-the-fixture"
    kafka.produce(topic, [b"1", b"2"], partition=1)
    assert kafka.committed(connector, topic) == {0: 0, 1: 0} and kafka.members(connector) == []
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": f"connect-{connector}",
                                         "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe([topic])
    eventually(lambda: consumer.poll(0.1), "a record")
    assert len(kafka.members(connector)) == 1 and kafka.group_state(connector) == "Stable"
    assert not kafka.all_committed(connector, topic)
    consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, 1, 2)], asynchronous=False)
    assert kafka.committed(connector, topic) == {0: 0, 1: 2} and kafka.all_committed(connector, topic)
    consumer.close()
    eventually(lambda: kafka.members(connector) == [], "the group is empty")


@pytest.mark.parametrize("password, works", [("sink-secret", True), ("wrong", False)])
def test_the_sasl_listener_accepts_only_the_right_password(kafka, password, works):
    errors = []
    admin = confluent_kafka.Consumer({
        "bootstrap.servers": kafka.sasl_bootstrap, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
        "sasl.username": "sink", "sasl.password": password, "group.id": "x", "error_cb": errors.append, "log_level": 0})
    if works:
        assert admin.list_topics(timeout=30).brokers
    else:
        eventually(lambda: admin.poll(0.1) or any("AUTHENTICATION" in one.name() for one in errors), "refused")
    admin.close()


def node(*arguments, **environment):
    return subprocess.run([sys.executable, str(NODE), *arguments], env={**os.environ, **environment}, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_broker_is_started_and_stopped_by_its_state_file(kafka, tmp_path):
    import kafka_cluster
    state = tmp_path / "state.json"
    assert node("start", "--state", str(state)).returncode == 0
    cluster = kafka_cluster.KafkaCluster.from_state(state)
    data = pathlib.Path(kafka_cluster.json.loads(state.read_text())["data_dir"])
    cluster.topic(1, "mine")
    assert data.exists() and kafka.bootstrap != cluster.bootstrap
    assert node("stop", "--state", str(state)).returncode == 0
    assert not data.exists() and not state.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(tuple(cluster.bootstrap.split(":")))
    assert node("stop", "--state", str(state)).returncode == 0


def test_a_foreground_broker_has_topics_exits_on_ctrl_c_and_leaves_nothing(kafka, tmp_path):
    port = ports.free_port()
    run = subprocess.Popen([sys.executable, str(NODE), "run", "--port", str(port)],
                           env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True)
    line = run.stdout.readline()
    assert f"127.0.0.1:{port}" in line and list(tmp_path.glob("kafka-*"))
    # The command in README.md.
    bootstrap = f"127.0.0.1:{port}"
    for topic in ("orders", "another"):
        subprocess.run(["kcat", "-P", "-b", bootstrap, "-t", topic], input=b'{"order":1}\n', check=True, timeout=60)
    topics = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {"orders": 4, "another": 4}
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 0
    run.stdout.close()
    assert not list(tmp_path.glob("kafka-*"))


def test_missing_java_is_printed_and_is_an_error_only_if_kafka_is_required():
    skipped, failed = (node("fetch", PATH="/nonexistent", KAFKA_JARS="/proc/none", REQUIRE_KAFKA=required)
                       for required in ("0", "1"))
    assert skipped.returncode == 77 and "SKIPPED" in skipped.stderr
    assert failed.returncode == 1 and "NO KAFKA BROKER" in failed.stderr
