"""`convert` prints definitions of other HTTP sinks as ours; `check` says what their keys are called here."""

import json
import pathlib
import subprocess
import tomllib

import pytest

from sidecar import clean_environment

FIXTURES = sorted((pathlib.Path(__file__).parents[1] / "unit/config/foreign").glob("*/*.json"))
AIVEN = {"connector.class": "io.aiven.kafka.connect.http.HttpSinkConnector", "topics": "a",
         "http.url": "http://127.0.0.1:1/", "http.authorization.type": "none", "http.timeout": "7",
         "key.converter": "StringConverter", "value.converter": "StringConverter"}


def run(binary, *arguments, directory=None):
    return subprocess.run([str(binary), *map(str, arguments)], cwd=directory, env=clean_environment(), timeout=60,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def write(directory, definition):
    (directory / "orders.json").write_text(definition if isinstance(definition, str) else json.dumps(definition))
    return directory / "orders.json"


def comments(text):
    return [line for line in text.splitlines() if line.startswith("#")]


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_definition_of_another_sink_is_converted_and_losses_are_listed(binary, file):
    done = run(binary, "convert", file)
    expected = file.with_suffix(".toml").read_text()
    assert comments(done.stdout) == comments(expected)
    assert tomllib.loads(done.stdout) == tomllib.loads(expected)
    lost = [line.removeprefix("#   ") for line in comments(expected.partition("# Different:")[0].partition("# Not")[0])
            if line.startswith("#   ")]
    errors = [line.partition(": error: ")[2] for line in done.stderr.splitlines() if ": error: " in line]
    assert errors == lost
    assert done.returncode == (1 if lost else 0)


def test_there_are_ten_definitions_of_each_sink():
    kinds = [file.parent.name for file in FIXTURES]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"aiven": 10, "confluent": 10, "lenses": 10}


def test_what_is_printed_is_valid(binary, tmp_path):
    done = run(binary, "convert", write(tmp_path, {"name": "orders", "config": AIVEN}))
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "orders.toml").write_text(done.stdout)
    checked = run(binary, "check", "orders.toml", directory=tmp_path)
    assert checked.returncode == 0, checked.stdout
    assert tomllib.loads(done.stdout)["callback"]["timeout"]["read"]["ms"] == 7000


@pytest.mark.parametrize("definition", ["", "[]", "{", "topics = 'a'", "{}", '{"connector.class": "FileStreamSink"}',
                                        '{"config": {"callback.request.url": "http://h/"}}', '{"http.url": ["x"]}'])
def test_other_input_exits_with_2_and_a_reason(binary, tmp_path, definition):
    done = run(binary, "convert", write(tmp_path, definition))
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith(f"{tmp_path}/orders.json") and ": error: " in done.stderr


def test_a_file_that_cannot_be_read_exits_with_2(binary, tmp_path):
    for path in (tmp_path / "missing.json", tmp_path):
        done = run(binary, "convert", path)
        assert done.returncode == 2 and "cannot be read" in done.stderr and done.stdout == ""


def test_output_that_cannot_be_written_exits_with_1(binary, tmp_path):
    file = write(tmp_path, AIVEN)
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([binary, "convert", file], env=clean_environment(), timeout=60, stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1, "standard output: error: cannot be written: No space left on device\n")


@pytest.mark.parametrize("kind", [AIVEN["connector.class"], "com.example.Unknown"])
def test_check_says_what_to_use_instead_beside_any_class(binary, tmp_path, kind):
    config = {**AIVEN, "connector.class": kind}
    done = run(binary, "check", write(tmp_path, {"name": "orders", "config": config}))
    assert done.returncode == 1
    for key, instead in {"http.url": "use callback.request.url instead",
                         "http.timeout": "use callback.timeout.read.ms instead; in milliseconds"}.items():
        assert any(f"error: {key}: Unknown key of Aiven's HTTP sink: {instead}" in line
                   for line in done.stdout.splitlines()), done.stdout
    assert ("kafka-http-sink convert" in done.stdout) == (kind == AIVEN["connector.class"])


def test_validate_says_it_too_and_a_converted_definition_can_be_posted(sidecar, rest, binary, tmp_path, name):
    sidecar.start()
    reply = rest.put("/connector-plugins/HttpSink/config/validate", {**AIVEN, "name": name}).must(200)
    errors = {one["value"]["name"]: one["value"]["errors"] for one in reply.json["configs"]}
    assert errors["http.url"] == ["Unknown key of Aiven's HTTP sink: use callback.request.url instead"]
    converted = tomllib.loads(run(binary, "convert", write(tmp_path, AIVEN)).stdout)

    def flat(table, prefix=""):
        for key, value in table.items():
            if isinstance(value, dict):
                yield from flat(value, f"{prefix}{key}.")
            else:
                yield prefix + key, str(value)

    rest.post("/connectors", {"name": name, "config": {"connector.class": "HttpSink", **dict(flat(converted))}}).must(201)
