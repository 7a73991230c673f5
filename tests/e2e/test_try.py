"""The command try: it shows byte for byte what is sent, and says what the connector would do."""

import base64
import json
import pathlib
import re
import subprocess

import pytest

from endpoint import Answer, DELIVERED, RETRY
from sidecar import clean_environment, toml
from test_templates import RawReceiver
from waiting import eventually

TIME = 1769940000123
SECRET = "s3cret/of+a=file"
ORDER = b'{"id": 7, "customer": {"name": "J\xc3\xbcrgen \\"x\\""}, "price": 1.50, "note": "a/b?c"}'
HEADERS = [("source", b"shop"), ("content-type", b"application/json"), ("Bad Name", b"x"), ("bad", b"a\r\nb"),
           ("null", None), ("source", b"again")]
TRACE = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("tracestate", b"a=1"),
         ("X-B3-TraceId", b"80f198ee56343ba8")]

# Name -> (path of the URL, other keys, what differs from the usual record). RECEIVER is replaced by the port.
DEFINITIONS = {
    "plain": ("/", {}, {}),
    "path-and-query": ("/a%2Fb/c;d?x=1&y=%20z&e=", {"callback.request.method": "put"}, {}),
    "header-table": ("/x", {"callback.request.headers": {"X-Source": "kafka  a:b", "Content-Type": "application/json"}}, {}),
    "header-json": ("/x", {"callback.request.headers": '{"X-Number": 1.50, "User-Agent": "mine"}'}, {}),
    "header-text": ("/x", {"callback.header.separator": ";", "callback.request.headers": "X-A: 1 ;X-B:b:c"}, {}),
    "forwarded-headers": ("/x", {"forward.kafka.headers": True}, {"headers": HEADERS}),
    "configured-over-forwarded": ("/x", {"forward.kafka.headers": True, "callback.request.headers": {"Source": "mine"}},
                                  {"headers": HEADERS}),
    "bytes": ("/x", {"value.converter": "ByteArrayConverter"},
              {"key": bytes(range(256)), "value": bytes(range(256)) * 4}),
    "tombstone": ("/x", {}, {"value": None}),
    "deleted-tombstone": ("/x/{{key}}", {"behavior.on.null.values": "delete", "callback.request.body": "{{value}}"},
                          {"value": None}),
    "url-templates": ("/orders/{{value.id}}/{{value.note}}?n={{value.customer.name}}&k={{key}}&p={{partition}}", {}, {}),
    "header-templates": ("/x", {"callback.request.headers": {"X-Id": "{{topic}}/{{value.id}}", "X-S": "{{header.source:-?}}"}},
                         {"headers": HEADERS}),
    "json-body": ("/x", {"callback.request.headers": {"Content-Type": "application/json"},
                         "callback.request.body": '{"name": "{{value.customer.name}}", "all": {{value}}, "at": {{offset}}}'}, {}),
    "text-body": ("/x", {"callback.request.headers": {"Content-Type": "text/csv"},
                         "callback.request.body": '{{value.id}};{{value.price}};"{{key}}"\n{{{{literal'}, {}),
    "own-group-and-name": ("/x", {"name": "bestellungen-\u00fc", "consumer.override.group.id": 'eigene "Gruppe" \u00fc'}, {}),
    "large-body": ("/x", {}, {"value": b"0123456789" * 20_000}),
    "proxy": ("/x?y", {"http.proxy.host": "127.0.0.1", "http.proxy.port": "RECEIVER", "http.proxy.user": "sink",
                       "http.proxy.password": "literal-password"}, {}),
    "virtual-host": ("/x", {"callback.request.headers": {"Host": "shop.example:81"}}, {}),
    "continued-trace": ("/x", {}, {"headers": TRACE}),
    "no-key-no-value": ("/x", {"callback.request.method": "PATCH"}, {"key": None, "value": b""}),
    "long-key": ("/x", {}, {"key": b"k" * 2000}),
    "secrets": ("/x?t=${file:SECRETS/token}", {
        "callback.request.headers": {"X-Signed": "v1 ${file:SECRETS/token} end", "Authorization": "Bearer a-literal-t0ken"},
        "callback.request.body": 'token=${file:SECRETS/token}&id={{value.id}}'}, {}),
}


