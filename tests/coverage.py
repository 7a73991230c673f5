#!/usr/bin/python3
"""Prints the line coverage of the unit tests by room, writes it into tests/README.md, and fails below a room's minimum.

    coverage.py BUILD_DIRECTORY
"""

import collections
import json
import pathlib
import subprocess
import sys

import figures

ROOT = pathlib.Path(__file__).parents[1]
# Minimum in percent for the rooms that contain only pure logic.
PURE = {"delivery": 95, "config": 95}


def lines(build):
    """Returns room -> [lines, covered lines]."""
    # With threads gcov may write negative counts, which are ignored.
    report = subprocess.run(["gcovr", "--root", str(ROOT), "--filter", str(ROOT / "src") + "/", "--json-summary",
                             "--gcov-ignore-parse-errors", "--object-directory", str(build), str(build / "src")],
                            stdout=subprocess.PIPE, check=True).stdout
    rooms = collections.defaultdict(lambda: [0, 0])
    for file in json.loads(report)["files"]:
        parts = pathlib.PurePath(file["filename"]).parts
        room = rooms[parts[1] if len(parts) > 2 else "main.cc"]
        room[0] += file["line_total"]
        room[1] += file["line_covered"]
    return rooms


def main(build):
    rooms = lines(build)
    total = [sum(column) for column in zip(*rooms.values())]
    short, rows = False, ["| room | lines | run by unit tests | at least |", "|---|--:|--:|--:|"]
    for room, (count, ran) in [*sorted(rooms.items()), ("all", total)]:
        percent, due = 100 * ran / max(count, 1), PURE.get(room)
        short = short or (due is not None and percent < due)
        rows.append(f"| `{room}` | {count:,} | {percent:.1f} % | {f'{due} %' if due else '–'} |")
    print("\n".join(rows))
    assert set(PURE) <= set(rooms), "a room with a minimum was not measured"
    if not short:
        figures.keep("coverage", "\n".join(rows))
    return short


if __name__ == "__main__":
    sys.exit(1 if main(pathlib.Path(sys.argv[1]).resolve()) else 0)
