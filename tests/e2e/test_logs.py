"""The log: every line parses and names its subject, and frequent events are rate-limited."""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest

import ports
from endpoint import RETRY, Answer
from rest import Rest
from sidecar import Sidecar, clean_environment, fields, toml
from waiting import eventually

LEVELS = {"trace", "debug", "info", "warn", "error", "fatal"}
LOGGERS = {"app", "auth", "kafka", "reconcile", "rest", "task"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LOGFMT = re.compile(r'[a-z_]+=(?:"(?:[^"\\]|\\["\\nrt]|\\u[0-9a-f]{4})*"|[^\s"=\\]+)')
# Characters that would break or reorder a displayed line: control characters, bidirectional ones and separators.
UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
BURST, EVERY = 10, 10.0     # lines of one event in a burst, and seconds until another one is allowed


def without_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def no_constants(word):
    raise ValueError(f"{word} is not JSON")


def parse(line, form):
    """Parses a line strictly, like a log collector; every value is text."""
    assert not UNPRINTABLE.search(line), line
    if form == "json":
        found = json.loads(line, object_pairs_hook=without_duplicates, parse_constant=no_constants)
        return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}
    assert re.fullmatch(f"{LOGFMT.pattern}(?: {LOGFMT.pattern})*", line), line
    pairs = [one.group().split("=", 1) for one in LOGFMT.finditer(line)]
    return without_duplicates([(key, json.loads(value) if value[0] == '"' else value) for key, value in pairs])


def parsed(sidecar):
    """Parses all lines. The fixture shows bytes that are not UTF-8 as `\\xff`, which neither format accepts."""
    form = sidecar.settings.get("log.format", "logfmt")
    lines = [parse(line, form) for line in list(sidecar.log.lines)]
    for line in lines:
        assert TIME.fullmatch(line["time"]) and line["level"] in LEVELS and line["logger"] in LOGGERS, line
        assert line["msg"] and not re.search(r"\d", line["msg"]), line
    return lines


def of(lines, message, **wanted):
    return [one for one in lines if one["msg"] == message and wanted.items() <= one.items()]


def write_definition(sidecar, file_name, text):
    """Writes a definition whose file name is bytes, not necessarily UTF-8."""
    path = os.path.join(os.fsencode(sidecar.connectors), file_name)
    with open(path, "wb") as file:
        file.write(text)


def provoke_errors(kafka, sidecar, endpoint, second_endpoint, name):
    """Causes many kinds of errors; returns its topic and that of the connector with request errors."""
    topic, refused = kafka.topic(2), kafka.topic()
    kafka.produce(topic, [b"payload"] * 3, key=b"\x1b[31m\xff", headers=[("X-B3-TraceId", b"\xff\x1b[31m\xc2\x9b")])
    kafka.produce(refused, [b"payload"])
    endpoint.decide = lambda one: Answer(status=422, body=b"\xff\x1b[31m\n{") if one.offset == 1 else Answer()
    sidecar.connector(f"{name}-lost", topic, endpoint,
                      {"consumer.override.bootstrap.servers": f"127.0.0.1:{ports.free_port()}"})
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.05]}, tasks__max=2)
    second_endpoint.refuse()
    sidecar.connector(f"{name}-refused", refused, second_endpoint, {"request.retry.backoff.sec": [0.05]})
    strange = b"bad-\xff\x1b[31m\n\xc2\x9b\xe2\x80\xa8\xe2\x80\xae\xe2\x82\xac.toml"
    write_definition(sidecar, strange, b'topics = "t"\ncallback.request.url = "http://x/"\nnope = "\xe2\x80\xa8"\n')
    write_definition(sidecar, b"torn.toml", b'topics = "\xff\xc2\n')
    sidecar.write("unsafe", toml({"topics": topic, "callback.request.url": "http://x/\u202e", "name": "a\u2028b"}))
    sidecar.start()
    return topic, refused


