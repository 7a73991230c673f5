"""Tests of the running image: it works with a read-only root and without privileges."""

import errno
import os
import re
import ssl
import subprocess

import pytest

import ports
from container import CONFIGURATION, STATE, UID
from endpoint import Endpoint
from rest import Rest
from waiting import eventually

TOPIC = "orders"
NAME = "orders-over-http"
# New topics of the embedded broker are noticed soon. A member joins anew if a refresh is under way when its group has
# gathered, which takes 3,000 ms with this broker. So 3,000 is no multiple.
FAST_SETTINGS = {"consumer.override.topic.metadata.refresh.interval.ms": 700}


def embedded(container):
    """Returns the address of the broker in the started container."""
    line = eventually(lambda: [one for one in container.out.lines if one.startswith("embedded broker: ")],
                      lambda: f"the broker's address; log:\n{container.log.tail()}")[0]
    return line.removeprefix("embedded broker: ")


def produce(broker, body, *options):
    subprocess.run(["kcat", "-P", "-b", broker, "-t", TOPIC, *options], input=body, timeout=60, check=True)


def status_of(container):
    lines = (container.proc / "status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def is_read_only(path):
    """Whether its mount is read-only: this process is root and can write everywhere else."""
    with pytest.raises(OSError) as refused:
        path.write_text("")
    return refused.value.errno == errno.EROFS


def test_an_unprivileged_process_delivers_a_record(container, endpoint):
    (container.secrets / "token").write_text("sesame")
    container.connector(NAME, TOPIC, endpoint, {**FAST_SETTINGS, "callback.request.headers": {
        "Authorization": f"Bearer ${{file:{CONFIGURATION}/secrets/token}}"}})
    container.start("--embedded-broker")
    status = status_of(container)
    assert status["Uid"] == status["Gid"] == [str(UID)] * 4
    assert not status["Groups"] or status["Groups"] == [str(UID)]
    for one in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[one][0], 16) == 0, one
    assert status["NoNewPrivs"] == ["1"]
    root = container.proc / "root"
    for directory in ("", "tmp", "etc", "usr/bin", "var", f"{CONFIGURATION}/connectors".lstrip("/")):
        assert is_read_only(root / directory / "written"), directory
    mounted = (container.proc / "mountinfo").read_text()
    assert re.search(r"^\S+ \S+ \S+ \S+ / ro,", mounted, re.MULTILINE), mounted

    produce(embedded(container), b'{"order":1}\n')
    request = endpoint.wait_for(1)[0]
    assert (request.body, request.headers["authorization"]) == (b'{"order":1}', "Bearer sesame")
    container.wait_for_value(1, "records_delivered_total", connector=NAME)
    container.stop()
    assert len(endpoint.requests) == 1


def test_compressed_records_are_read(container, endpoint):
    container.connector(NAME, TOPIC, endpoint, FAST_SETTINGS)
    container.start("--embedded-broker")
    bodies = {codec: f"{codec} ".encode() * 1000 for codec in ("gzip", "snappy", "lz4", "zstd")}
    for codec, body in bodies.items():
        produce(embedded(container), body + b"\n", "-z", codec)
    endpoint.wait_for(len(bodies))
    assert sorted(endpoint.bodies()) == sorted(bodies.values())
    container.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_the_program_can_authenticate_to_kafka(container, mechanism):
    with ports.refused_port() as port:
        container.settings.update({
            "kafka.bootstrap.servers": f"127.0.0.1:{port}", "kafka.security.protocol": "sasl_ssl",
            "kafka.sasl.mechanisms": mechanism, "kafka.sasl.username": "sink", "kafka.sasl.password": "secret"})
        container.start()
        container.stop()


def test_an_unsupported_mechanism_fails_the_start(container):
    container.settings.update({"kafka.bootstrap.servers": "127.0.0.1:1", "kafka.security.protocol": "sasl_ssl",
                               "kafka.sasl.mechanisms": "NONESUCH"})
    container.start(wait=False)
    assert container.wait_exit() == 1
    assert container.log.find("configuration rejected", "NONESUCH")


