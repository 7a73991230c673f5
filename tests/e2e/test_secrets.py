"""Secrets: where references are allowed, how a rotation takes effect, and that no value is ever shown.

RATE (300; the full size is 1000) is the number of records per second while a secret is rotated. -s prints the figures.
"""

import os
import pathlib
import time

import pytest

from load import Load, assert_all_once
from observing import in_time, undisturbed
from volume import Volume
from waiting import eventually, holds

RATE = int(os.environ.get("RATE", "300"))
PARTITIONS, KEYS = 4, 40


def write(file, text):
    """Saves a plain file by a rename."""
    new = file.with_name(f".{file.name}.new")
    new.write_text(text)
    new.rename(file)


def shown(sidecar):
    """Returns everything that the process outputs or stores."""
    texts = ["\n".join(sidecar.log.lines), "\n".join(sidecar.out.lines)]
    texts += [sidecar.get(path)[2] for path in ("/metrics", "/readyz", "/livez", "/startupz", "/connectors")]
    texts += [file.read_text(errors="replace") for file in sidecar.state.rglob("*") if file.is_file()]
    if sidecar.process:
        process = pathlib.Path(f"/proc/{sidecar.process.pid}")
        texts += [file.read_text(errors="replace") for file in (process / "cmdline", process / "comm")]
    return "\n".join(texts)


def assert_not_shown(sidecar, *secrets):
    text = shown(sidecar)
    for one in secrets:
        assert one not in text, [line for line in text.splitlines() if one in line][:3]


def authorized(reference):
    return {"callback.request.headers": {"Authorization": f"Bearer {reference}"}}


def bearers(requests):
    return [one.headers["authorization"] for one in requests]


def test_references_are_replaced_by_their_values(kafka, sidecar, endpoint, name):
    topic = kafka.topic()
    (sidecar.secrets / "token").write_text("fi1e-s3cret\n")
    volume = Volume(sidecar.secrets / "api")
    volume.update({"user": "d1r-s3cret", "other": "unused-s3cret"})
    sidecar.connector(name, topic, endpoint, {"callback.request.headers": {
        "X-File": f"${{file:{sidecar.secrets}/token}}", "X-Dir": f"a ${{dir:{sidecar.secrets}/api:user}} b",
        "X-Env": "${env:A_SECRET}", "X-Literal": "$${env:A_SECRET}"}})
    sidecar.start(environment={"A_SECRET": "env-s3cret"})
    kafka.produce(topic, [b"x"])
    headers = endpoint.wait_for(1)[0].headers
    assert headers["x-file"] == "fi1e-s3cret" and headers["x-dir"] == "a d1r-s3cret b"
    assert headers["x-env"] == "env-s3cret" and headers["x-literal"] == "${env:A_SECRET}"
    assert_not_shown(sidecar, "fi1e-s3cret", "d1r-s3cret", "env-s3cret", "unused-s3cret")


@pytest.mark.parametrize("kind", ["volume", "volume-as-older-kubelets", "rename", "in-place"])
def test_a_secret_rotated_under_load_takes_effect_without_a_restart(kafka, sidecar, endpoint, name, kind):
    topic = kafka.topic(PARTITIONS)
    old, new = "0ld-s3cret-value", "n3w-s3cret-value"
    directory = sidecar.secrets / "api"
    volume = Volume(directory)
    if kind.startswith("volume"):
        volume.update({"token": old})
    else:
        (directory / "token").write_text(old)
    reference = f"${{dir:{directory}:token}}" if kind != "rename" else f"${{file:{directory}/token}}"
    other, other_topic = f"{name}-other", kafka.topic()
    sidecar.connector(name, topic, endpoint, authorized(reference))
    sidecar.connector(other, other_topic, endpoint)
    sidecar.start()
    sidecar.wait_running(name, other)
    with undisturbed(kafka, sidecar, name, other), Load(kafka, topic, RATE, PARTITIONS, KEYS) as load:
        endpoint.wait_for(RATE)
        rotated = time.monotonic()
        if kind.startswith("volume"):
            volume.update({"token": new, "more": "x"}, links_first=kind != "volume")
        elif kind == "rename":
            write(directory / "token", new)
        else:
            (directory / "token").write_text(new)
        first = eventually(lambda: [one for one in endpoint.of(topic) if one.headers["authorization"].endswith(new)],
                           lambda: f"the new value; log:\n{sidecar.log.tail()}")[0]
        in_time(f"a secret rotated under {RATE} records/s ({kind})", first.time - rotated, bound=1.5)
        endpoint.wait_for(len(endpoint.requests) + RATE)
        count = load.stop()
        assert_all_once(kafka, name, topic, count, endpoint)
    assert set(bearers(endpoint.requests)) == {f"Bearer {old}", f"Bearer {new}"}
    last_old = max(one.time for one in endpoint.requests if one.headers["authorization"].endswith(old))
    assert last_old - first.time < 1, "the old value was still used after the new one"
    assert_not_shown(sidecar, old, new)
    sidecar.stop()
    assert old not in "\n".join(sidecar.log.lines) and new not in "\n".join(sidecar.log.lines)


