"""Mistakes in the configuration: each is reported clearly, none crashes, and none affects other connectors."""

import http.client
import os

import pytest

import ports
from kafka_cluster import unique
from sidecar import toml
from waiting import eventually, holds

GOOD = 'topics = "t"\ncallback.request.url = "http://127.0.0.1:1/"\n'
BAD = {
    "unparsable": ('topics = "t\n', [":1:"]),
    "binary": ("\x00\x01\x02", ["bad.toml"]),
    "empty": ("", ["callback.request.url"]),
    "unknown-key": (GOOD + "retry.backof.sec = 1\n", ["retry.backof.sec", "retry.backoff.sec"]),
    "wrong-type": (GOOD + 'tasks.max = "many"\n', ["tasks.max"]),
    "bad-url": ('topics = "t"\ncallback.request.url = "not a url"\n', ["callback.request.url"]),
    "bad-backoff": (GOOD + 'retry.backoff.sec = "5,soon"\n', ["retry.backoff.sec"]),
    "both-topics": (GOOD + '"topics.regex" = "a"\n', ["topics.regex"]),
    "bad-override": (GOOD + 'consumer.override.fetch.min.bytes = "several"\n', ["fetch.min.bytes"]),
    "bad-regex": ('"topics.regex" = "a("\ncallback.request.url = "http://127.0.0.1:1/"\n', ["topics.regex"]),
    "secret": (GOOD + 'callback.request.headers = { A = "${env:NOT_SET_ANYWHERE}" }\n', ["NOT_SET_ANYWHERE"]),
}


def assert_start_fails(sidecar, *words, **start):
    """The process exits with 1 and logs these words in one line."""
    sidecar.start(wait=False, **start)
    log = sidecar.log
    assert sidecar.wait_exit() == 1, log.tail()
    assert log.find(*words), log.tail()


@pytest.mark.parametrize("case", BAD)
def test_an_invalid_file_is_logged_and_a_valid_one_beside_it_runs(kafka, sidecar, endpoint, name, case):
    text, words = BAD[case]
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, endpoint)
    sidecar.write("bad", text)
    sidecar.start()
    endpoint.wait_for(1)
    sidecar.log.wait_for("bad.toml" if case in ("unparsable", "binary") else "bad", *words)
    sidecar.wait_for_value(1, "connector_state", connector="bad", state="failed")
    assert sidecar.value("connector_invalid", connector=name) == 0
    assert sidecar.probe("/livez") == 200


@pytest.mark.parametrize("key", ["ssl.ca.location", "ssl.key.location", "consumer.override.ssl.ca.location",
                                 "consumer.override.ssl.keystore.location"])
def test_a_fifo_in_place_of_a_file_is_logged_and_blocks_nothing(kafka, sidecar, endpoint, name, tmp_path, key):
    fifo, topic = tmp_path / "fifo", kafka.topic()
    os.mkfifo(fifo)
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    bad = {key: fifo, "consumer.override.security.protocol": "ssl"}
    if key == "ssl.key.location":
        bad["ssl.certificate.location"] = __file__
    sidecar.connector("bad", topic, "https://127.0.0.1:1/", bad)
    sidecar.log.wait_for("bad.toml", key, str(fifo), "not a regular file")
    sidecar.wait_for_value(1, "connector_state", connector="bad", state="failed")
    kafka.produce(topic, [b"x"])
    endpoint.wait_for(1)
    sidecar.stop()


def test_a_second_definition_of_a_name_is_logged_and_the_running_one_stays(kafka, sidecar, endpoint, second_endpoint,
                                                                           name):
    topic = kafka.topic()
    sidecar.connector(name, topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name)
    sidecar.connector("usurper", topic, second_endpoint, {"name": name})
    sidecar.log.wait_for(name, "usurper")
    kafka.produce(topic, [b"x"])
    endpoint.wait_for(1)
    assert second_endpoint.requests == []


def test_an_unreachable_broker_is_logged_and_retried_and_the_process_is_not_ready(sidecar_without_broker, name):
    with ports.refused_port() as port:
        sidecar_without_broker.settings["kafka.bootstrap.servers"] = f"127.0.0.1:{port}"
        sidecar_without_broker.connector(name, "topic", "http://127.0.0.1:1/")
        sidecar_without_broker.start(wait=False)
        sidecar_without_broker.wait_for_probe("/livez")
        sidecar_without_broker.wait_for_probe("/readyz", 503)
        sidecar_without_broker.log.wait_for(f"127.0.0.1:{port}")
        holds(lambda: sidecar_without_broker.probe("/readyz") == 503 and sidecar_without_broker.probe("/livez") == 200,
              "alive, not ready", seconds=3)
        sidecar_without_broker.stop()


def test_a_wrong_sasl_password_is_logged_and_affects_no_other_connector(kafka, sidecar, endpoint, name):
    topic, other_topic, other = kafka.topic(), kafka.topic(), f"{name}-other"
    kafka.produce(topic, [b"secured"])

    def secured(password):
        sidecar.connector(name, topic, endpoint, {
            "consumer.override.bootstrap.servers": kafka.sasl_bootstrap, "consumer.override.sasl.mechanism": "PLAIN",
            "consumer.override.security.protocol": "SASL_PLAINTEXT", "consumer.override.sasl.username": "sink",
            "consumer.override.sasl.password": password})

    secured("wr0ng-passw0rd")
    sidecar.connector(other, other_topic, endpoint)
    sidecar.start()
    sidecar.wait_running(other)
    sidecar.log.wait_for(name, "authentication")
    kafka.produce(other_topic, [b"open"])
    endpoint.wait_for(1, other_topic)
    assert endpoint.of(topic) == [] and not sidecar.log.find("wr0ng-passw0rd")
    eventually(lambda: sidecar.value("kafka_errors_total", connector=name), "the errors are counted")
    secured("sink-secret")
    assert endpoint.wait_for(1, topic)[0].body == b"secured"
    assert not sidecar.log.find("sink-secret")


