"""Checks the rooms of src/ against the table of src/README.md: which includes and foreign libraries are allowed."""

import collections
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SRC = ROOT / "src"
# Prefix of an include -> name of its library in the table. The standard library and the system are allowed everywhere.
LIBRARIES = {"Poco/": "Poco", "librdkafka/": "librdkafka", "toml++/": "toml++", "rapidjson/": "RapidJSON", "prometheus/": "prometheus-cpp",
             "spdlog/": "spdlog", "boost/": "Boost.Context", "openssl/": "OpenSSL", "CLI/": "CLI11", "tl/": "expected", "fmt/": "fmt"}
# Allowed in every room, because messages are formatted everywhere.
EVERYWHERE = {"fmt"}
INCLUDE = re.compile(r'^#include ([<"])([^>"]+)[>"]', re.M)


def rooms(readme):
    """Returns room -> (level, libraries that the table allows in it)."""
    found = {}
    for level, names, libraries in re.findall(r"^\| (\d+) \| (`[^|]+`) \|[^|]*\| ([^|]*) \|$", readme, re.M):
        for name in re.findall(r"`([\w.]+)/?`", names):
            found[name] = int(level), {word for word in LIBRARIES.values() if re.search(rf"\b{re.escape(word)}(?!\w)",
                                                                                        libraries)}
    return found


def room_of(path):
    parts = path.relative_to(SRC).parts
    return parts[0]


def sources():
    return {path: INCLUDE.findall(path.read_text()) for path in sorted(SRC.rglob("*"))
            if path.suffix in (".h", ".cc", ".in") and not path.name.endswith("json")}


def violations(files, table):
    """Returns all violations. `files`: path -> [(bracket, included)]."""
    found, included_by = [], collections.defaultdict(set)
    for path, includes in files.items():
        for bracket, name in includes:
            other = name.split("/")[0]
            if bracket == '"' and other in table and other != room_of(path):
                included_by[SRC / name].add(room_of(path))
    for path, includes in files.items():
        room = room_of(path)
        if room not in table:
            found.append(f"{path.relative_to(ROOT)}: the table of src/README.md has no room {room}")
            continue
        level, allowed = table[room]
        for bracket, name in includes:
            other = name.split("/")[0]
            if bracket == '"' and other in table and other != room and table[other][0] >= level:
                found.append(f"{path.relative_to(ROOT)}: {room} (level {level}) includes {name} (level {table[other][0]})")
            library = next((word for prefix, word in LIBRARIES.items() if name.startswith(prefix)), None)
            if library is None or library in EVERYWHERE:
                continue
            if library not in allowed:
                found.append(f"{path.relative_to(ROOT)}: {library} is not allowed in {room}")
            # expected and fmt are allowed in the headers of base, because C++23 has both.
            elif library != "expected" and not forward_only(name) and any(
                    library not in table.get(other, (0, set()))[1] for other in included_by[path]):
                found.append(f"{path.relative_to(ROOT)}: other rooms include it, and it exposes {library}")
    return found


def forward_only(name):
    """Whether the header only declares names."""
    return name == "openssl/types.h"


@pytest.fixture(scope="module")
def table():
    return rooms((SRC / "README.md").read_text())


def test_the_table_names_every_room(table):
    assert {path.name for path in SRC.iterdir() if path.is_dir()} <= set(table)
    assert len(table) >= 11 and table["base"][0] == 1 and "librdkafka" in table["kafka"][1]


def test_rooms_include_only_lower_rooms_and_do_not_expose_their_libraries(table):
    files = sources()
    assert len(files) > 200
    assert not violations(files, table), "\n".join(violations(files, table))


@pytest.mark.parametrize("path, include, words", [
    ("delivery/decision.cc", ('"', "task/lanes.h"), "delivery (level 2) includes task/lanes.h"),
    ("http/origin.h", ('"', "kafka/handles.h"), "http (level 7) includes kafka/handles.h (level 7)"),
    ("task/lanes.cc", ("<", "librdkafka/rdkafka.h"), "librdkafka is not allowed in task"),
    ("kafka/consumer.h", ("<", "librdkafka/rdkafka.h"), "other rooms include it, and it exposes librdkafka"),
    ("metrics/registry.h", ("<", "prometheus/registry.h"), "other rooms include it, and it exposes prometheus-cpp"),
    ("nowhere/new.cc", ('"', "base/log.h"), "no room nowhere")])
def test_a_planted_violation_is_found(table, path, include, words):
    files = collections.defaultdict(list, sources())
    files[SRC / path].append(include)
    assert [line for line in violations(files, table) if words in line]
