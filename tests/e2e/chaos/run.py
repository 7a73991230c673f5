#!/usr/bin/python3
"""The long form: round after round of other seeds, and a table of what was injected and what came of it.

    KAFKA_HTTP_SINK=... run.py [--minutes 30] [--seed 1] [--write]

`--write` puts the table into tests/README.md. Every round ends with its judgement; the first that is
not clean ends the run. `--seed N --minutes 0` plays the one round of a seed again.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE)]

import figures  # noqa: E402
import kafka_cluster  # noqa: E402
from chaos_round import BROKER, play  # noqa: E402

SECONDS = 120       # of faults, a round


def table(rows, told, minutes, seeds, version):
    """In Markdown. `told` counts records, requests and the reasons of repeats."""
    reasons = "; ".join(f"{count:,} {why}" for why, count in sorted(told["repeats"].items())) or "none"
    lines = [f"Seeds {seeds[0]} to {seeds[-1]}, {minutes:.0f} minutes, {version}: {told['records']:,} records, "
             f"{told['requests']:,} requests. Repeats: {reasons}.", "",
             "| fault | times injected | records under way meanwhile | lost | unexplained repeats |",
             "|---|---|---|---|---|"]
    lines += [f"| {kind} | {' | '.join(f'{value:,}' for value in row)} |" for kind, row in sorted(rows.items())]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    binary = pathlib.Path(os.environ["KAFKA_HTTP_SINK"]).resolve()
    version = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split(" (")[0]
    rows, told, seeds = {}, {"records": 0, "requests": 0, "repeats": collections.Counter()}, []
    began = time.monotonic()
    broker = kafka_cluster.load_node().Broker(settings=BROKER)
    with contextlib.ExitStack() as ending:
        ending.callback(broker.stop)
        while not seeds or time.monotonic() - began < options.minutes * 60:
            seeds.append(options.seed + len(seeds))
            with tempfile.TemporaryDirectory() as directory:
                played = play(binary, broker, pathlib.Path(directory), seeds[-1], SECONDS)
            for kind, row in played.rows.items():
                rows[kind] = tuple(map(sum, zip(rows.get(kind, (0,) * len(row)), row)))
            told["records"] += played.records
            told["requests"] += played.requests
            told["repeats"].update(played.repeats)
            if played.problems:
                break
    text = table(rows, told, (time.monotonic() - began) / 60, seeds, version)
    print(text)
    played.must_be_clean()
    if options.write:
        figures.keep("chaos", text)


if __name__ == "__main__":
    main()
