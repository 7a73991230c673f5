"""The command line without a broker: check, --version, --help and wrong usage."""

import pathlib
import re
import subprocess

import pytest

from sidecar import clean_environment

PROBLEM = re.compile(r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): error: (?P<text>.+)$")
START = 'topics = "orders"\ncallback.request.url = "http://localhost/"\n'

# File -> (text, the key in the message, its line, the texts that the column may point at).
MISTAKES = {
    "unknown.toml": (START + "retry.backof.sec = [1]\n", "retry.backof.sec", 3, ("retry", "[1]")),
    "type.toml": (START + '\n  tasks.max = "many"\n', "tasks.max", 4, ("tasks", '"many"')),
    "url.toml": ('topics = "a"\ncallback.request.url = "ftp://host/"\n', "callback.request.url", 2,
                 ("callback", '"ftp')),
    "backoff.toml": (START + "retry.backoff.sec = [5, -1]\n", "retry.backoff.sec", 3, ("retry", "[5", "-1")),
    "both.toml": (START + '"topics.regex" = "a.*"\n', "topics", None, None),
    "missing.toml": ('topics = "a"\n', "callback.request.url", None, None),
    "strategy.toml": ("# strategy\n" + START + 'exception.strategy = "GIVE_UP"\n', "exception.strategy", 4,
                      ("exception", '"GIVE_UP"')),
    "method.toml": ('callback.request.method = "GET"\n' + START, "callback.request.method", 1, ("callback", '"GET"')),
    "converter.toml": (START + 'value.converter = "io.confluent.connect.avro.AvroConverter"\n', "value.converter", 3,
                       ("value", '"io')),
    "syntax.toml": (START + 'name = "unfinished\n', "", 3, None),
}