def test_the_system_authorities_are_trusted(container, tmp_path):
    """A directory mounted over that of the image shows that the program uses it by default."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=endpoint",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-addext",
                    "keyUsage=critical,digitalSignature,keyCertSign", "-keyout", str(key), "-out", str(certificate)],
                   check=True, capture_output=True)
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    hashed = subprocess.run(["openssl", "x509", "-noout", "-hash", "-in", str(certificate)], check=True,
                            capture_output=True, text=True).stdout.strip()
    (trusted / f"{hashed}.0").write_text(certificate.read_text())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Endpoint(tls=tls) as endpoint:
        container.connector(NAME, TOPIC, endpoint, {**FAST_SETTINGS, "request.retry.backoff.sec": [0.2] * 1000})
        container.start("--embedded-broker")
        produce(embedded(container), b"sent to a stranger\n")
        eventually(lambda: (container.value("retries_total", connector=NAME, reason="tls") or 0) > 0,
                   lambda: container.log.tail())
        assert not endpoint.requests
        container.stop()
        container.mounts = [{"destination": "/etc/ssl/certs", "type": "bind", "source": str(trusted),
                             "options": ["bind", "ro"]}]
        container.start("--embedded-broker")
        produce(embedded(container), b"sent to a friend\n")
        assert endpoint.wait_for(1)[0].body == b"sent to a friend"
        container.stop()


def test_check_works_in_the_container(container, endpoint):
    container.connector(NAME, TOPIC, endpoint)
    checked = container.command("check", f"{CONFIGURATION}/sidecar.toml", f"{CONFIGURATION}/connectors")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    container.write("wrong", 'topic = "orders"\n')
    checked = container.command("check", f"{CONFIGURATION}/connectors")
    assert checked.returncode == 1
    assert f"{CONFIGURATION}/connectors/wrong.toml:1:1: error: topic" in checked.stdout


def test_version_names_the_libraries(container):
    result = container.command("--version")
    assert result.returncode == 0
    for word in ("kafka-http-sink ", "librdkafka ", "Poco ", "toml++ ", "prometheus-cpp "):
        assert re.search(rf"^{re.escape(word)}\S+", result.stdout, re.MULTILINE), result.stdout


def test_drain_in_the_container_needs_no_shell(container, endpoint):
    container.connector(NAME, TOPIC, endpoint, FAST_SETTINGS)
    rest = Rest(container)
    container.start("--embedded-broker")
    produce(embedded(container), b"before\n")
    endpoint.wait_for(1)
    drained = container.execute("drain", "--url", f"http://{rest.worker}")
    assert drained.returncode == 0, drained.stderr
    container.wait_for_probe("/readyz", 503)
    container.stop()


def test_connectors_created_by_rest_are_stored_in_the_mounted_state_directory(container, endpoint):
    rest = Rest(container)
    container.start("--embedded-broker")
    rest.create(NAME, {"topics": TOPIC, "callback.request.url": endpoint.url}).must(201)
    kept = container.proc / "root" / STATE.lstrip("/")
    assert any(NAME in path.read_text() for path in kept.rglob("*") if path.is_file())
    assert os.stat(kept).st_uid == UID
    container.stop()


def test_without_a_state_volume_calls_fail_with_a_reason_and_files_work(stateless_container, endpoint):
    stateless_container.connector(NAME, TOPIC, endpoint, FAST_SETTINGS)
    rest = Rest(stateless_container)
    stateless_container.start("--embedded-broker")
    produce(embedded(stateless_container), b"by a file\n")
    assert endpoint.wait_for(1)[0].body == b"by a file"
    message = rest.create("by-rest", {"topics": TOPIC, "callback.request.url": endpoint.url}).must(500).json["message"]
    assert STATE in message and os.strerror(errno.EROFS) in message
    stateless_container.stop()


def test_an_empty_state_dir_keeps_the_state_in_memory(stateless_container, endpoint):
    rest = Rest(stateless_container)
    stateless_container.start("--embedded-broker", environment={"KAFKA_HTTP_SINK_STATE_DIR": ""})
    rest.create("by-rest", {"topics": TOPIC, "callback.request.url": endpoint.url}).must(201)
    assert is_read_only(stateless_container.proc / "root" / STATE.lstrip("/") / "written")
    stateless_container.stop()