@pytest.mark.parametrize("form", ["json", "logfmt"])
def test_every_line_of_a_run_with_many_errors_parses_and_names_its_subject(kafka, sidecar, endpoint, second_endpoint,
                                                                           binary, tmp_path, name, form):
    sidecar.settings.update({"log.format": form, "log.level": "trace"})
    topic, refused = provoke_errors(kafka, sidecar, endpoint, second_endpoint, name)
    sidecar.wait_for_value(1, "records_dropped_total", connector=name)
    sidecar.wait_for_value(1, "tasks_stopped", connector=f"{name}-refused")
    eventually(lambda: {one["task"] for one in of(parsed(sidecar), "partitions assigned", connector=name)} == {"0", "1"},
               "both tasks have partitions")
    other = Sidecar(binary, tmp_path / "other", kafka.bootstrap)    # another member of the group
    other.connector(name, topic, endpoint)
    other.start()
    eventually(lambda: sidecar.log.find("partitions revoked", name), "a rebalance")
    other.stop()
    sidecar.log.wait_for("facility", "FAIL", f"{name}-lost")
    sidecar.stop()
    lines = parsed(sidecar)

    where = {"connector": name, "topic": topic, "partition": "0", "offset": "1"}
    retry, = of(lines, "record will be retried", **where)
    assert (retry["attempt"], retry["status"], retry["reason"], retry["retry_in_ms"]) == ("1", "422", "status", "50")
    assert retry["task"] in "01" and "422" in retry["error"] and retry["level"] == "info"
    drop, = of(lines, "record dropped", **where)
    assert (drop["attempt"], drop["attempts"], drop["status"], drop["reason"]) == ("2", "2", "422", "retries_exhausted")
    assert drop["level"] == "warn" and drop["task"] == retry["task"] and "422" in drop["error"]
    stop, = of(lines, "record stops the connector", connector=f"{name}-refused", topic=refused, offset="0")
    assert stop["reason"] == "connect" and "status" not in stop and stop["error"] and stop["attempt"] == "2"
    ended, = of(lines, "connector stopped", connector=f"{name}-refused")
    assert refused in ended["error"] and ended["task"] == "0"
    assert {one["task"] for one in of(lines, "partitions assigned", connector=name)} == {"0", "1"}
    assert all(topic in one["partitions"] and one["task"] for one in of(lines, "partitions revoked", connector=name))
    left = of(lines, "left the consumer group", connector=name)
    assert left and all(topic in one["partitions"] and one["task"] in "01" for one in left)
    unreached = [one for one in of(lines, "librdkafka", connector=f"{name}-lost", facility="FAIL")
                 if one["level"] == "error"]
    assert unreached and all(one["task"] == "0" and "127.0.0.1" in one["text"] for one in unreached)
    rejected = of(lines, "definition rejected")
    assert {pathlib.Path(one["at"]).name.split(".toml")[0].split("-")[0] for one in rejected} >= {"bad", "torn"}
    assert all(one["connector"] and one["error"] for one in rejected)
    assert not sidecar.log.find("payload")


def test_frequent_retries_are_rate_limited_and_summarized_and_every_drop_is_logged(kafka, sidecar, endpoint, name):
    """The few retries of another connector are all logged."""
    records, retries = 30, 40
    stormy, calm = kafka.topic(), kafka.topic()
    kafka.produce(stormy, [b"x"] * records)
    kafka.produce(calm, [b"x"] * 2)
    endpoint.decide = lambda one: RETRY
    sidecar.connector(f"{name}-storm", stormy, endpoint,
                      {"retry.backoff.sec": [0.01] * retries, "delivery.ordering": "none"})
    sidecar.connector(f"{name}-calm", calm, endpoint, {"retry.backoff.sec": [0.01] * 3})
    began = time.monotonic()
    sidecar.start()
    sidecar.wait_for_value(records, "records_dropped_total", connector=f"{name}-storm")
    sidecar.wait_for_value(2, "records_dropped_total", connector=f"{name}-calm")
    assert sidecar.value("retries_total", connector=f"{name}-storm") == records * retries
    sidecar.stop()
    lines = parsed(sidecar)
    most = BURST + 1 + (time.monotonic() - began) / EVERY
    logged = of(lines, "record will be retried", connector=f"{name}-storm")
    rest = of(lines, "repeated lines suppressed", connector=f"{name}-storm", event="record will be retried")
    assert BURST <= len(logged) and len(logged) + len(rest) <= most
    assert len(logged) + sum(int(one.get("suppressed", 0)) for one in logged + rest) == records * retries
    assert all(one["level"] == "info" and one["logger"] == "task" for one in logged + rest)
    drops = of(lines, "record dropped", connector=f"{name}-storm")
    assert sorted(int(one["offset"]) for one in drops) == list(range(records))
    assert len(of(lines, "record will be retried", connector=f"{name}-calm")) == 6
    assert len(of(lines, "record dropped", connector=f"{name}-calm")) == 2


def test_suppressed_lines_are_summarized_after_frequent_retries_end(kafka, sidecar, endpoint, name):
    """The summary needs neither another such event nor the end of the process."""
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    endpoint.decide = lambda one: RETRY
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.01] * (BURST + 5)})
    sidecar.start()
    line, = sidecar.log.wait_for("repeated lines suppressed", name)
    assert (fields(line)["event"], fields(line)["suppressed"]) == ("record will be retried", "5")