@pytest.mark.parametrize("broken", ["empty", "blank", "missing", "too-large"])
def test_the_last_good_value_of_a_missing_secret_stays_in_use(kafka, sidecar, endpoint, name, broken):
    topic, token = kafka.topic(), sidecar.secrets / "token"
    token.write_text("g00d-s3cret")
    sidecar.connector(name, topic, endpoint, authorized(f"${{file:{token}}}"))
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name):
        if broken == "missing":
            token.unlink()
        else:
            write(token, {"empty": "", "blank": " \n", "too-large": "l4rge-s3cret" * 200_000}[broken])
        sidecar.wait_for_value(1, "connector_invalid", connector=name)
        sidecar.log.wait_for("level=error", str(token))
        kafka.produce(topic, [b"0"])
        endpoint.wait_for(1)
        holds(lambda: sidecar.value("connector_state", connector=name, state="running") == 1, "it runs", seconds=1)
        write(token, "b3tter-s3cret")
        sidecar.wait_for_value(0, "connector_invalid", connector=name)
        kafka.produce(topic, [b"1"])
        endpoint.wait_for(2)
    assert bearers(endpoint.requests) == ["Bearer g00d-s3cret", "Bearer b3tter-s3cret"]
    assert_not_shown(sidecar, "g00d-s3cret", "b3tter-s3cret", "l4rge-s3cret")


def test_a_connector_with_a_missing_secret_starts_when_the_secret_exists(kafka, sidecar, endpoint, name):
    topic, other_topic, other = kafka.topic(), kafka.topic(), f"{name}-other"
    for each in (topic, other_topic):
        kafka.produce(each, [b"x"])
    sidecar.connector(name, topic, endpoint, authorized(f"${{dir:{sidecar.secrets}/later:token}}"))
    sidecar.connector(other, other_topic, endpoint)
    sidecar.start()
    endpoint.wait_for(1, other_topic)
    sidecar.wait_for_value(1, "connector_state", connector=name, state="failed")
    assert sidecar.value("connector_invalid", connector=name) == 1 and endpoint.of(topic) == []
    sidecar.log.wait_for("level=error", f"{name}.toml", "callback.request.headers")
    Volume(sidecar.secrets / "later").update({"token": "l4te-s3cret"})
    assert bearers(endpoint.wait_for(1, topic)) == ["Bearer l4te-s3cret"]
    sidecar.wait_for_value(0, "connector_invalid", connector=name)
    assert_not_shown(sidecar, "l4te-s3cret")


OUTSIDE = "0utside-s3cret"
REFUSED = {
    "outside": lambda secrets, outside: f"${{file:{outside}/token}}",
    "a-directory-outside": lambda secrets, outside: f"${{dir:{outside}:token}}",
    "dots": lambda secrets, outside: f"${{file:{secrets}/../outside/token}}",
    "dots-in-a-key": lambda secrets, outside: f"${{dir:{secrets}:../outside/token}}",
    "a-link-out": lambda secrets, outside: f"${{file:{secrets}/link}}",
    "a-directory-that-is-a-link-out": lambda secrets, outside: f"${{dir:{secrets}/linked:token}}",
    "a-name-that-begins-alike": lambda secrets, outside: f"${{file:{secrets}-2/token}}",
    "a-key-with-a-slash": lambda secrets, outside: f"${{dir:{secrets}:linked/token}}",
    "relative": lambda secrets, outside: "${file:secrets/token}",
    "a-system-file": lambda secrets, outside: "${file:/etc/hostname}",
}