def run(binary, *arguments, environment=None):
    return subprocess.run([str(binary), "try", *map(str, arguments)], env=clean_environment(**(environment or {})), timeout=120,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)


def usual(changed):
    return {"key": b"k/1 \xc3\xbc", "value": ORDER, "headers": None, "timestamp": TIME, **changed}


def as_json(record, topic, partition=0, offset=0):
    """Returns a record as a JSON file: texts where they are UTF-8, base64 elsewhere."""
    def member(name, value):
        try:
            return {name: None if value is None else value.decode()}
        except UnicodeDecodeError:
            return {f"{name}_base64": base64.b64encode(value).decode()}

    headers = [{"name": name, **member("value", value)} for name, value in record["headers"] or []]
    return json.dumps({"topic": topic, "partition": partition, "offset": offset, "timestamp": record["timestamp"],
                       "headers": headers, **member("key", record["key"]), **member("value", record["value"])})


def hidden(sent):
    """Returns a request as it may be shown: without its secrets."""
    sent = sent.replace(SECRET.encode(), b"***")
    return re.sub(rb"(?m)^((?:Proxy-)?Authorization): [^\r\n]*", rb"\1: ***", sent)


def write_definitions(sidecar, receiver, topics):
    """Writes all of DEFINITIONS, in which each has the topic of its name."""
    (sidecar.secrets / "token").write_text(SECRET + "\n")

    def adapted(value):
        if isinstance(value, dict):
            return {key: adapted(one) for key, one in value.items()}
        return receiver.port if value == "RECEIVER" else str(value).replace("SECRETS", str(sidecar.secrets))

    for name, (path, keys, _) in DEFINITIONS.items():
        url = adapted(f"http://127.0.0.1:{receiver.port}{path}")
        sidecar.connector(name, topics[name], url, {key: value if isinstance(value, bool) else adapted(value)
                                                    for key, value in keys.items()})
    config = sidecar.directory / "sidecar.toml"
    config.write_text(toml(sidecar.settings))
    return config


def test_what_is_shown_is_byte_for_byte_what_the_connector_sends(kafka, sidecar, tmp_path):
    receiver = RawReceiver()
    topics = {name: kafka.topic() for name in DEFINITIONS}
    config = write_definitions(sidecar, receiver, topics)
    shown = {}
    for name, (_, _, changed) in DEFINITIONS.items():
        record, topic, file = usual(changed), topics[name], tmp_path / f"{name}.json"
        kafka.produce(topic, [record["value"]], key=record["key"], headers=record["headers"], timestamp=TIME)
        file.write_text(as_json(record, topic))
        definition = sidecar.connectors / f"{name}.toml"
        tried = run(sidecar.binary, definition, "--config", config, "--topic", topic, "--partition", 0, "--offset", 0)
        assert tried.returncode == 0, f"{name}: {tried}"
        of_file = run(sidecar.binary, definition, "--config", config, "--record", file)
        assert (of_file.returncode, of_file.stdout) == (0, tried.stdout), f"{name}: {of_file}"
        shown[topic] = tried.stdout
    assert not receiver.requests
    assert not any(kafka.members(name) for name in topics) and kafka.committed("plain", topics["plain"]) == {0: 0}

    sidecar.start()
    eventually(lambda: len(receiver.requests) >= len(DEFINITIONS),
               lambda: f"{len(receiver.requests)} requests; log:\n{sidecar.log.tail()}")
    sent = {re.search(rb"\r\nX-Kafka-Topic: (.*)\r\n", head)[1].decode(): head + b"\r\n\r\n" + body
            for head, body in receiver.requests}
    assert len(sent) == len(receiver.requests) == len(DEFINITIONS)
    for name, topic in topics.items():
        assert hidden(sent[topic]) == shown[topic], name
    assert SECRET.encode() in sent[topics["secrets"]] and SECRET.encode() not in shown[topics["secrets"]]
    assert b"a-literal-t0ken" not in shown[topics["secrets"]]
    receiver.close()