def run(binary, *arguments, directory=None):
    return subprocess.run([str(binary), *map(str, arguments)], cwd=directory, env=clean_environment(), timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


def problems(result):
    return [match for match in map(PROBLEM.match, result.stdout.splitlines()) if match]


def messages(result):
    """Returns the output without the summary."""
    return [line for line in result.stdout.splitlines() if not line.endswith("files valid")]


def write(directory, texts):
    for file, text in texts.items():
        (directory / file).write_text(text)
    return directory


def test_each_of_ten_mistakes_has_a_line_with_its_position(binary, tmp_path):
    write(tmp_path, {file: text for file, (text, *_) in MISTAKES.items()})
    result = run(binary, "check", tmp_path)
    found = {match["file"].rpartition("/")[2]: match for match in problems(result)}
    assert result.returncode == 1
    assert len(problems(result)) == 10 and set(found) == set(MISTAKES), result.stdout
    for file, (text, key, line, places) in MISTAKES.items():
        match = found[file]
        assert match["file"] == str(tmp_path / file)
        assert match["text"].startswith(key), match[0]
        if line is not None:
            assert int(match["line"]) == line, match[0]
        if places is not None:
            written = text.splitlines()[line - 1]
            assert int(match["column"]) in [written.index(place) + 1 for place in places], match[0]
    assert "retry.backoff.sec" in found["unknown.toml"]["text"].replace("retry.backof.sec", "", 1)


@pytest.mark.parametrize("text", ["transforms = \"a\"\n", "predicates = \"a\"\n", "tasks.max = 0\n",
                                  "delivery.ordering = \"chaos\"\n", "behavior.on.null.values = \"explode\"\n",
                                  "connector.class = \"FileStreamSink\"\n",
                                  "callback.request.headers = \"{not json\"\n",
                                  "callback.timeout.read.ms = -5\n"])
def test_other_mistakes_are_found(binary, tmp_path, text):
    write(tmp_path, {"one.toml": START + text})
    result = run(binary, "check", tmp_path / "one.toml")
    match, = problems(result)
    assert result.returncode == 1 and match["line"] == "3" and match["text"].startswith(text.split(" ")[0])


def test_every_problem_of_a_file_is_printed_and_valid_files_are_not(binary, tmp_path):
    write(tmp_path, {"good.toml": START, "bad.toml": START + 'tasks.max = "x"\nmore = 1\n', ".hidden.toml": "?",
                     "notes.txt": "?"})
    result = run(binary, "check", tmp_path)
    assert result.returncode == 1
    assert sorted((match["file"].rpartition("/")[2], match["line"]) for match in problems(result)) == [
        ("bad.toml", "3"), ("bad.toml", "4")]


def test_an_ignored_file_of_a_directory_is_a_warning(binary, tmp_path):
    write(tmp_path, {"good.toml": START, "orders.json": "{}", "BAD.TOML": "?", ".hidden.json": "?", "good.toml~": "?",
                     "README.md": "?"})
    (tmp_path / "folder").mkdir()
    result = run(binary, "check", tmp_path)
    assert result.returncode == 0
    assert messages(result) == [f"{tmp_path / name}: warning: ignored: only *.toml is read from a directory"
                                for name in ("BAD.TOML", "folder", "orders.json")]
    assert "1 files valid" in result.stdout


def test_many_ignored_files_are_counted(binary, tmp_path):
    write(tmp_path, {"good.toml": START, **{f"{i:03}.json": "{}" for i in range(300)}})
    result = run(binary, "check", tmp_path)
    assert result.returncode == 0 and len(messages(result)) == 21
    assert messages(result)[-1] == f"{tmp_path}: warning: and 280 more are ignored"


def test_a_directory_without_definitions_exits_with_1_and_a_reason(binary, tmp_path):
    write(tmp_path, {"orders.json": "{}"})
    (tmp_path / "empty").mkdir()
    for directory, warnings in ((tmp_path, 2), (tmp_path / "empty", 0)):
        result = run(binary, "check", directory)
        lines = messages(result)
        assert result.returncode == 1 and len(lines) == warnings + 1
        assert lines[-1] == f"{directory}: error: contains no *.toml file"


def test_files_and_directories_can_be_mixed_and_each_file_counts_once(binary, tmp_path):
    write(tmp_path, {"good.toml": START,
                     "rest.json": '{"name": "rest", "config": {"topics": "a", "callback.request.url": "http://h/"}}'})
    result = run(binary, "check", tmp_path, tmp_path / "good.toml", tmp_path / "rest.json")
    assert result.returncode == 0 and "2 files valid" in result.stdout
    # It is ignored in the directory; by its own path it is checked in the format of REST.
    assert messages(result) == [f"{tmp_path / 'rest.json'}: warning: ignored: only *.toml is read from a directory"]


def test_valid_definitions_exit_with_0(binary, tmp_path):
    write(tmp_path, {
        "plain.toml": START,
        "all.toml": """
            name = "all"
            connector.class = "nz.ac.auckland.kafka.http.sink.HttpSinkConnector"
            topics = ["a", "b"]
            tasks.max = 2
            exception.strategy = "progress_back_off_stop_task"
            retry.backoff.sec = "0.5,30,60"
            errors.tolerance = "all"
            key.converter = "org.apache.kafka.connect.storage.StringConverter"
            consumer.override.auto.offset.reset = "latest"
            [callback.request]
            url = "https://localhost:8443/path?x=1"
            method = "put"
            headers = { Authorization = "Basic YTpi" }
            """,
        "regex.toml": 'topics.regex = "orders-.*"\n"callback.request.url" = "http://[::1]:8080/"\n'})
    result = run(binary, "check", tmp_path)
    assert (result.returncode, problems(result)) == (0, []), result.stdout
    assert run(binary, "check", tmp_path / "plain.toml", tmp_path / "regex.toml").returncode == 0


def test_the_process_file_is_also_checked(binary, tmp_path):
    write(tmp_path, {"sidecar.toml": 'kafka.bootstrap.servers = "localhost:9092"\n'})
    assert run(binary, "check", tmp_path / "sidecar.toml").returncode == 0
    write(tmp_path, {"sidecar.toml": 'kafka.bootstrap.servers = "localhost:9092"\nmetrics.listn = "x:1"\n'})
    result = run(binary, "check", tmp_path / "sidecar.toml")
    match, = problems(result)
    assert result.returncode == 1 and match["line"] == "2" and "metrics.listen" in match["text"]


@pytest.mark.parametrize("arguments", [["check"], ["convert"], ["convert", "a.json", "b.json"], ["nonsense"],
                                       ["--nonsense"], ["run", "--nonsense"], ["check", "--nonsense", "x"],
                                       ["run", "--config"]], ids=" ".join)
def test_wrong_usage_exits_with_2(binary, arguments):
    result = run(binary, *arguments)
    assert result.returncode == 2 and result.stdout.strip()


def test_version_names_the_libraries(binary):
    result = run(binary, "--version")
    assert result.returncode == 0
    assert re.search(r"kafka-http-sink.*\d+\.\d+\.\d+", result.stdout)
    for library in ("librdkafka", "Poco", "toml++", "prometheus-cpp"):
        assert re.search(re.escape(library) + r"\D*\d+\.\d+", result.stdout, re.IGNORECASE), result.stdout


def test_help_names_the_subcommands(binary):
    result = run(binary, "--help")
    assert result.returncode == 0
    assert all(word in result.stdout for word in ("run", "check", "convert", "demo", "drain", "--version"))


ROOT = pathlib.Path(__file__).resolve().parents[2]
PROCESS_TABLES = ("kafka", "rest", "metrics", "connectors", "state", "log", "secrets", "shutdown", "endpoint",
                  "defaults")


def examples(kind):
    """(page, text) of each code block of that language in README.md and etc/*.md."""
    for page in (ROOT / "README.md", *sorted((ROOT / "etc").glob("*.md"))):
        for indent, block in re.findall(rf"^( *)```{kind}\n(.*?)^ *```$", page.read_text(), re.S | re.M):
            yield page.name, re.sub(rf"^{indent}", "", block, flags=re.M)


def whole(example):
    """The file that an example is, or is a part of: its name, and a text with what every such file needs."""
    if re.search(rf"^\[?({'|'.join(PROCESS_TABLES)})\b", example, re.M):
        brokers = "" if "bootstrap.servers" in example else 'kafka.bootstrap.servers = "localhost:9092"\n'
        return "sidecar.toml", brokers + example
    needs = ""
    if not re.search(r"^topics", example, re.M):
        needs += 'topics = "orders"\n'
    if not re.search(r"callback\.request\.url|^\[callback\.request\]$", example, re.M):
        needs += 'callback.request.url = "http://localhost/"\n'
    return "orders.toml", needs + example


@pytest.mark.parametrize("page, example", [pytest.param(*one, id=f"{one[0]}-{number}")
                                           for number, one in enumerate(examples("toml"))])
def test_a_toml_example_of_the_documentation_is_valid(binary, tmp_path, page, example):
    file, text = whole(example)
    (tmp_path / file).write_text(text)
    done = run(binary, "check", file, directory=tmp_path)
    assert done.returncode == 0, f"{page}: {done.stdout}"


def test_the_other_examples_of_the_documentation_are_valid(binary, tmp_path):
    assert len({page for page, _ in examples("toml")}) >= 6
    example, = [text for page, text in examples("json") if page == "README.md"]
    (tmp_path / "orders.json").write_text(example)
    done = run(binary, "check", "orders.json", directory=tmp_path)
    assert done.returncode == 0, done.stdout
    done = run(binary, "check", "etc/sidecar.toml", "etc/connectors", directory=ROOT)
    assert done.returncode == 0, done.stdout


def test_java_consumer_properties_are_checked_with_their_position(binary, tmp_path):
    java = START + 'consumer.override.max.poll.records = 500\nconsumer.override.fetch.max.wait.ms = "100"\n'
    write(tmp_path, {"good.toml": java, "bad.toml": java + 'consumer.override.ssl.truststore.location = "/ca.jks"\n',
                     "unknown.toml": java + 'consumer.override.max.pol.records = 5\n',
                     "twice.toml": java + 'consumer.override.fetch.wait.max.ms = 100\n'})
    found = {match["file"].rpartition("/")[2]: match for match in problems(run(binary, "check", tmp_path))}
    assert {file: (match["line"], match["text"].partition(":")[0]) for file, match in found.items()} == {
        "bad.toml": ("5", "consumer.override.ssl.truststore.location"),
        "unknown.toml": ("5", "consumer.override.max.pol.records"),
        "twice.toml": ("5", "consumer.override.fetch.wait.max.ms")}
    assert "ssl.ca.location" in found["bad.toml"]["text"]
    assert "nor Kafka's Java consumer" in found["unknown.toml"]["text"]
    assert "Is already given as consumer.override.fetch.max.wait.ms" in found["twice.toml"]["text"]