@pytest.mark.parametrize("key, value, words", [
    ("kafka.security.protocol", "carrier-pigeon", ['invalid value', "carrier-pigeon", "security.protocol"]),
    ("kafka.no.such.property", "1", ["no such configuration property", "no.such.property"]),
    ("kafka.socket.timeout.ms", "1", ["socket.timeout.ms", "out"]),
    ("kafka.ssl.ca.location", "/nonexistent/ca.pem", ["/nonexistent/ca.pem"])])
def test_a_property_that_librdkafka_rejects_fails_the_start_with_its_message(sidecar_without_broker, key, value, words):
    sidecar_without_broker.settings.update({"kafka.bootstrap.servers": "127.0.0.1:1", key: value})
    if key == "kafka.ssl.ca.location":
        sidecar_without_broker.settings["kafka.security.protocol"] = "ssl"
    assert_start_fails(sidecar_without_broker, *words)


@pytest.mark.parametrize("key, value, words", [
    ("metrics.listn", "127.0.0.1:0", ["metrics.listn", "metrics.listen"]),
    ("defaults.retry.backof.sec", "1", ["retry.backof.sec", "retry.backoff.sec"]),
    ("log.level", "loud", ["log.level", "loud"]),
    ("shutdown.grace.ms", "soon", ["shutdown.grace.ms"]),
    ("rest.listen", "0.0.0.0:0", ["rest.auth"])])
def test_a_mistake_in_the_process_file_fails_the_start(sidecar_without_broker, key, value, words):
    sidecar_without_broker.settings.update({"kafka.bootstrap.servers": "127.0.0.1:1", key: value})
    assert_start_fails(sidecar_without_broker, *words)


def test_missing_bootstrap_servers_fail_the_start(sidecar_without_broker):
    assert_start_fails(sidecar_without_broker, "kafka.bootstrap.servers")


def test_a_port_in_use_fails_the_start(sidecar_without_broker, endpoint):
    sidecar_without_broker.settings["kafka.bootstrap.servers"] = "127.0.0.1:1"
    sidecar_without_broker.settings["metrics.listen"] = f"127.0.0.1:{endpoint.port}"
    assert_start_fails(sidecar_without_broker, str(endpoint.port))


def test_a_missing_connectors_directory_is_named_in_the_log(sidecar_without_broker):
    sidecar_without_broker.settings.update({"kafka.bootstrap.servers": "127.0.0.1:1", "connectors.dir": "/nonexistent/dir"})
    sidecar_without_broker.start(wait=False)
    sidecar_without_broker.log.wait_for("/nonexistent/dir")
    if sidecar_without_broker.process.poll() is not None:
        assert sidecar_without_broker.wait_exit() == 1


def test_the_environment_overrides_the_file(kafka, sidecar, endpoint, name):
    topic, moved = kafka.topic(), ports.free_port()
    kafka.produce(topic, [b"x"])
    sidecar.settings["kafka.bootstrap.servers"] = "127.0.0.1:1"
    sidecar.connector(name, topic, endpoint)
    sidecar.start(wait=False, environment={
        "KAFKA_HTTP_SINK_METRICS_LISTEN": f"127.0.0.1:{moved}",
        "KAFKA_HTTP_SINK_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "KAFKA_HTTP_SINK_DEFAULTS_CALLBACK_REQUEST_METHOD": "PUT", "KAFKA_HTTP_SINK_LOG_FORMAT": "json"})
    assert endpoint.wait_for(1)[0].method == "PUT"
    assert sidecar.probe("/livez") is None
    sidecar.port = moved
    sidecar.wait_for_probe("/livez")
    assert sidecar.log.lines[-1].startswith("{")


def test_dotted_keys_tables_and_quoted_keys_are_equivalent(kafka, sidecar, endpoint, name):
    topics = [kafka.topic() for _ in range(3)]
    for topic in topics:
        kafka.produce(topic, [b"x"])
    sidecar.write(f"{name}-dots", toml({"topics": topics[0], "callback.request.url": endpoint.url}))
    sidecar.write(f"{name}-tables", f'topics = "{topics[1]}"\n[callback.request]\nurl = "{endpoint.url}"\n')
    sidecar.write(f"{name}-quotes", f'"topics" = "{topics[2]}"\n"callback.request.url" = "{endpoint.url}"\n')
    sidecar.start()
    assert {one.topic for one in endpoint.wait_for(3)} == set(topics)


def test_a_host_that_does_not_exist_is_a_request_error(kafka, sidecar, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"x"])
    sidecar.connector(name, topic, f"http://{unique('no')}.invalid/", {"retry.backoff.sec": [0.05]})
    sidecar.start()
    sidecar.wait_for_value(1, "tasks_stopped", connector=name)
    assert sidecar.value("retries_total", connector=name, reason="dns") == 1
    assert kafka.committed(name, topic) == {0: 0}


def test_the_probe_listener_survives_invalid_requests(kafka, sidecar):
    sidecar.start()
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=10)
    connection.request("POST", "/metrics", b"x" * 100)
    assert connection.getresponse().status >= 400
    connection.close()
    assert sidecar.probe("/nowhere") == 404 and sidecar.probe("/livez") == 200