def test_output_that_cannot_be_written_exits_with_1_and_sends_nothing(sidecar_without_broker, tmp_path):
    sidecar, receiver = sidecar_without_broker, RawReceiver()
    sidecar.connector("orders", "orders", f"http://127.0.0.1:{receiver.port}/")
    (tmp_path / "record.json").write_text("{}")
    arguments = [str(sidecar.binary), "try", str(sidecar.connectors / "orders.toml"), "--record", tmp_path / "record.json"]
    for more in ([], ["--send"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(arguments + more, env=clean_environment(), timeout=120, stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        assert (done.returncode, done.stderr) == (
            1, b"standard output: error: cannot be written: No space left on device\n")
    assert not receiver.requests
    receiver.close()


def test_what_is_shown_is_byte_for_byte_what_the_command_sends(sidecar_without_broker, tmp_path):
    sidecar, receiver = sidecar_without_broker, RawReceiver()
    config = write_definitions(sidecar, receiver, {name: "orders" for name in DEFINITIONS})
    for number, (name, (_, _, changed)) in enumerate(DEFINITIONS.items(), 1):
        file = tmp_path / f"{name}.json"
        file.write_text(as_json(usual(changed), "orders", 3, number))
        arguments = (sidecar.connectors / f"{name}.toml", "--config", config, "--record", file)
        shown, tried = run(sidecar.binary, *arguments), run(sidecar.binary, *arguments, "--send")
        assert (shown.returncode, tried.returncode) == (0, 0), f"{name}: {shown} {tried}"
        assert len(receiver.requests) == number
        head, body = receiver.requests[-1]
        assert hidden(head + b"\r\n\r\n" + body) == shown.stdout, name
        rest = tried.stdout.removeprefix(shown.stdout).decode()
        assert re.fullmatch(r'\n\nresponse: HTTP 200 after \d+ ms\n\{"retry":false\}\nverdict: delivered\n', rest), name
    receiver.close()


def make(directory, endpoint, keys=None, **dotted):
    """Writes a definition and a record; returns the arguments that name them."""
    definition = {"topics": "orders", "callback.request.url": endpoint if isinstance(endpoint, str) else endpoint.url,
                  **(keys or {}), **{key.replace("__", "."): value for key, value in dotted.items()}}
    (directory / "orders.toml").write_text(toml(definition))
    (directory / "record.json").write_text(as_json(usual({}), "orders"))
    return directory / "orders.toml", "--record", directory / "record.json"


@pytest.mark.parametrize("answer, code, response, verdict", [
    (DELIVERED, 0, "HTTP 200", "delivered"),
    (RETRY, 3, "HTTP 200", "retry in 5 s: response error (HTTP 200, retry=true)"),
    (Answer(body=b"OK"), 3, "HTTP 200", "retry in 5 s: response error (HTTP 200, no retry indicator); each record is retried "
                                       "for about 995 s, then dropped"),
    (Answer(status=429, body=b"slow", headers=(("Retry-After", "30"),)), 3, "HTTP 429",
     "retry in 30 s: response error (HTTP 429, no retry indicator)"),
    (Answer(status=503, body=b""), 3, "HTTP 503", "retry in 5 s: request error (HTTP 503, no retry indicator)"),
    (Answer(status=422, body=b"bad"), 3, "HTTP 422", "drop: HTTP 422, no retry indicator"),
    (Answer(status=410, body=b"gone"), 3, "HTTP 410", "stop: response error (HTTP 410, no retry indicator) on attempt 1, and "
                                                     "its status is in stop.on.status.codes"),
    (Answer(reset=True), 3, "none", "retry in 5 s: request error ("),
], ids=lambda one: one if isinstance(one, str) else None)
def test_the_verdict_is_what_the_connector_would_do(binary, endpoint, tmp_path, answer, code, response, verdict):
    endpoint.decide = lambda one: answer
    tried = run(binary, *make(tmp_path, endpoint, {"drop.on.status.codes": "422", "stop.on.status.codes": "410"}), "--send")
    *_, said = tried.stdout.decode().splitlines()
    assert tried.returncode == code and said.startswith(f"verdict: {verdict}"), tried
    shown, = re.findall(r"(?m)^response: (.*?) after \d+ ms", tried.stdout.decode())
    assert shown == response and len(endpoint.requests) == 1
    if answer.headers:
        assert ", Retry-After: 30\n" in tried.stdout.decode()
    if answer.body and not answer.reset:
        assert tried.stdout.endswith(b"\n" + answer.body + b"\n" + said.encode() + b"\n")


def test_a_random_delay_and_a_dead_letter_topic_are_named(binary, endpoint, tmp_path):
    endpoint.decide = lambda one: Answer(status=500, body=b"")
    tried = run(binary, *make(tmp_path, endpoint, {"retry.backoff.policy": "EXPONENTIAL_WITH_JITTER"}), "--send")
    assert b"\nverdict: retry in 1.5 to 3 s: response error (HTTP 500, no retry indicator)\n" in tried.stdout
    tried = run(binary, *make(tmp_path, endpoint, {"exception.strategy": "DROP_MESSAGE",
                                                   "errors.deadletterqueue.topic.name": "dead"}), "--send")
    assert b"\nverdict: drop, after it was written to the dead letter topic dead: HTTP 500, no retry indicator\n" in tried.stdout


def test_a_response_that_quotes_a_secret_is_shown_without_it(binary, endpoint, tmp_path):
    endpoint.decide = lambda one: Answer(status=400, body=b"bad token " + one.headers["x-token"].encode())
    tried = run(binary, *make(tmp_path, endpoint, {"callback.request.headers": {"X-Token": "${env:A_TOKEN}"}}), "--send",
                environment={"A_TOKEN": SECRET})
    assert endpoint.requests[0].headers["x-token"] == SECRET
    assert b"\nbad token ***\n" in tried.stdout and SECRET.encode() not in tried.stdout + tried.stderr


@pytest.mark.parametrize("keys, record, verdict", [
    ({"callback.request.body": "{{value.nothing}}"}, {}, "drop: callback.request.body: {{value.nothing}}: there is no such field"),
    ({"callback.request.body": "{{value.nothing}}", "exception.strategy": "STOP_TASK"}, {},
     "stop: callback.request.body: {{value.nothing}}: there is no such field"),
    ({"behavior.on.null.values": "ignore"}, {"value": None}, "drop: it has no value, and behavior.on.null.values is ignore"),
    ({"behavior.on.null.values": "fail"}, {"value": None},
     "stop: the record has a null value and behavior.on.null.values is fail")])
def test_a_record_that_is_not_sent_has_a_verdict_alone(binary, endpoint, tmp_path, keys, record, verdict):
    arguments = make(tmp_path, endpoint, keys)
    (tmp_path / "record.json").write_text(as_json(usual(record), "orders"))
    for more in ((), ("--send",)):
        tried = run(binary, *arguments, *more)
        assert (tried.returncode, tried.stdout.decode()) == (3, f"verdict: {verdict}\n"), tried
    assert not endpoint.requests


def test_without_a_record_a_made_up_one_is_shown_and_never_sent(binary, endpoint, tmp_path):
    definition, *_ = make(tmp_path, endpoint)
    tried = run(binary, definition)
    assert tried.returncode == 0 and b"\r\nX-Kafka-Topic: orders\r\n" in tried.stdout and tried.stdout.endswith(b"\r\n\r\n{}")
    assert b"made-up record" in tried.stderr
    tried = run(binary, definition, "--send")
    assert (tried.returncode, tried.stdout) == (2, b"") and b"--record" in tried.stderr
    assert not endpoint.requests


def test_the_example_of_the_page_is_as_it_says(binary, tmp_path):
    page = (pathlib.Path(__file__).parents[2] / "etc/trying.md").read_text()
    definition, record, request = (re.search(rf"^```{kind}\n(.*?)\n```$", page, re.S | re.M)[1]
                                   for kind in ("toml", "json", "http"))
    (tmp_path / "orders.toml").write_text(definition)
    (tmp_path / "record.json").write_text(record)
    tried = run(binary, tmp_path / "orders.toml", "--record", tmp_path / "record.json")
    assert tried.returncode == 0 and tried.stdout.decode().replace("\r\n", "\n") == request


def test_a_definition_in_the_form_of_rest_and_defaults_are_taken(binary, endpoint, tmp_path):
    _, *record = make(tmp_path, endpoint)
    (tmp_path / "o.json").write_text(json.dumps({"name": "rest", "config": {"topics": "orders",
                                                                            "callback.request.url": endpoint.url}}))
    (tmp_path / "sidecar.toml").write_text('defaults.callback.request.method = "PUT"\n')
    tried = run(binary, tmp_path / "o.json", "--config", tmp_path / "sidecar.toml", *record)
    assert tried.returncode == 0 and tried.stdout.startswith(b"PUT /records HTTP/1.1\r\n")
    assert b'\r\nIdempotency-Key: "connect-rest/orders/0/0"\r\n' in tried.stdout


@pytest.mark.parametrize("change, words", [
    (lambda directory: (directory / "orders.toml").unlink(), "orders.toml: error: cannot be read"),
    (lambda directory: (directory / "orders.toml").write_text('topics = "a"\nurl = 1\n'), "orders.toml:2:1: error: url: Unknown key"),
    (lambda directory: (directory / "record.json").unlink(), "record.json: error: cannot be read: No such file"),
    (lambda directory: (directory / "record.json").write_text('{\n "vlaue": 1}'), "record.json:2:2: error: vlaue: Unknown"),
    (lambda directory: (directory / "orders.toml").write_text(
        'topics = "a"\ncallback.request.url = "http://h/${env:NOT_SET}"\n'), "${env:NOT_SET} cannot be read")])
def test_what_cannot_be_used_exits_with_1_and_a_place(binary, tmp_path, change, words):
    arguments = make(tmp_path, "http://h/")
    change(tmp_path)
    tried = run(binary, *arguments)
    assert (tried.returncode, tried.stdout) == (1, b"") and words in tried.stderr.decode(), tried


@pytest.mark.parametrize("arguments", [[], ["--send"], ["--topic", "t"], ["--topic", "t", "--partition", "0"], ["--offset", "0"],
                                       ["--topic", "t", "--partition", "0", "--offset", "-1"],
                                       ["--topic", "t", "--partition", "0", "--offset", "0", "--record", "r.json"]], ids=" ".join)
def test_wrong_usage_exits_with_2(binary, tmp_path, arguments):
    definition = [] if not arguments else make(tmp_path, "http://h/")[:1]
    tried = run(binary, *definition, *arguments)
    assert tried.returncode == 2 and tried.stdout == b"" and tried.stderr, tried


def test_a_record_that_kafka_does_not_have_exits_with_1_and_a_reason(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0", b"1"])
    sidecar.connector(name, topic, endpoint)
    config = sidecar.directory / "sidecar.toml"
    config.write_text(toml(sidecar.settings))

    def fails(place, *more):
        tried = run(sidecar.binary, sidecar.connectors / f"{name}.toml", *more, "--topic", place[0], "--partition", place[1],
                    "--offset", place[2])
        assert (tried.returncode, tried.stdout) == (1, b""), tried
        return tried.stderr.decode()

    told = ("--config", config)
    assert f"{topic}[0]@2: error: the partition has the offsets 0 to 1\n" in fails((topic, 0, 2), *told)
    assert f"{topic}[9]@0: error: there is no such partition\n" in fails((topic, 9, 0), *told)
    assert "there is no such topic" in fails((f"{topic}-none", 0, 0), *told)
    assert "there is no kafka.bootstrap.servers" in fails((topic, 0, 0))
    config.write_text('kafka.bootstrap.servers = "127.0.0.1:1"\n')
    assert "Connection refused" in fails((topic, 0, 0), *told)