@pytest.mark.parametrize("case", REFUSED)
def test_files_outside_the_secret_directories_are_never_read(kafka, sidecar, endpoint, name, case):
    topic, outside = kafka.topic(), sidecar.directory / "outside"
    kafka.produce(topic, [b"x"])
    for directory in (outside, sidecar.directory / "secrets-2"):
        directory.mkdir()
        (directory / "token").write_text(OUTSIDE)
    (sidecar.secrets / "link").symlink_to("../outside/token")
    (sidecar.secrets / "linked").symlink_to(outside)
    sidecar.connector(name, topic, endpoint, authorized(REFUSED[case](sidecar.secrets, outside)))
    sidecar.start()
    sidecar.wait_for_value(1, "connector_invalid", connector=name)
    sidecar.wait_for_value(1, "connector_state", connector=name, state="failed")
    line = sidecar.log.wait_for("level=error", f"{name}.toml", "callback.request.headers")[0]
    print(f"\n{case}: {line.partition('error=')[2]}")
    assert endpoint.requests == []
    assert_not_shown(sidecar, OUTSIDE)


def test_a_link_changed_to_lead_outside_keeps_the_last_good_secret(kafka, sidecar, endpoint, name):
    topic, outside = kafka.topic(), sidecar.directory / "outside"
    outside.write_text(OUTSIDE)
    (sidecar.secrets / "token").write_text("1nside-s3cret")
    link = sidecar.secrets / "link"
    link.symlink_to("token")
    sidecar.connector(name, topic, endpoint, authorized(f"${{file:{link}}}"))
    sidecar.start()
    sidecar.wait_running(name)
    with undisturbed(kafka, sidecar, name):
        link.unlink()
        link.symlink_to(outside)
        sidecar.wait_for_value(1, "connector_invalid", connector=name)
        kafka.produce(topic, [b"x"])
        assert bearers(endpoint.wait_for(1)) == ["Bearer 1nside-s3cret"]
    assert_not_shown(sidecar, OUTSIDE, "1nside-s3cret")


@pytest.mark.parametrize("value", ["with\nnewline", "with\x01control"], ids=["newline", "control"])
def test_a_secret_that_is_invalid_in_a_header_is_rejected_without_showing_it(kafka, sidecar, endpoint, name, value):
    topic, token = kafka.topic(), sidecar.secrets / "token"
    kafka.produce(topic, [b"x"])
    token.write_text(f"s3cret-{value}")
    sidecar.connector(name, topic, endpoint, authorized(f"${{file:{token}}}"))
    sidecar.start()
    sidecar.wait_for_value(1, "connector_invalid", connector=name)
    assert endpoint.requests == []
    assert_not_shown(sidecar, "s3cret-with", "newline", "control\n")
    write(token, "fine")
    assert bearers(endpoint.wait_for(1)) == ["Bearer fine"]


def test_a_url_that_comes_from_a_secret_is_rotated_and_not_shown(kafka, sidecar, endpoint, second_endpoint, name):
    topic, url = kafka.topic(), sidecar.secrets / "url"
    url.write_text(f"{endpoint.url}/h00k-s3cret\n")
    sidecar.connector(name, topic, f"${{file:{url}}}")
    sidecar.start()
    sidecar.wait_running(name)
    kafka.produce(topic, [b"0"])
    assert endpoint.wait_for(1)[0].target == "/records/h00k-s3cret"
    with undisturbed(kafka, sidecar, name):
        write(url, f"{second_endpoint.url}/n3w-s3cret\n")
        number = iter(range(1000))

        def moved():
            kafka.produce(topic, [b"%d" % next(number)])
            return second_endpoint.requests

        assert eventually(moved, "the new URL")[0].target == "/records/n3w-s3cret"
        second_endpoint.refuse()
        kafka.produce(topic, [b"an error is logged"])
        sidecar.wait_for_value(1, "records_waiting_retry", connector=name)
        assert_not_shown(sidecar, "h00k-s3cret", "n3w-s3cret")
        write(url, f"{endpoint.url}\n")
        sidecar.wait_for_value(0, "records_waiting_retry", connector=name)
