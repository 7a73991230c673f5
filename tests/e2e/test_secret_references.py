"""References to secrets in Kafka settings, and how `check` validates their syntax."""

import re
import subprocess
import time

import pytest

from observing import undisturbed
from rest import Rest, definition
from sidecar import clean_environment, toml
from test_secrets import assert_not_shown, write
from volume import Volume
from waiting import eventually, holds

WRONG = "wr0ng-passw0rd"


def secured(kafka, sidecar, **changed):
    """Writes SASL settings that read user and password from secret files."""
    keys = {"bootstrap.servers": kafka.sasl_bootstrap, "sasl.mechanism": "PLAIN", "security.protocol": "SASL_PLAINTEXT",
            "sasl.username": f"${{dir:{sidecar.secrets}/kafka:user}}",
            "sasl.password": f"${{file:{sidecar.secrets}/kafka/password}}"}
    keys.update(changed)
    return {f"consumer.override.{key}": value for key, value in keys.items()}


def test_a_sasl_password_from_a_file_is_rotated_without_a_rebalance(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    volume = Volume(sidecar.secrets / "kafka")
    volume.update({"user": "sink", "password": "sink-secret\n"})
    sidecar.connector(name, topic, endpoint, secured(kafka, sidecar))
    sidecar.start()
    endpoint.wait_for(1)
    sidecar.wait_running(name)
    renewals = sidecar.value("config_reloads_total", outcome="changed")
    with undisturbed(kafka, sidecar, name):
        volume.update({"user": "sink-2", "password": "sink-2-secret\n"})
        eventually(lambda: sidecar.value("config_reloads_total", outcome="changed") > renewals,
                   lambda: f"the rotation; log:\n{sidecar.log.tail()}")
        holds(lambda: sidecar.value("assigned_partitions", connector=name) == 1, "it keeps its partition", seconds=2)
        kafka.produce(topic, [b"1"])
        endpoint.wait_for(2)
    assert endpoint.bodies() == [b"0", b"1"]
    assert_not_shown(sidecar, "sink-secret", "sink-2-secret")


def test_librdkafka_messages_do_not_show_a_secret(kafka, sidecar, endpoint, name):
    rest, topic, secret = Rest(sidecar), kafka.topic(), "m1staken-s3cret"
    (sidecar.secrets / "wrong").write_text(secret)
    reference = f"${{file:{sidecar.secrets}/wrong}}"
    refused = {"consumer.override.security.protocol": "SASL_PLAINTEXT", "consumer.override.sasl.mechanism": reference}
    sidecar.connector(f"{name}-refused", topic, endpoint, refused)
    sidecar.connector(f"{name}-unreachable", topic, endpoint, {"consumer.override.bootstrap.servers": reference})
    sidecar.start()
    sidecar.log.wait_for(f"{name}-refused", "Unsupported SASL mechanism: [hidden]")
    sidecar.log.wait_for(f"{name}-unreachable", "librdkafka", "Failed to resolve '[hidden]")
    sidecar.log.wait_for(f"{name}-unreachable", "no broker reachable")
    answers = [rest.get(rest.at(f"{name}-{each}", "status")).must(200).body for each in ("refused", "unreachable")]
    answers.append(rest.create(f"{name}-posted", definition(topic, endpoint, refused)).must(400).body)
    assert b"[hidden]" in answers[0] and b"[hidden]" in answers[2] and secret.encode() not in b"".join(answers)
    assert_not_shown(sidecar, secret)


def test_correcting_a_wrong_sasl_password_in_its_file_recovers_the_connector(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    Volume(sidecar.secrets / "kafka").update({"user": "sink"})
    password = sidecar.secrets / "kafka" / "password"
    password.write_text(WRONG)
    sidecar.connector(name, topic, endpoint, secured(kafka, sidecar))
    sidecar.start()
    sidecar.log.wait_for(name, "authentication")
    assert endpoint.requests == []
    write(password, "sink-secret")
    corrected = time.monotonic()
    came = endpoint.wait_for(1)[0].time
    print(f"\ndelivered {came - corrected:.2f} s after the password was corrected")
    assert_not_shown(sidecar, WRONG, "sink-secret")


def test_the_sasl_password_of_all_clients_can_be_a_reference(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    kafka.produce(topic, [b"0"])
    (sidecar.secrets / "password").write_text("sink-secret")
    sidecar.settings.update({
        "kafka.bootstrap.servers": kafka.sasl_bootstrap, "kafka.sasl.mechanism": "PLAIN",
        "kafka.security.protocol": "SASL_PLAINTEXT", "kafka.sasl.username": "${env:KAFKA_USER}",
        "kafka.sasl.password": f"${{file:{sidecar.secrets}/password}}"})
    sidecar.connector(name, topic, endpoint)
    sidecar.start(environment={"KAFKA_USER": "sink"})
    endpoint.wait_for(1)
    assert_not_shown(sidecar, "sink-secret")


def test_a_missing_secret_of_all_clients_fails_the_start(sidecar_without_broker):
    sidecar_without_broker.settings.update({"kafka.bootstrap.servers": "127.0.0.1:1",
                                            "kafka.sasl.password": f"${{file:{sidecar_without_broker.secrets}/none}}"})
    sidecar_without_broker.start(wait=False)
    log = sidecar_without_broker.log
    assert sidecar_without_broker.wait_exit() == 1
    assert log.find("kafka.sasl.password", str(sidecar_without_broker.secrets / "none")), log.tail()


BAD_REFERENCES = {
    "unknown-kind": "${vault:/path:key}", "no-kind": "${NAME}", "empty": "${}", "unfinished": "${file:/run/token",
    "relative": "${file:token}", "dots": "${file:/run/../etc/token}", "no-key": "${dir:/run/secrets}",
    "empty-key": "${dir:/run/secrets:}", "empty-name": "${env:}", "empty-path": "${file:}",
    "key-is-dots": "${dir:/run/secrets:..}",
}


def check(binary, file):
    done = subprocess.run([str(binary), "check", str(file)], env=clean_environment(), timeout=60, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


@pytest.mark.parametrize("place", ["value", "header"])
@pytest.mark.parametrize("case", BAD_REFERENCES)
def test_check_reports_the_position_of_an_invalid_reference(binary, tmp_path, case, place):
    file = tmp_path / "one.toml"
    text = 'topics = "t"\ncallback.request.url = "http://localhost/"\n'
    if place == "value":
        key, lines = "consumer.override.sasl.password", (4,)
        text += f'# the password\n{key} = "{BAD_REFERENCES[case]}"\n'
    else:
        key, lines = "callback.request.headers", (3, 5)     # the line of the table or of the header
        text += f'[callback.request.headers]\nX-Good = "x"\nAuthorization = "Bearer {BAD_REFERENCES[case]}"\n'
    file.write_text(text)
    code, output = check(binary, file)
    found = re.findall(r"^(.*?):(\d+):(\d+): error: (.*)$", output, re.M)
    assert code == 1 and len(found) == 1, output
    where, line, column, message = found[0]
    assert where == str(file) and message.startswith(key), output
    assert int(line) in lines and 1 <= int(column) <= 36, output
    assert place == "value" or "Authorization" in message, output


def test_check_accepts_valid_references_without_reading_secrets(binary, tmp_path):
    file = tmp_path / "one.toml"
    file.write_text(toml({"topics": "t", "callback.request.url": "${file:/nowhere/url}", "tasks.max": "${env:TASKS}",
                          "callback.request.headers": {"A": "Bearer ${dir:/nowhere:token}", "B": "$${literal}"},
                          "consumer.override.sasl.password": "${file:/nowhere/password}"}))
    code, output = check(binary, file)
    assert code == 0 and "error" not in output, output


def test_check_reports_two_definitions_of_one_name(binary, tmp_path):
    for stem in ("one", "two"):
        file = tmp_path / f"{stem}.toml"
        file.write_text(toml({"name": "same", "topics": "t", "callback.request.url": "http://h/"}))
    code, output = check(binary, tmp_path)
    assert code == 1 and "one.toml" in output and "two.toml" in output and "name" in output, output
