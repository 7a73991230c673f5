"""Checks that each threat in src/security.md names existing tests."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+), (\w+)\)", re.M)


def threats():
    text = (ROOT / "src/security.md").read_text()
    text = text[text.index("## Threats"):]
    return [line for line in text[:text.index("\n## ", 4)].splitlines() if line.startswith("| ")][1:]


def existing():
    tests = {".".join(match) for path in (ROOT / "tests").rglob("*_test.cc") for match in TEST.findall(path.read_text())}
    return tests | {path.stem.replace("test_", "e2e.", 1) for path in (ROOT / "tests/e2e").glob("test_*.py")}


def test_every_threat_names_existing_tests():
    lines = threats()
    assert len(lines) >= 15
    for line in lines:
        named = re.findall(r"`((?:\w+)\.(?:\w+))`", line.rsplit("|", 2)[1])
        assert named, f"no test: {line}"
        missing = set(named) - existing()
        assert not missing, f"{missing} in {line}"