def test_a_level_set_through_rest_applies_from_the_next_line_on(kafka, sidecar, endpoint, name):
    """A logger at DEBUG logs every retry, at ERROR or OFF none."""
    rest, topic, retries = Rest(sidecar), kafka.topic(), 20
    endpoint.decide = lambda one: RETRY
    sidecar.connector(name, topic, endpoint, {"retry.backoff.sec": [0.01] * retries})
    sidecar.start()
    assert set(rest.get("/admin/loggers").must(200).json) == LOGGERS | {"root"}

    sidecar.wait_running(name)
    logged = {"DEBUG": (retries, 1), "WARN": (0, 1), "ERROR": (0, 0), "TRACE": (retries, 1)}
    for offset, level in enumerate(logged):
        rest.put("/admin/loggers/task", {"level": level}).must(200)
        kafka.produce(topic, [b"x"])
        # The commit follows the last log line of the record, which follows its metric.
        eventually(lambda end=offset + 1: kafka.committed(name, topic) == {0: end}, lambda: rest.status(name))
        rest.put("/admin/loggers/task", {"level": "OFF"}).must(200)
    sidecar.stop()
    lines = parsed(sidecar)
    for offset, (level, wanted) in enumerate(logged.items()):
        of_record = {"connector": name, "topic": topic, "offset": str(offset)}
        assert (len(of(lines, "record will be retried", **of_record)),
                len(of(lines, "record dropped", **of_record))) == wanted, level


def test_librdkafka_group_lines_are_logged_when_the_kafka_logger_is_at_trace(kafka, sidecar, endpoint, name):
    """No restart is needed; other debug lines of librdkafka need the property `debug`."""
    rest, topic = Rest(sidecar), kafka.topic()
    sidecar.connector(name, topic, endpoint, {"consumer.override.heartbeat.interval.ms": 200})
    sidecar.start()
    sidecar.wait_running(name)
    rest.put("/admin/loggers/kafka", {"level": "DEBUG"}).must(200)
    assert not sidecar.log.find("logger=kafka", "level=debug")
    rest.put("/admin/loggers/kafka", {"level": "TRACE"}).must(200)
    line = fields(sidecar.log.wait_for("logger=kafka", "level=trace", "facility=", f"connector={name}")[0])
    assert line["msg"] == "librdkafka" and line["task"] == "0" and line["text"]
    rest.put("/admin/loggers/kafka", {"level": "INFO"}).must(200)


def test_the_debug_property_enables_librdkafka_debug_lines(kafka, sidecar, endpoint, name):
    """Only for that connector, and only while the logger is at debug."""
    rest, topic = Rest(sidecar), kafka.topic()
    sidecar.connector(f"{name}-loud", topic, endpoint, {"consumer.override.debug": "broker,protocol"})
    sidecar.connector(f"{name}-quiet", topic, endpoint)
    sidecar.start()
    sidecar.wait_running(f"{name}-loud", f"{name}-quiet")
    assert not sidecar.log.find("level=debug")
    rest.put("/admin/loggers/kafka", {"level": "DEBUG"}).must(200)
    sidecar.log.wait_for("logger=kafka", "level=debug", f"connector={name}-loud")
    assert not sidecar.log.find("level=debug", f"connector={name}-quiet")
    rest.put("/admin/loggers/kafka", {"level": "INFO"}).must(200)


def test_an_unreachable_broker_is_logged_for_each_connector_with_a_rate_limit(sidecar_without_broker, endpoint, name):
    sidecar = sidecar_without_broker
    sidecar.settings.update({
        "kafka.bootstrap.servers": f"127.0.0.1:{ports.free_port()}", "kafka.reconnect.backoff.max.ms": 100,
        "log.format": "json"})
    for number in range(2):
        sidecar.connector(f"{name}-{number}", "t", endpoint)
    began = time.monotonic()
    sidecar.start()
    for number in range(2):
        sidecar.log.wait_for("FAIL", f"{name}-{number}", "librdkafka")
        sidecar.log.wait_for("no broker reachable", f"{name}-{number}")
    sidecar.stop()
    lines, most = parsed(sidecar), BURST + 1 + (time.monotonic() - began) / EVERY
    for number in range(2):
        logged = of(lines, "librdkafka", connector=f"{name}-{number}", facility="FAIL", level="error")
        assert 1 <= len(logged) <= most and all("refused" in one["text"].lower() for one in logged)
        assert len(of(lines, "no broker reachable, will retry", connector=f"{name}-{number}")) == 1


@pytest.mark.parametrize("text, environment", [
    ('kafka.bootstrap.servers = "127.0.0.1:1"\nlog.format = "json"\nnope = "\\u2028"\n', {}),
    ('kafka.bootstrap.servers = "x\n', {"KAFKA_HTTP_SINK_LOG_FORMAT": "json"}),
    ('log.format = "json"\n[kafka]\nbootstrap.servers = "127.0.0.1:1"\nsecurity.protocol = "no\\u001b[31m"\n', {}),
], ids=["unknown-key", "syntax", "librdkafka"])
def test_a_rejected_configuration_is_logged_in_the_configured_format(binary, tmp_path, text, environment):
    (tmp_path / "sidecar.toml").write_text(text)
    result = subprocess.run([binary, "run", "--config", tmp_path / "sidecar.toml"], timeout=60, check=False,
                            stdin=subprocess.DEVNULL, capture_output=True, env=clean_environment(**environment))
    lines = [parse(line, "json") for line in result.stderr.decode().splitlines()]
    assert result.returncode == 1 and result.stdout == b""
    assert {(one["level"], one["logger"], one["msg"]) for one in lines if one["level"] != "info"} == {
        ("fatal", "app", "configuration rejected")}
